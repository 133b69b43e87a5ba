//! What the configuration passes on to librdkafka: looked at before it starts, and no value ever
//! repeated.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::ops::{Deref, DerefMut};

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

/// Properties by name, as librdkafka calls them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

/// One property that will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyFault {
    pub name: String,
    pub wrong: String,
    pub right: String,
}

/// What this build of librdkafka can prove to a cluster who it is by.
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const MECHANISMS_RIGHT: &str = "write \"PLAIN\", \"SCRAM-SHA-256\" or \"SCRAM-SHA-512\"";
/// Two names of one property.
const MECHANISM: [&str; 2] = ["sasl.mechanisms", "sasl.mechanism"];
const PROTOCOL: &str = "security.protocol";
/// librdkafka says of a file that it cannot read only that the "system lib" failed.
const FILES: [&str; 5] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
];
/// The value of `ssl.ca.location` that is no file: look in the usual places.
const CA_PROBE: &str = "probe";
/// Properties that are passed over without a word under another protocol.
const PREFIXES: [(&str, [&str; 2]); 2] = [
    ("sasl.", ["sasl_ssl", "sasl_plaintext"]),
    ("ssl.", ["sasl_ssl", "ssl"]),
];

impl Properties {
    /// Everything that can be said without a cluster, first what librdkafka itself says.
    pub fn faults(&self) -> Vec<PropertyFault> {
        let mut faults = Vec::new();
        for (name, value) in &self.0 {
            let mut alone = ClientConfig::new();
            if let Err(error) = alone.set(name, value).create_native_config() {
                let right = "see CONFIGURATION.md of librdkafka for names and values";
                faults.push(PropertyFault::new(name, describe(&error), right));
            }
        }
        self.check_files(&mut faults);
        self.check_protocol(&mut faults);
        if self.is_protocol("sasl_") {
            self.check_login(&mut faults);
        }
        faults
    }

    fn check_files(&self, faults: &mut Vec<PropertyFault>) {
        for name in FILES {
            let path = self.0.get(name).filter(|path| *path != CA_PROBE);
            if let Some((path, error)) = path.and_then(|path| Some((path, File::open(path).err()?)))
            {
                let wrong = format!("{path} cannot be read: {error}");
                faults.push(PropertyFault::new(
                    name,
                    wrong,
                    "name a file this user may read",
                ));
            }
        }
    }

    fn check_protocol(&self, faults: &mut Vec<PropertyFault>) {
        for (prefix, protocols) in PREFIXES {
            let name = self.0.keys().find(|name| name.starts_with(prefix));
            let is_heard = protocols.iter().any(|protocol| self.is_protocol(protocol));
            if let Some(name) = name.filter(|_| !is_heard) {
                let [first, second] = protocols;
                let wrong = format!("has no meaning without {PROTOCOL}");
                let right = format!("add \"{PROTOCOL}\" = \"{first}\" (or \"{second}\")");
                faults.push(PropertyFault::new(name, wrong, right));
            }
        }
    }

    fn check_login(&self, faults: &mut Vec<PropertyFault>) {
        match MECHANISM
            .iter()
            .find_map(|name| self.0.get_key_value(*name))
        {
            // librdkafka would take GSSAPI, which it is built without.
            None => faults.push(PropertyFault::new(
                PROTOCOL,
                "asks for a login, and sasl.mechanisms is missing",
                MECHANISMS_RIGHT,
            )),
            Some((name, mechanism)) if !MECHANISMS.contains(&&**mechanism) => {
                let wrong = format!("\"{mechanism}\" is not in this build");
                faults.push(PropertyFault::new(name, wrong, MECHANISMS_RIGHT));
            }
            Some(_) => {}
        }
        for name in ["sasl.username", "sasl.password"] {
            if self.0.get(name).is_none_or(String::is_empty) {
                let wrong = format!("asks for a login, and {name} is missing");
                faults.push(PropertyFault::new(
                    PROTOCOL,
                    wrong,
                    format!("add \"{name}\""),
                ));
            }
        }
    }

    fn is_protocol(&self, prefix: &str) -> bool {
        let protocol = self.0.get(PROTOCOL).map(|value| value.to_lowercase());
        protocol.is_some_and(|protocol| protocol.starts_with(prefix))
    }
}

/// What librdkafka says of a configuration, without the value, which may be a secret under a name
/// that is misspelled.
pub(super) fn describe(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, what, ..) => what.clone(),
        other => other.to_string(),
    }
}

impl PropertyFault {
    fn new(name: &str, wrong: impl Into<String>, right: impl Into<String>) -> PropertyFault {
        let (name, wrong, right) = (name.to_owned(), wrong.into(), right.into());
        PropertyFault { name, wrong, right }
    }
}

/// Names only.
impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Properties {
        Properties(pairs.into_iter().collect())
    }
}

impl Deref for Properties {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Properties {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    /// The names that are at fault.
    fn faulty(pairs: &[(&str, &str)]) -> Vec<String> {
        let faults = properties(pairs).faults();
        faults.into_iter().map(|fault| fault.name).collect()
    }

    const LOGIN: [(&str, &str); 4] = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", "fleet"),
        ("sasl.password", "xyzzy"),
    ];

    #[test]
    fn every_mechanism_and_every_compression_of_the_manual_is_in_this_build() {
        for mechanism in MECHANISMS {
            let mut login = LOGIN;
            login[1].1 = mechanism;
            assert_eq!(faulty(&login), [""; 0], "{mechanism}");
        }
        for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
            assert_eq!(
                faulty(&[("compression.type", compression)]),
                [""; 0],
                "{compression}"
            );
        }
        assert_eq!(
            faulty(&[("security.protocol", "ssl"), ("ssl.ca.location", "probe")]),
            [""; 0]
        );
    }

    #[test]
    fn what_this_build_has_not_is_said_before_it_starts() {
        for mechanism in ["GSSAPI", "OAUTHBEARER", "plain"] {
            let mut login = LOGIN;
            login[1].1 = mechanism;
            assert_eq!(faulty(&login), ["sasl.mechanisms"], "{mechanism}");
        }
        assert_eq!(
            faulty(&LOGIN[..1]),
            ["security.protocol"; 3],
            "mechanism, name, password"
        );
        assert_eq!(faulty(&LOGIN[1..]), ["sasl.mechanisms"], "no protocol");
        assert_eq!(faulty(&[("ssl.ca.location", "probe")]), ["ssl.ca.location"]);
        let oidc = [
            ("sasl.oauthbearer.method", "oidc"),
            LOGIN[0],
            LOGIN[1],
            LOGIN[2],
            LOGIN[3],
        ];
        assert_eq!(faulty(&oidc), ["sasl.oauthbearer.method"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let pairs = [
            ("security.protocol", "ssl"),
            ("ssl.key.location", "/no/such/key.pem"),
        ];
        let faults = properties(&pairs).faults();
        let [fault] = &faults[..] else {
            panic!("{faults:?}")
        };
        assert_eq!(fault.name, "ssl.key.location");
        assert!(fault.wrong.contains("/no/such/key.pem"), "{}", fault.wrong);
    }

    #[test]
    fn no_value_is_ever_repeated_even_under_a_misspelled_name() {
        let mut login = LOGIN.to_vec();
        login.extend([("sasl.passwrd", "xyzzy"), ("linger.ms", "xyzzy")]);
        let properties = properties(&login);
        let (faults, debug) = (properties.faults(), format!("{properties:?}"));
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(debug.contains("sasl.password"), "{debug}");
        assert!(
            !format!("{faults:?}{debug}").contains("xyzzy"),
            "{faults:?} {debug}"
        );
    }
}
