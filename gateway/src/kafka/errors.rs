//! Kafka's errors sorted once, by what must happen next: wait, refuse this record, give up the
//! producer.

use rdkafka::types::RDKafkaErrorCode as Code;

use super::outcome::Refusal;

/// What must happen next with a record whose delivery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it again, before what stands behind it.
    Wait,
    /// Kafka does not take it.
    Refuse(Refusal),
    /// Kafka does not take the batch because of a record in it: which one shows when it is cut.
    RefuseOneOf(Refusal),
    /// The producer is done for; a new one sends the record again.
    GiveUp,
}

/// Sorts the error of a delivery report or of a send.
pub(super) fn sort(code: Code) -> Verdict {
    match code {
        Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition => {
            Verdict::Refuse(Refusal::TopicMissing)
        }
        Code::InvalidTopic => Verdict::Refuse(Refusal::TopicIllegal),
        Code::TopicAuthorizationFailed => Verdict::Refuse(Refusal::NotAllowed),
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            Verdict::RefuseOneOf(Refusal::TooLarge)
        }
        Code::InvalidRecord
        | Code::InvalidMessage
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::InvalidRequest
        | Code::InvalidArgument => Verdict::RefuseOneOf(Refusal::Rejected),
        // With idempotence each of these is the end of the producer id (KIP-360).
        Code::Fatal
        | Code::OutOfOrderSequenceNumber
        | Code::UnknownProducerId
        | Code::ProducerFenced
        | Code::Fenced
        | Code::GaplessGuarantee
        | Code::Inconsistent
        | Code::ClusterAuthorizationFailed => Verdict::GiveUp,
        // Outages, leader moves, our own purge, an innocent record beside a bad one, and what
        // nobody has thought of: Kafka may take it later, and nothing is acknowledged meanwhile.
        _ => Verdict::Wait,
    }
}

/// What an operator can do about an error that concerns the whole cluster.
pub(super) fn remedy(code: Code) -> &'static str {
    match code {
        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::MessageTimedOut => {
            "is Kafka running, and reachable from here under the addresses in `brokers` and under \
             its advertised listeners? Records wait meanwhile, up to the lane's bounds"
        }
        Code::Resolve => "check the host names in `brokers` and in Kafka's advertised listeners",
        Code::Authentication | Code::SaslAuthenticationFailed => {
            "check sasl.mechanisms, sasl.username and sasl.password in `properties`, and that the \
             cluster knows this user by this mechanism"
        }
        Code::UnsupportedSASLMechanism | Code::IllegalSASLState => {
            "check sasl.mechanisms and security.protocol in `properties` against the listener"
        }
        Code::SSL => {
            "check in `properties` that ssl.ca.location has the CA which signed the brokers' \
             certificates, that these name the hosts in `brokers`, and whether the listener wants \
             a certificate of ours (ssl.keystore.location, or ssl.certificate.location and its key)"
        }
        Code::TopicAuthorizationFailed => "grant this user WRITE and DESCRIBE on the topic",
        Code::ClusterAuthorizationFailed => {
            "grant this user IDEMPOTENT_WRITE on the cluster, or WRITE on the topics (KIP-679)"
        }
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            "create the topic, or name another one in the route"
        }
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend | Code::ISRInsufficient => {
            "bring the missing brokers back, or lower min.insync.replicas of the topic"
        }
        _ => "see the error's name in Kafka's documentation, and the brokers' logs",
    }
}

/// The error that is behind one of a connection: a broker that turns our certificate away does so
/// after the handshake is over for us (RFC 8446, 4.4.2.4), which looks like a lost connection.
pub(super) fn cause(code: Code, reason: &str) -> Code {
    match code {
        Code::BrokerTransportFailure if reason.contains("SSL routines") => Code::SSL,
        _ => code,
    }
}

/// Whether an error says why the cluster cannot be used, and not only that.
pub(super) fn names_cause(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL
            | Code::Resolve
            | Code::ClusterAuthorizationFailed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_never_refuses_and_never_gives_up() {
        for code in [
            Code::AllBrokersDown,
            Code::BrokerTransportFailure,
            Code::NotLeaderForPartition,
            Code::NotEnoughReplicas,
            Code::RequestTimedOut,
            Code::MessageTimedOut,
            Code::PurgeQueue,
            Code::PurgeInflight,
            Code::QueueFull,
            Code::InvalidDifferentRecord,
        ] {
            assert_eq!(sort(code), Verdict::Wait, "{code:?}");
        }
    }

    #[test]
    fn a_certificate_that_is_turned_away_is_not_taken_for_a_lost_connection() {
        let turned_away =
            "Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate";
        assert_eq!(cause(Code::BrokerTransportFailure, turned_away), Code::SSL);
        let reset = "Receive failed: Connection reset by peer";
        let lost = Code::BrokerTransportFailure;
        assert_eq!(cause(lost, reset), lost);
        assert!(names_cause(Code::SSL) && !names_cause(lost));
    }

    #[test]
    fn each_other_kind_of_error_has_its_consequence() {
        use Refusal::{NotAllowed, Rejected, TooLarge, TopicMissing};
        assert_eq!(sort(Code::OutOfOrderSequenceNumber), Verdict::GiveUp);
        assert_eq!(sort(Code::Fatal), Verdict::GiveUp);
        assert_eq!(
            sort(Code::UnknownTopicOrPartition),
            Verdict::Refuse(TopicMissing)
        );
        assert_eq!(
            sort(Code::TopicAuthorizationFailed),
            Verdict::Refuse(NotAllowed)
        );
        assert_eq!(
            sort(Code::MessageSizeTooLarge),
            Verdict::RefuseOneOf(TooLarge)
        );
        assert_eq!(sort(Code::InvalidRecord), Verdict::RefuseOneOf(Rejected));
    }
}
