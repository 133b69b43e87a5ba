//! The server under test: the gateway's own binary, a mosquitto, or one that runs already.

use crate::support::gateway::Gateway;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Target {
    address: SocketAddr,
    server: Server,
    names: AtomicU32,
}

enum Server {
    Gateway(#[allow(dead_code, reason = "it ends when this is dropped")] Gateway),
    Mosquitto(Child),
    Running,
}

impl Target {
    /// What `MQTT_TARGET` names; without it one gateway process.
    pub(crate) fn start() -> Target {
        let wanted = std::env::var("MQTT_TARGET").ok();
        let (address, server) = match wanted.as_deref() {
            None => {
                let gateway = Gateway::start();
                (gateway.mqtt(), Server::Gateway(gateway))
            }
            Some("mosquitto") => mosquitto(),
            Some(address) => {
                let address = address.parse().expect("MQTT_TARGET is an ADDRESS:PORT");
                (address, Server::Running)
            }
        };
        Target {
            address,
            server,
            names: AtomicU32::new(0),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether another project made this server, which may use every freedom it has.
    pub(crate) fn is_foreign(&self) -> bool {
        !matches!(self.server, Server::Gateway(_))
    }

    pub(crate) fn is_mosquitto(&self) -> bool {
        matches!(self.server, Server::Mosquitto(_))
    }

    /// A name that no other case of this run has, nor a run before against the same server.
    pub(crate) fn unique(&self, what: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        format!("{what}{}x{number}", std::process::id())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Server::Mosquitto(child) = &mut self.server {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A mosquitto on a port that was free a moment ago.
fn mosquitto() -> (SocketAddr, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    drop(listener);
    let text = format!(
        "listener {} 127.0.0.1\nallow_anonymous true\nmax_topic_alias 16\nlog_type none\n",
        address.port()
    );
    let config = crate::support::gateway::config_file(&text);
    let mut child = Command::new("mosquitto")
        .arg("-c")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mosquitto is installed");
    let up = crate::support::ask_until(crate::support::DEADLINE, || {
        TcpStream::connect(address).ok()
    });
    if up.is_none() {
        let _ = child.kill();
        panic!("mosquitto does not listen on {address}");
    }
    (address, Server::Mosquitto(child))
}
