//! An address that leads to another, which can change: what a name in DNS or a load balancer is.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Takes connections for as long as the test lasts and carries their bytes to where it points.
pub(crate) struct Relay {
    address: SocketAddr,
    target: Arc<Mutex<String>>,
}

impl Relay {
    pub(crate) fn to(target: String) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let target = Arc::new(Mutex::new(target));
        let pointed = Arc::clone(&target);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let target = pointed.lock().expect("no holder panics").clone();
                // Nobody there: the connection ends at once, which the caller sees.
                if let Ok(other) = TcpStream::connect(target) {
                    carry(&stream, &other);
                    carry(&other, &stream);
                }
            }
        });
        Relay { address, target }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// New connections lead there; those that are, stay.
    pub(crate) fn point_to(&self, target: String) {
        *self.target.lock().expect("no holder panics") = target;
    }
}

/// Carries what comes from one to the other until either ends.
fn carry(from: &TcpStream, to: &TcpStream) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor is left");
    let (mut from, mut to) = (clone(from), clone(to));
    std::thread::spawn(move || {
        let mut chunk = [0; 16 << 10];
        while let Ok(length @ 1..) = from.read(&mut chunk) {
            if to.write_all(&chunk[..length]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
