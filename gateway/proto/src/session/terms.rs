//! What this server offers a client, and what it asks of it.

use std::sync::Arc;

use crate::version::Qos;

/// The server's side of the bargain, one per listener; announced in CONNACK \[MQTT-3.2.2.3\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// PUBLISHes of QoS 1 and 2 a client may have unacknowledged (Receive Maximum).
    pub receive_max: u16,
    /// Longest packet taken, fixed header included (Maximum Packet Size).
    pub packet_bytes_max: u32,
    /// Highest topic alias a client may use; 0 allows none (Topic Alias Maximum).
    pub topic_alias_max: u16,
    /// Longest keep-alive allowed, in seconds; 0 leaves it to the client (Server Keep Alive).
    pub keep_alive_secs_max: u16,
    /// Longest client identifier taken, in bytes.
    pub client_id_bytes_max: u16,
    /// Highest QoS a client may publish with (Maximum QoS).
    pub maximum_qos: Qos,
    /// Longest life of a session without a connection, in seconds; `u32::MAX` is for ever. What
    /// MQTT 3 clients without clean session get, and MQTT 5 clients at most.
    pub session_expiry_secs_max: u32,
    /// Messages of QoS 1 and 2 a client has in flight at most, whatever it would take.
    pub in_flight_max: u16,
    /// Highest topic alias the server uses towards a client that allows some; 0 for none. Such a
    /// client's table lives as long as its connection.
    pub topic_alias_out_max: u16,
    /// Messages that wait for one client at most, those in flight not counted.
    pub queue_messages_max: usize,
    /// Bytes that wait for one client or are in flight to it at most.
    pub queue_bytes_max: usize,
    /// Bytes that wait for all clients of one shard together at most.
    pub queued_bytes_max: usize,
    /// Which message goes when one more does not fit into an offline session's queue.
    pub drop_rule: DropRule,
    /// What a client that asks for response information gets in front of its client id; `None`
    /// gives it nothing \[MQTT-3.1.2-28\].
    pub response_information: Option<Arc<str>>,
    /// Methods of enhanced authentication on offer.
    pub authentication_methods: Arc<[Box<str>]>,
}

/// Which message goes when one more does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropRule {
    /// The one that has waited longest.
    Oldest,
    /// The one that came last.
    Newest,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            receive_max: 256,
            packet_bytes_max: 1 << 20,
            topic_alias_max: 16,
            keep_alive_secs_max: 0,
            client_id_bytes_max: 256,
            maximum_qos: Qos::ExactlyOnce,
            session_expiry_secs_max: 7 * 24 * 3600,
            in_flight_max: 256,
            topic_alias_out_max: 16,
            queue_messages_max: 1_000,
            queue_bytes_max: 8 << 20,
            queued_bytes_max: 1 << 30,
            drop_rule: DropRule::Oldest,
            response_information: None,
            authentication_methods: Arc::default(),
        }
    }
}
