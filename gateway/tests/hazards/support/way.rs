//! How a gateway gets to a real Kafka that asks who it is.

use super::gateway::{Gateway, Launch};
use super::kafka::RealKafka;

/// Where `kafka-node.sh --tls` listens, counted from its first port.
const SASL_SSL: u16 = 2;
pub(crate) const SSL: u16 = 3;
pub(crate) const MTLS: u16 = 4;

/// The user that `kafka-node.sh` makes.
pub(crate) const USER: &str = "tributary";
pub(crate) const PASSWORD: &str = "tributary-secret";

/// How a gateway gets to a cluster: a listener, and lines of `[kafka.main.properties]`.
pub(crate) struct Way {
    listener: u16,
    properties: String,
}

impl Way {
    pub(crate) fn new(listener: u16, protocol: &str) -> Way {
        let properties = String::new();
        Way {
            listener,
            properties,
        }
        .with("security.protocol", protocol)
    }

    pub(crate) fn tls(listener: u16, kafka: &RealKafka) -> Way {
        let ca = kafka.file("ca.pem").display().to_string();
        Way::new(listener, "ssl").with("ssl.ca.location", &ca)
    }

    pub(crate) fn login(kafka: &RealKafka, mechanism: &str, user: &str, password: &str) -> Way {
        let ca = kafka.file("ca.pem").display().to_string();
        Way::new(SASL_SSL, "sasl_ssl")
            .with("ssl.ca.location", &ca)
            .with("sasl.mechanisms", mechanism)
            .with("sasl.username", user)
            .with("sasl.password", password)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Way {
        self.properties += &format!("{name:?} = {value:?}\n");
        self
    }

    /// The password of `kafka-node.sh` in a file instead of in the configuration.
    pub(crate) fn with_password_file(mut self, kafka: &RealKafka) -> Way {
        let path = kafka.file("1/password");
        std::fs::write(&path, format!("{PASSWORD}\n")).expect("the folder can be written");
        let inline = format!("{:?} = {PASSWORD:?}", "sasl.password");
        let by_file = format!("{:?} = {{ file = {path:?} }}", "sasl.password");
        assert!(self.properties.contains(&inline));
        self.properties = self.properties.replace(&inline, &by_file);
        self
    }

    /// Starts a gateway that goes this way, with `more` in its configuration.
    pub(crate) fn start(&self, kafka: &RealKafka, more: &str) -> Gateway {
        let (brokers, properties) = (kafka.listener(self.listener), &self.properties);
        let config = format!(
            "[log]\nlevel = \"debug\"\n[kafka.main]\nbrokers = [{brokers:?}]\n\
             [kafka.main.properties]\n{properties}\n{more}"
        );
        Launch::default().config(&config).start()
    }
}
