//! Our certificates, found by the server name that a client asks for [RFC 6066 3].

use std::collections::HashMap;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::fault::{Role, SettingsFault, Trouble};
use super::pem::Pem;
use crate::capture;

/// A certificate chain, the server's own certificate first, and the key that goes with it.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    pub certificates: Pem<'a>,
    pub key: Pem<'a>,
}

/// Chains by the DNS names in their certificates, `*.` for one label of any name.
#[derive(Debug)]
pub(super) struct Servers {
    default: Arc<CertifiedKey>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Servers {
    /// Reads all chains. Where two have the same name, the earlier one serves it.
    pub(super) fn read(
        chains: &[Chain<'_>],
        provider: &CryptoProvider,
    ) -> Result<Servers, SettingsFault> {
        let mut default = None;
        let mut by_name = HashMap::new();
        for chain in chains {
            let key = Arc::new(chain.certified_key(provider)?);
            for name in chain.names(&key)? {
                by_name.entry(name).or_insert_with(|| key.clone());
            }
            default.get_or_insert(key);
        }
        match default {
            Some(default) => Ok(Servers { default, by_name }),
            None => Err(SettingsFault::NoCertificate),
        }
    }

    fn find(&self, server_name: &str) -> &Arc<CertifiedKey> {
        let name = server_name.to_ascii_lowercase();
        let wildcard = || {
            name.split_once('.')
                .map(|(_, parent)| format!("*.{parent}"))
        };
        self.by_name
            .get(&name)
            .or_else(|| self.by_name.get(&wildcard()?))
            .unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Servers {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(match hello.server_name() {
            Some(name) => {
                capture::note_server_name(name);
                self.find(name).clone()
            }
            None => self.default.clone(),
        })
    }
}

impl Chain<'_> {
    fn certified_key(&self, provider: &CryptoProvider) -> Result<CertifiedKey, SettingsFault> {
        let certificates = self.certificates.sections(Role::Certificate)?;
        let key = self.key.key()?;
        let signer = provider
            .key_provider
            .load_private_key(key)
            .map_err(|error| {
                self.key.fault(
                    Role::Key,
                    Trouble::Unusable {
                        why: error.to_string(),
                    },
                )
            })?;
        let certified = CertifiedKey::new(certificates, signer);
        match certified.keys_match() {
            // A key that cannot say what it is the key of is taken at its word.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
            Err(Error::InconsistentKeys(_)) => {
                let certificate = self.certificates.name.to_owned();
                Err(self.key.fault(Role::Key, Trouble::OtherKey { certificate }))
            }
            Err(error) => Err(self.unusable(&error)),
        }
    }

    /// The DNS names of the server's own certificate, in lower case.
    fn names(&self, key: &CertifiedKey) -> Result<Vec<String>, SettingsFault> {
        let certificate = key
            .end_entity_cert()
            .map_err(|error| self.unusable(&error))?;
        let parsed = X509Certificate::from_der(certificate);
        let (_, certificate) = parsed.map_err(|error| self.unusable(&error))?;
        let alternative = certificate.subject_alternative_name();
        let alternative = alternative.map_err(|error| self.unusable(&error))?;
        let entries = alternative
            .iter()
            .flat_map(|extension| &extension.value.general_names);
        Ok(entries
            .filter_map(|entry| match entry {
                GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            })
            .collect())
    }

    fn unusable(&self, error: &dyn std::error::Error) -> SettingsFault {
        let trouble = Trouble::Unusable {
            why: error.to_string(),
        };
        self.certificates.fault(Role::Certificate, trouble)
    }
}
