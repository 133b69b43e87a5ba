//! The words a lane answers with: to an offer at once, to a record when Kafka has spoken.

/// The lane's answer to a record that a shard wants to hand over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Offer {
    /// Room is claimed: submit the record, or give the room back with [`super::Lane::withdraw`].
    Accepted,
    /// No room now: stop reading the sockets concerned until [`ReportSink::room`].
    Full,
    /// This record will never be taken.
    Refused(Refusal),
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Kafka has it, on all in-sync replicas.
    Delivered,
    /// The spool has it, on disk; Kafka will.
    Spooled,
    /// Kafka does not have it and the lane will not try again.
    Failed(Refusal),
}

/// Why a record does not go into Kafka, each with one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The topic does not exist, and the cluster does not make it.
    TopicMissing,
    /// The name that the route made of the publish is not one that Kafka allows.
    TopicIllegal,
    /// The lane already knows as many topics as it may.
    TopicsTooMany,
    /// Larger than the lane, the topic or the cluster takes.
    TooLarge,
    /// The cluster does not let this gateway write there.
    NotAllowed,
    /// The cluster said no for a reason that lies in the record.
    Rejected,
    /// The lane is draining or gone.
    Stopping,
    /// The lane is down, and the route wants no message to wait.
    Outage,
    /// The spool is full, or its disk has failed.
    SpoolFull,
    /// Its publisher is over a quota.
    Quota,
}

impl Refusal {
    pub const ALL: [Refusal; 10] = [
        Refusal::TopicMissing,
        Refusal::TopicIllegal,
        Refusal::TopicsTooMany,
        Refusal::TooLarge,
        Refusal::NotAllowed,
        Refusal::Rejected,
        Refusal::Stopping,
        Refusal::Outage,
        Refusal::SpoolFull,
        Refusal::Quota,
    ];

    /// All names, in the order of [`Refusal::ALL`].
    pub const NAMES: &[&str] = &{
        let mut names = [""; Refusal::ALL.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = Refusal::ALL[index].name();
            index += 1;
        }
        names
    };

    /// Whether it is the topic that Kafka will not have, and not the record.
    pub(super) fn is_of_topic(self) -> bool {
        matches!(self, Refusal::TopicMissing | Refusal::NotAllowed)
    }

    /// The value of the label `reason` in metrics, and the word in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Refusal::TopicMissing => "topic_missing",
            Refusal::TopicIllegal => "topic_illegal",
            Refusal::TopicsTooMany => "topics_too_many",
            Refusal::TooLarge => "too_large",
            Refusal::NotAllowed => "not_allowed",
            Refusal::Rejected => "rejected",
            Refusal::Stopping => "stopping",
            Refusal::Outage => "outage",
            Refusal::SpoolFull => "spool_full",
            Refusal::Quota => "quota",
        }
    }
}

/// Takes the answers home to the shards; called on the lane's threads, so it must never wait.
pub trait ReportSink: Send + Sync {
    /// The answer to one record, exactly once per record submitted. `ticket` is the word it came
    /// with.
    fn report(&self, ticket: u64, outcome: Outcome);
    /// A burst of reports is over: wake the shards that got something.
    fn flush(&self);
    /// The lane has fallen below its low water after it had said [`Offer::Full`]: paused clients
    /// may go on.
    fn room(&self);
}
