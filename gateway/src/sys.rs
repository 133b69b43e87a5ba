//! The `$SYS` topics: what the books say, under the names that mosquitto gives it, so that its
//! dashboards and monitors work here too.
//!
//! Pure: [`Sys::on_interval`] is fed a [`Reading`] and says which topics have changed. Where a
//! topic of mosquitto's cannot mean the same here:
//!
//! | topic below `$SYS/broker` | here |
//! | --- | --- |
//! | `connection/#` | left out: there are no bridges, Kafka is between nodes |
//! | `clients/maximum` | clients connected, as its manual has it; its code counts the absent |
//! | `clients/maximum`, `heap/maximum` | the highest that an interval ended with |
//! | `heap/...` | live bytes of the whole process, with what librdkafka has in hand |
//! | `messages/stored`, `store/...` | a message that waits for ten clients counts ten times |
//! | `store/messages/bytes` | what the bounds are held against: payload, topic and overhead |
//! | `publish/messages/dropped` | copies that their subscriber did not get, for any reason |
//! | `publish/.../sent` | copies for subscribers; what went to Kafka is in `/metrics` alone |

mod load;
mod reading;
#[cfg(test)]
mod tests;

use load::{LOADS, Load};
pub use reading::Reading;

const ROOT: &str = "$SYS/broker/";

/// Reads one number off the books or off what is remembered of earlier intervals.
type Value = fn(&Reading, &Peaks) -> u64;

/// Each topic that is one whole number; the names that mosquitto calls deprecated are still those
/// that dashboards ask for.
const NUMBERS: [(&str, Value); 27] = [
    ("clients/total", |r, _| r.sessions),
    ("clients/connected", |r, _| r.connected),
    ("clients/active", |r, _| r.connected),
    ("clients/disconnected", |r, _| r.disconnected()),
    ("clients/inactive", |r, _| r.disconnected()),
    ("clients/maximum", |_, peaks| peaks.clients),
    ("clients/expired", |r, _| r.sessions_expired),
    ("messages/received", |r, _| r.packets_received),
    ("messages/sent", |r, _| r.packets_sent),
    ("messages/stored", |r, _| r.stored()),
    ("messages/inflight", |r, _| r.in_flight),
    ("store/messages/count", |r, _| r.stored()),
    ("store/messages/bytes", |r, _| {
        r.retained_bytes + r.queued_bytes
    }),
    ("publish/messages/received", |r, _| r.publishes_received),
    ("publish/messages/sent", |r, _| r.publishes_sent),
    ("publish/messages/dropped", |r, _| r.publishes_dropped),
    ("publish/bytes/received", |r, _| r.payload_bytes_received),
    ("publish/bytes/sent", |r, _| r.payload_bytes_sent),
    ("bytes/received", |r, _| r.bytes_received),
    ("bytes/sent", |r, _| r.bytes_sent),
    ("retained messages/count", |r, _| r.retained),
    ("subscriptions/count", |r, _| r.subscriptions),
    ("shared_subscriptions/count", |r, _| r.shared_subscriptions),
    ("heap/current", |r, _| r.heap_bytes),
    ("heap/maximum", |_, peaks| peaks.heap_bytes),
    ("heap/current size", |r, _| r.heap_bytes),
    ("heap/maximum size", |_, peaks| peaks.heap_bytes),
];

/// The `$SYS` topics of one node, and what was last said under each.
#[derive(Debug)]
pub struct Sys {
    version: String,
    last: Reading,
    peaks: Peaks,
    loads: [Load; LOADS.len()],
    told: Vec<Told>,
}

/// The highest that was seen so far.
#[derive(Debug, Default)]
struct Peaks {
    clients: u64,
    heap_bytes: u64,
}

#[derive(Debug)]
struct Told {
    topic: Box<str>,
    payload: String,
}

impl Sys {
    /// `version` without the name of the program.
    pub fn new(version: &str) -> Self {
        let numbers = NUMBERS.iter().map(|(name, _)| (*name).to_string());
        let names = ["version", "uptime"].map(str::to_string).into_iter();
        let topics = names.chain(numbers).chain(load::names());
        Self {
            version: format!("tributary version {version}"),
            last: Reading::default(),
            peaks: Peaks::default(),
            loads: [Load::default(); LOADS.len()],
            told: topics
                .map(|name| Told {
                    topic: [ROOT, &name].concat().into(),
                    payload: String::new(),
                })
                .collect(),
        }
    }

    /// Ends an interval: gives `publish` each topic with its payload whose payload has changed. The
    /// first time that is all of them. They are to be retained, at QoS 0, by nobody.
    pub fn on_interval(&mut self, reading: &Reading, publish: &mut impl FnMut(&str, &str)) {
        self.peaks.clients = self.peaks.clients.max(reading.connected);
        self.peaks.heap_bytes = self.peaks.heap_bytes.max(reading.heap_bytes);
        let elapsed_secs = reading.uptime_secs.saturating_sub(self.last.uptime_secs);
        for (load, (_, count)) in self.loads.iter_mut().zip(LOADS) {
            let more = count(reading).saturating_sub(count(&self.last));
            load.on_interval(more, elapsed_secs);
        }
        self.last = *reading;
        let payloads: Vec<String> = self.payloads(reading).collect();
        for (told, payload) in self.told.iter_mut().zip(payloads) {
            if told.payload != payload {
                told.payload = payload;
                publish(&told.topic, &told.payload);
            }
        }
    }

    /// In the order of the topics.
    fn payloads<'a>(&'a self, reading: &'a Reading) -> impl Iterator<Item = String> + 'a {
        let uptime = format!("{} seconds", reading.uptime_secs);
        let number = |(_, value): &(&str, Value)| value(reading, &self.peaks).to_string();
        [self.version.clone(), uptime]
            .into_iter()
            .chain(NUMBERS.iter().map(number))
            .chain(self.loads.iter().flat_map(Load::payloads))
    }
}
