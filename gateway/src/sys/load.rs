//! Load: what happens in a minute, as moving averages over one, five and fifteen of them.

use super::Reading;

/// Reads one count off the books.
type Count = fn(&Reading) -> u64;

/// What is averaged, and the count it is told from.
pub(super) const LOADS: [(&str, Count); 9] = [
    ("messages/received", |r| r.packets_received),
    ("messages/sent", |r| r.packets_sent),
    ("publish/received", |r| r.publishes_received),
    ("publish/sent", |r| r.publishes_sent),
    ("publish/dropped", |r| r.publishes_dropped),
    ("bytes/received", |r| r.bytes_received),
    ("bytes/sent", |r| r.bytes_sent),
    ("sockets", |r| r.sockets),
    ("connections", |r| r.connects),
];

const MINUTES: [u32; 3] = [1, 5, 15];

/// The names of all averages, one count after the other.
pub(super) fn names() -> impl Iterator<Item = String> {
    let of_one =
        |(name, _): (&'static str, _)| MINUTES.map(|minutes| format!("load/{name}/{minutes}min"));
    LOADS.into_iter().flat_map(of_one)
}

/// The three averages of one count, per minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load([f64; MINUTES.len()]);

impl Load {
    /// Takes in how much came in how many seconds. As mosquitto and the load of a Unix system do:
    /// what is older than the average's span weighs 1/e.
    pub(super) fn on_interval(&mut self, more: u64, elapsed_secs: u64) {
        if elapsed_secs == 0 {
            return;
        }
        let per_minute = more as f64 * 60.0 / elapsed_secs as f64;
        for (average, minutes) in self.0.iter_mut().zip(MINUTES) {
            let keep = (-(elapsed_secs as f64) / f64::from(60 * minutes)).exp();
            *average = per_minute + keep * (*average - per_minute);
        }
    }

    pub(super) fn payloads(&self) -> [String; MINUTES.len()] {
        self.0.map(|average| format!("{average:.2}"))
    }
}
