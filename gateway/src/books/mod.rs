//! The books of one shard: every counter that shard keeps, where one thread writes and any reads.
//!
//! Adding a counter is one line of the table below: the struct, the constructor, `/metrics` and
//! `/api/v1/stats` all follow from it.

mod balance;
mod cell;
mod histogram;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

pub use balance::Balance;
pub use cell::{Cells, Count, LABELS_MAX, Tally};
pub use histogram::{Histogram, HistogramReading};

use tributary_identity::Refusal;

use crate::overload::Overload;
use crate::quota;

/// What the shard's vocabularies are called outside, in the order of their indices.
///
/// They come from the code that owns each vocabulary, so that a new variant there needs no edit
/// here.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Why a connection ended.
    pub close: &'static [&'static str],
    /// Why a publish was refused.
    pub refusal: &'static [&'static str],
    /// How the bytes of a peer were wrong.
    pub malformed: &'static [&'static str],
    /// How a peer was wrong before and around its MQTT.
    pub transport: &'static [&'static str],
    /// How a peer was wrong in its TLS.
    pub tls: &'static [&'static str],
    /// Which bound of the budget was hit.
    pub bound: &'static [&'static str],
    /// Why a copy of a message did not reach its subscriber.
    pub loss: &'static [&'static str],
}

/// The three of them, by their numbers.
const QOS: &[&str] = &["0", "1", "2"];

/// What a client does with a topic, in the order of the rules' own actions.
const ACTIONS: &[&str] = &["publish", "subscribe", "receive", "retain"];

/// Kinds of TLS handshakes, in the order in which [`ShardBooks::tls_handshakes`] counts them.
const HANDSHAKES: &[&str] = &["full", "resumed"];

/// Protocol versions, in the order in which [`ShardBooks::connects`] counts them.
pub const VERSIONS: &[&str] = &["3.1", "3.1.1", "5"];

/// What Prometheus has to know about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows while the process lives.
    Counter,
    /// A level, up and down.
    Gauge,
}

/// One metric as one shard, or the sum of several, had it when it was read.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Without the `_total` that the text format adds to a counter.
    pub metric: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    /// Name of the label; empty when there is one value only.
    pub label: &'static str,
    /// Values of the label, beside `values`; one empty string when there is no label.
    pub labels: &'static [&'static str],
    pub values: Vec<u64>,
}

impl Entry {
    /// Over all values of the label.
    pub fn sum(&self) -> u64 {
        self.values.iter().sum()
    }
}

macro_rules! books {
    ($names:ident; $(
        $field:ident : $cells:ty = $new:expr,
        $kind:ident $metric:literal $label:literal, $help:literal;
    )*) => {
        /// Written by the thread of one shard alone, read by the control thread.
        ///
        /// Aligned to two cache lines (the prefetcher fetches pairs), so that no shard's counting
        /// slows its neighbour's.
        #[repr(align(128))]
        #[derive(Debug)]
        pub struct ShardBooks {
            $( #[doc = $help] pub $field: $cells, )*
            /// Publishes, from received to settled: the part of the books that must balance.
            pub publishes: Balance,
            /// How long one turn of the loop took.
            pub loop_time: Histogram,
            /// Milliseconds from `opened` to the last sign of life.
            heartbeat_millis: AtomicU64,
            opened: Instant,
        }

        impl ShardBooks {
            /// Empty books. Fails to start (by panic) when a vocabulary outgrows [`LABELS_MAX`].
            pub fn new($names: &Names) -> Self {
                ShardBooks {
                    $( $field: $new, )*
                    publishes: Balance::new($names.refusal),
                    loop_time: Histogram::new(),
                    heartbeat_millis: AtomicU64::new(0),
                    opened: Instant::now(),
                }
            }

            /// Every metric but the histogram, in a fixed order.
            ///
            /// The publishes are read as they stood at the end of one turn, so their sums balance.
            pub fn read(&self) -> Vec<Entry> {
                let mut entries = vec![ $( Entry {
                    metric: $metric,
                    help: $help,
                    kind: Kind::$kind,
                    label: $label,
                    labels: self.$field.labels(),
                    values: self.$field.values(),
                }, )* ];
                entries.extend(self.publishes.read());
                entries
            }
        }
    };
}

books! { names;
    connects: Tally<4> = Tally::new(VERSIONS), Counter "tributary_connects" "version",
        "Clients accepted by CONNACK, by protocol version";
    connections: Count = Count::new(), Gauge "tributary_connections" "",
        "Clients connected now";
    disconnects: Tally = Tally::new(names.close), Counter "tributary_disconnects" "reason",
        "Connections that ended, by reason";
    malformed: Tally = Tally::new(names.malformed), Counter "tributary_malformed" "kind",
        "Packets that broke the protocol, by how";
    transport_faults: Tally = Tally::new(names.transport),
        Counter "tributary_transport_faults" "kind",
        "Faults in PROXY headers, requests for a WebSocket and frames, by how";
    tls_handshakes: Tally<2> = Tally::new(HANDSHAKES), Counter "tributary_tls_handshakes" "kind",
        "TLS handshakes that ended well: full ones, and resumed by a ticket";
    tls_failures: Tally = Tally::new(names.tls), Counter "tributary_tls_failures" "reason",
        "TLS handshakes and records that were wrong, by how";
    tls_half_open: Count = Count::new(), Gauge "tributary_tls_half_open" "",
        "TLS handshakes that have begun and not ended";
    packets_in: Count = Count::new(), Counter "tributary_packets_in" "",
        "MQTT packets received";
    bytes_in: Count = Count::new(), Counter "tributary_bytes_in" "",
        "Bytes received from clients";
    bytes_out: Count = Count::new(), Counter "tributary_bytes_out" "",
        "Bytes sent to clients";
    publishes_unrouted: Count = Count::new(), Counter "tributary_publishes_unrouted" "",
        "Publishes that no route wanted: acknowledged and kept nowhere";
    accepted_dropped: Tally<32> = Tally::new(names.refusal), Counter "tributary_accepted_dropped"
        "reason", "Publishes acknowledged at once, as their route asks, that Kafka does not have";
    packets_out: Count = Count::new(), Counter "tributary_packets_out" "",
        "MQTT packets sent";
    payload_bytes_in: Count = Count::new(), Counter "tributary_payload_bytes_in" "",
        "Bytes of the payloads of PUBLISH packets received";
    payload_bytes_out: Count = Count::new(), Counter "tributary_payload_bytes_out" "",
        "Bytes of the payloads of PUBLISH packets sent";
    auth_failures: Count = Count::new(), Counter "tributary_auth_failures" "",
        "Authentications that did not prove who the client is";
    auth_refused: Tally<32> = Tally::new(Refusal::NAMES), Counter "tributary_auth_refused" "reason",
        "Strangers who have not shown who they are, by reason";
    auth_held_off: Count = Count::new(), Counter "tributary_auth_held_off" "",
        "Strangers turned away since their address has shown too many wrong passwords";
    takeovers_refused: Count = Count::new(), Counter "tributary_takeovers_refused" "",
        "Clients turned away since another user has a session with their client id";
    access_denied: Tally<4> = Tally::new(ACTIONS), Counter "tributary_access_denied" "action",
        "What clients asked for and the rules deny, by action";
    access_revoked: Count = Count::new(), Counter "tributary_access_revoked" "",
        "Subscriptions taken away since the rules no longer allow them";
    sessions: Count = Count::new(), Gauge "tributary_sessions" "",
        "Sessions, of clients connected now and of those that are away";
    sessions_expired: Count = Count::new(), Counter "tributary_sessions_expired" "",
        "Sessions that ended because their client stayed away too long";
    subscriptions: Count = Count::new(), Gauge "tributary_subscriptions" "",
        "Subscriptions of all sessions, shared ones included";
    shared_subscriptions: Count = Count::new(), Gauge "tributary_shared_subscriptions" "",
        "Those of them that are shared";
    deliveries: Tally<4> = Tally::new(QOS), Counter "tributary_deliveries" "qos",
        "Copies of messages sent to subscribers for the first time, by QoS";
    deliveries_dropped: Tally<8> = Tally::new(names.loss), Counter "tributary_deliveries_dropped"
        "reason", "Copies of messages that their subscriber will not get, by reason";
    retransmissions: Count = Count::new(), Counter "tributary_retransmissions" "",
        "PUBLISH and PUBREL packets sent again to a client that came back";
    in_flight: Count = Count::new(), Gauge "tributary_in_flight" "",
        "Copies of QoS 1 and 2 sent and not acknowledged by their subscriber yet";
    queued_messages: Count = Count::new(), Gauge "tributary_queued_messages" "",
        "Copies that wait for their subscriber";
    queued_bytes: Count = Count::new(), Gauge "tributary_queued_bytes" "",
        "Bytes of the copies that wait for their subscriber";
    group_picks: Count = Count::new(), Counter "tributary_group_picks" "",
        "Messages of shared subscriptions given to one of their members";
    forwarded: Count = Count::new(), Counter "tributary_forwarded" "",
        "Notes to other shards that a subscriber may wait there";
    wills_published: Count = Count::new(), Counter "tributary_wills_published" "",
        "Wills published";
    retained_messages: Count = Count::new(), Gauge "tributary_retained_messages" "",
        "Retained messages";
    retained_bytes: Count = Count::new(), Gauge "tributary_retained_bytes" "",
        "Bytes of the retained messages";
    store_batches: Count = Count::new(), Counter "tributary_store_batches" "",
        "Batches of changes given to the session store";
    store_waiting: Count = Count::new(), Gauge "tributary_store_waiting" "",
        "Batches that the session store has not committed yet";
    store_full: Count = Count::new(), Counter "tributary_store_full" "",
        "Batches that had to wait because the session store's queue was full";
    pauses: Count = Count::new(), Counter "tributary_pauses" "",
        "Sockets no longer read: a lane is full, or the client is owed too much";
    resumes: Count = Count::new(), Counter "tributary_resumes" "",
        "Paused sockets read again";
    handed_over: Count = Count::new(), Counter "tributary_handed_over" "",
        "Connections sent on to their home shard";
    taken_over: Count = Count::new(), Counter "tributary_taken_over" "",
        "Connections received from the shard that accepted them";
    promotions: Count = Count::new(), Counter "tributary_promotions" "",
        "Connections promoted to multishot receive";
    demotions: Count = Count::new(), Counter "tributary_demotions" "",
        "Connections back on the one-shot poll";
    shed: Tally<8> = Tally::new(Overload::NAMES), Counter "tributary_shed" "reason",
        "Newcomers turned away because of overload, by reason";
    overloaded: Tally<8> = Tally::new(Overload::NAMES), Gauge "tributary_overloaded" "reason",
        "Shards that turn newcomers away now, by reason";
    quota_hits: Tally<16> = Tally::new(quota::NAMES), Counter "tributary_quota_hits" "quota",
        "Times a quota held up or refused a message or a newcomer, by quota";
    event_delay_micros: Count = Count::new(), Gauge "tributary_event_delay_microseconds" "",
        "How long an event waits until its shard looks at it, smoothed; summed over the shards";
    stalled_millis: Count = Count::new(), Counter "tributary_stalled_milliseconds" "",
        "Time in which a shard's thread did not run; no client's silence in it is counted";
    bounds_hit: Tally = Tally::new(names.bound), Counter "tributary_bounds_hit" "bound",
        "Times a bound of the budget was reached, by bound";
    ring_accepted: Count = Count::new(), Counter "tributary_ring_accepted" "",
        "Sockets accepted by the rings";
    ring_accept_failed: Count = Count::new(), Counter "tributary_ring_accept_failed" "",
        "Accepts that the kernel ended with an error";
    ring_enters: Count = Count::new(), Counter "tributary_ring_enters" "",
        "Calls of io_uring_enter";
    ring_completions: Count = Count::new(), Counter "tributary_ring_completions" "",
        "Completions taken from the rings";
    ring_no_buffers: Count = Count::new(), Counter "tributary_ring_no_buffers" "",
        "Receives that found the buffer ring empty";
    ring_cq_overflow: Count = Count::new(), Counter "tributary_ring_cq_overflow" "",
        "Times a completion queue overflowed";
    ring_stale: Count = Count::new(), Counter "tributary_ring_stale" "",
        "Completions for a connection that had already left its slot";
}

impl ShardBooks {
    /// A sign of life, once per tick, parked or not.
    pub fn beat(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.opened).as_millis() as u64;
        self.heartbeat_millis.store(millis, Ordering::Relaxed);
    }

    /// How long ago the last sign of life was, in milliseconds.
    pub fn silent_millis(&self, now: Instant) -> u64 {
        let millis = now.saturating_duration_since(self.opened).as_millis() as u64;
        millis.saturating_sub(self.heartbeat_millis.load(Ordering::Relaxed))
    }
}

/// Live bytes in the allocator, of the whole process; jemalloc sums its threads up only when its
/// epoch advances.
pub fn user_bytes() -> Option<u64> {
    tikv_jemalloc_ctl::epoch::advance().ok()?;
    let allocated = tikv_jemalloc_ctl::stats::allocated::read();
    allocated.ok().map(|bytes| bytes as u64)
}

/// Adds up what several shards read; empty when there is none.
pub fn sum(shards: &[Vec<Entry>]) -> Vec<Entry> {
    let mut total = shards.first().cloned().unwrap_or_default();
    for entries in shards.iter().skip(1) {
        for (into, from) in total.iter_mut().zip(entries) {
            for (value, more) in into.values.iter_mut().zip(&from.values) {
                *value += more;
            }
        }
    }
    total
}
