//! What this server offers a client, and what it asks of it.

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
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            receive_max: 256,
            packet_bytes_max: 1 << 20,
            topic_alias_max: 16,
            keep_alive_secs_max: 0,
            client_id_bytes_max: 256,
        }
    }
}
