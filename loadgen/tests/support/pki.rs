//! An authority of the test's own, and what it signs.

use super::Scratch;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use std::fs;

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: Scratch,
}

/// A certificate and its key, as files and as bytes.
pub(crate) struct Identity {
    pub(crate) chain: Scratch,
    pub(crate) key: Scratch,
    pub(crate) chain_der: Vec<u8>,
    pub(crate) key_der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("P-256 is there");
        let mut params = params(&[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("it signs");
        Self {
            pem: written("authority.pem", &certificate.pem()),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn sign(&self, name: &str) -> Identity {
        self.sign_params(params(&[name]))
    }

    /// A certificate that nobody should accept any more.
    pub(crate) fn sign_expired(&self, name: &str) -> Identity {
        let mut params = params(&[name]);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign_params(params)
    }

    fn sign_params(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("P-256 is there");
        let certificate = params.signed_by(&key, &self.issuer).expect("it signs");
        Identity {
            chain: written("chain.pem", &certificate.pem()),
            key: written("key.pem", &key.serialize_pem()),
            chain_der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
        }
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    CertificateParams::new(names).expect("the names are ASCII")
}

fn written(name: &str, text: &str) -> Scratch {
    let file = Scratch::new(name);
    fs::write(&file.0, text).expect("the directory is writable");
    file
}
