//! A web service that answers by a script, well or badly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

/// A web service of the test's own: each connection gets all requests answered by `script`, which
/// may also keep the connection to itself.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) requests: Arc<AtomicUsize>,
}

pub(super) struct Asked {
    pub(super) head: String,
    pub(super) body: Value,
}

pub(super) type Script = fn(&mut TcpStream, Asked);

impl Peer {
    pub(super) fn new(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = listener.local_addr().expect("it has an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let counted = Arc::clone(&counted);
                let stream = stream.expect("a client comes");
                thread::spawn(move || serve(stream, &counted, script));
            }
        });
        Self { address, requests }
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }
}

fn serve(mut stream: TcpStream, counted: &AtomicUsize, script: Script) {
    let mut reader = BufReader::new(stream.try_clone().expect("it can be cloned"));
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match reader.read_line(&mut head) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().expect("a number"));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("it comes whole");
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        counted.fetch_add(1, Ordering::AcqRel);
        script(&mut stream, Asked { head, body });
    }
}

pub(super) fn say(stream: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
    stream
        .write_all(answer.as_bytes())
        .expect("the client listens");
}
