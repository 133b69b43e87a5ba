//! What every hazard needs: the real binary, its metrics, a raw MQTT client and a reader of Kafka.

pub(crate) mod client;
pub(crate) mod delivery;
pub(crate) mod doorway;
pub(crate) mod gateway;
pub(crate) mod kafka;
pub(crate) mod metrics;
pub(crate) mod output;
pub(crate) mod pki;
pub(crate) mod property;
pub(crate) mod relay;
pub(crate) mod rules;
pub(crate) mod subscriber;
pub(crate) mod tunnel;
pub(crate) mod way;
pub(crate) mod websocket;
pub(crate) mod wire;

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long anything may take before the test gives up: generous, since the machine may be busy
/// and no test here is about time.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Asks again and again until the answer is there; `None` when it is not there after `within`.
pub(crate) fn ask_until<T>(within: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + within;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Sends bytes that the gateway is bound to take.
pub(crate) fn send_all(mut stream: &TcpStream, bytes: &[u8]) {
    stream
        .write_all(bytes)
        .expect("the gateway reads what is sent");
}

/// Sends bytes to a gateway that may close before it has read them all.
pub(crate) fn send_unless_closed(mut stream: &TcpStream, bytes: &[u8]) {
    if let Err(error) = stream.write_all(bytes) {
        let closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(
            closed.contains(&error.kind()),
            "sending failed otherwise: {error}"
        );
    }
}
