//! Tells a cluster that is away from producers that will not find it again.
//!
//! librdkafka forgets the brokers that a cluster does not name. One that comes back from a pause
//! may name none for a moment, since all of them are fenced: then all are forgotten, and nobody is
//! left to ask (issue 5301 of librdkafka, open since 2.12). Seen after a SIGSTOP of the only broker
//! for longer than `broker.session.timeout.ms`; without a remedy the lane stayed down for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::producer::Client;

/// How long the cluster must have been down, and between two probes.
const EVERY: Duration = Duration::from_secs(10);
/// For one question: librdkafka waits so long for a broker that it can ask.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the cluster by a client that has forgotten nothing.
pub(super) struct Probe {
    config: ClientConfig,
    /// `None` while the cluster is not down.
    due: Option<Instant>,
}

impl Probe {
    pub(super) fn new(config: ClientConfig) -> Probe {
        Probe { config, due: None }
    }

    /// The cluster is not down.
    pub(super) fn rest(&mut self) {
        self.due = None;
    }

    /// To be called again and again while the cluster is down: whether one of the producers has no
    /// broker to ask although a new client has. It takes up to 20 s when it is due.
    pub(super) fn finds_deaf(&mut self, clients: &[Arc<Client>]) -> bool {
        if Instant::now() < *self.due.get_or_insert_with(|| Instant::now() + EVERY) {
            return false;
        }
        let mut deaf = clients.iter().filter(|client| is_without_broker(client));
        // Asked again, since brokers may have come back in between: whoever can find them then has.
        let is_deaf = deaf
            .next()
            .is_some_and(|client| self.finds_broker() && is_without_broker(client));
        self.due = Some(Instant::now() + EVERY);
        is_deaf
    }

    fn finds_broker(&self) -> bool {
        let client: Result<BaseProducer<Quiet>, KafkaError> =
            self.config.create_with_context(Quiet);
        let metadata = client.and_then(|client| client.client().fetch_metadata(None, PATIENCE));
        metadata.is_ok_and(|metadata| !metadata.brokers().is_empty())
    }
}

/// A broker that is there and does not answer is another error.
fn is_without_broker(client: &Arc<Client>) -> bool {
    let metadata = client.client().fetch_metadata(None, PATIENCE);
    let code = metadata.err().and_then(|error| error.rdkafka_error_code());
    code == Some(Code::BrokerTransportFailure)
}

/// What goes wrong for a probe goes wrong for the producers, who tell it.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
