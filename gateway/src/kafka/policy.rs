//! What a route wants for its records when Kafka is away; each record carries it.

/// Where a record goes while Kafka does not take it, and when its device is told that it is safe.
///
/// Order holds among records of one key and one policy: what waits for Kafka and what waits on disk
/// cannot be put in one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It waits for Kafka, and so does its device.
    #[default]
    Withhold,
    /// As `Withhold`, and nothing new is taken while the lane is down.
    Reject,
    /// It waits for Kafka while the lane is up, for the disk from when it is down until all that
    /// was spooled is in Kafka.
    SpoolInOutage,
    /// It always goes to disk first.
    SpoolFirst,
}
