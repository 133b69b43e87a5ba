//! One thread's books: counts, latencies, the series per second, and its hand on the ledger.

use crate::clock::NANOS_PER_SEC;
use crate::close::Close;
use crate::ledger::{Kind, Pen};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;

/// Seconds that the series keeps; what happens later is counted but has no line of its own.
pub const SERIES_SECS_MAX: usize = 3_600;
const NANOS_PER_MICRO: u64 = 1_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub connects_tried: u64,
    pub connects_made: u64,
    pub connects_refused: u64,
    pub reconnects: u64,
    pub connections_ended: u64,
    pub handshakes_full: u64,
    pub handshakes_resumed: u64,
    pub subscriptions_granted: u64,
    pub subscriptions_refused: u64,
    pub sent: u64,
    pub resent: u64,
    pub acknowledged: u64,
    pub refused: u64,
    pub unacknowledged: u64,
    pub unsent: u64,
    /// Clients of QoS 0 of whom the server had not read everything at the end.
    pub clients_unread: u64,
    pub received: u64,
    pub pings_sent: u64,
    pub pings_answered: u64,
    /// Clients with a clean start that were told of a session, or of another connection.
    pub wrong_takeovers: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub reads: u64,
    pub writes: u64,
    pub waits: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.connects_tried += other.connects_tried;
        self.connects_made += other.connects_made;
        self.connects_refused += other.connects_refused;
        self.reconnects += other.reconnects;
        self.connections_ended += other.connections_ended;
        self.handshakes_full += other.handshakes_full;
        self.handshakes_resumed += other.handshakes_resumed;
        self.subscriptions_granted += other.subscriptions_granted;
        self.subscriptions_refused += other.subscriptions_refused;
        self.sent += other.sent;
        self.resent += other.resent;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unacknowledged += other.unacknowledged;
        self.unsent += other.unsent;
        self.clients_unread += other.clients_unread;
        self.received += other.received;
        self.pings_sent += other.pings_sent;
        self.pings_answered += other.pings_answered;
        self.wrong_takeovers += other.wrong_takeovers;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.reads += other.reads;
        self.writes += other.writes;
        self.waits += other.waits;
    }
}

/// What happened in one second of the run.
#[derive(Clone)]
pub struct Second {
    pub connected: u64,
    pub refused: u64,
    pub ended: u64,
    pub pings: u64,
    pub sent: u64,
    pub acknowledged: u64,
    pub latency_us: Histogram<u32>,
}

impl Second {
    fn new() -> Self {
        Self {
            connected: 0,
            refused: 0,
            ended: 0,
            pings: 0,
            sent: 0,
            acknowledged: 0,
            latency_us: histogram(2),
        }
    }
}

/// What a thread brings home.
pub struct Outcome {
    pub books: Books,
    /// CPU of this thread while it published, or over its life where it did not.
    pub cpu_ns: u64,
}

pub struct Books {
    pub counts: Counts,
    pub closes: BTreeMap<Close, u64>,
    /// From the intended start of a connect to its CONNACK.
    pub connect_ns: Histogram<u64>,
    /// From the intended time of a publish to its last acknowledgement.
    pub publish_ns: Histogram<u64>,
    /// The same for each return of all clients after a storm.
    pub returns_ns: Vec<Histogram<u64>>,
    /// From a PINGREQ to its answer.
    pub ping_ns: Histogram<u64>,
    /// How long after its intended time the client itself came to send.
    pub late_ns: Histogram<u64>,
    pub seconds: Vec<Second>,
    pub pen: Option<Pen>,
    /// Where second 0 of the series begins.
    pub series_start_ns: u64,
}

impl Books {
    pub fn new(pen: Option<Pen>, series_start_ns: u64) -> Self {
        Self {
            counts: Counts::default(),
            closes: BTreeMap::new(),
            connect_ns: histogram(3),
            publish_ns: histogram(3),
            returns_ns: Vec::new(),
            ping_ns: histogram(3),
            late_ns: histogram(3),
            seconds: Vec::new(),
            pen,
            series_start_ns,
        }
    }

    pub fn connected(&mut self, now_ns: u64, intended_ns: u64) {
        self.counts.connects_made += 1;
        let latency_ns = now_ns.saturating_sub(intended_ns);
        record(
            self.returns_ns.last_mut().unwrap_or(&mut self.connect_ns),
            latency_ns,
        );
        if let Some(second) = self.second(now_ns) {
            second.connected += 1;
        }
    }

    /// From here on connects are those of the next return.
    pub fn begin_return(&mut self) {
        self.returns_ns.push(histogram(3));
    }

    pub fn pinged(&mut self, now_ns: u64, latency_ns: u64) {
        self.counts.pings_answered += 1;
        record(&mut self.ping_ns, latency_ns);
        if let Some(second) = self.second(now_ns) {
            second.pings += 1;
        }
    }

    pub fn came_late(&mut self, late_ns: u64) {
        record(&mut self.late_ns, late_ns);
    }

    pub fn closed(&mut self, close: Close, now_ns: u64) {
        let is_refusal = close.is_refusal();
        if is_refusal {
            self.counts.connects_refused += 1;
        } else {
            self.counts.connections_ended += 1;
        }
        if let Some(second) = self.second(now_ns) {
            second.refused += u64::from(is_refusal);
            second.ended += u64::from(!is_refusal);
        }
        *self.closes.entry(close).or_default() += 1;
    }

    /// Connections that ended because we wanted it.
    pub fn ended_by_us(&self) -> u64 {
        let ours = self.closes.iter().filter(|(close, _)| close.is_ours());
        ours.map(|(_, count)| *count).sum()
    }

    pub fn sent(&mut self, now_ns: u64, messages: u64) {
        self.counts.sent += messages;
        if let Some(second) = self.second(now_ns) {
            second.sent += messages;
        }
    }

    pub fn acknowledged(&mut self, now_ns: u64, intended_ns: u64) {
        let latency_ns = now_ns.saturating_sub(intended_ns).max(1);
        self.counts.acknowledged += 1;
        record(&mut self.publish_ns, latency_ns);
        if let Some(second) = self.second(now_ns) {
            second.acknowledged += 1;
            record(&mut second.latency_us, latency_ns / NANOS_PER_MICRO);
        }
    }

    pub fn note(&mut self, kind: Kind, device: u32, sequence: u32) {
        if let Some(pen) = &mut self.pen {
            pen.note(kind, device, sequence);
        }
    }

    fn second(&mut self, now_ns: u64) -> Option<&mut Second> {
        let index = (now_ns.saturating_sub(self.series_start_ns) / NANOS_PER_SEC) as usize;
        if index >= SERIES_SECS_MAX {
            return None;
        }
        if index >= self.seconds.len() {
            self.seconds.resize_with(index + 1, Second::new);
        }
        self.seconds.get_mut(index)
    }

    /// Takes in the books of another thread.
    pub fn merge(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        for (close, count) in &other.closes {
            *self.closes.entry(*close).or_default() += count;
        }
        // Histograms that resize themselves take in any other.
        let _ = self.connect_ns.add(&other.connect_ns);
        let _ = self.publish_ns.add(&other.publish_ns);
        let _ = self.late_ns.add(&other.late_ns);
        let _ = self.ping_ns.add(&other.ping_ns);
        while self.returns_ns.len() < other.returns_ns.len() {
            self.begin_return();
        }
        for (mine, theirs) in self.returns_ns.iter_mut().zip(&other.returns_ns) {
            let _ = mine.add(theirs);
        }
        if self.seconds.len() < other.seconds.len() {
            self.seconds.resize_with(other.seconds.len(), Second::new);
        }
        for (mine, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            mine.connected += theirs.connected;
            mine.refused += theirs.refused;
            mine.ended += theirs.ended;
            mine.pings += theirs.pings;
            mine.sent += theirs.sent;
            mine.acknowledged += theirs.acknowledged;
            let _ = mine.latency_us.add(&theirs.latency_us);
        }
    }
}

fn record<C: hdrhistogram::Counter>(histogram: &mut Histogram<C>, value: u64) {
    // A histogram that resizes itself has a place for every value above 0.
    let _ = histogram.record(value.max(1));
}

fn histogram<C: hdrhistogram::Counter>(digits: u8) -> Histogram<C> {
    let mut histogram =
        Histogram::new(digits).expect("2 and 3 digits are within the 0 to 5 that it takes");
    histogram.auto(true);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_of_two_threads_stand_in_one_series() {
        let (mut one, mut two) = (Books::new(None, 0), Books::new(None, 0));
        one.acknowledged(5_000_000, 0);
        one.connected(9_000_000, 1_000_000);
        two.acknowledged(NANOS_PER_SEC + 70_000_000_000, 0);
        one.merge(&two);
        assert_eq!(one.counts.acknowledged, 2);
        assert_eq!(one.seconds.len(), 72);
        assert_eq!(
            (one.seconds[0].acknowledged, one.seconds[71].acknowledged),
            (1, 1)
        );
        let near = |is: u64, ought: u64| is.abs_diff(ought) * 100 < ought;
        assert!(near(one.connect_ns.max(), 8_000_000));
        assert!(near(one.publish_ns.min(), 5_000_000));
        assert!(near(one.publish_ns.max(), 71_000_000_000));
        assert!(near(one.seconds[0].latency_us.max(), 5_000));
    }
}
