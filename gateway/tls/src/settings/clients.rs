//! Whose certificates clients may show, and when a list that revokes them is too old to trust.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256_OUTPUT_LEN};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::fault::{Role, SettingsFault, Trouble};
use super::pem::Pem;

/// Whether clients show certificates.
#[derive(Clone, Debug)]
pub enum ClientAuth<'a> {
    /// They are not asked.
    None,
    /// They are asked; one that shows none goes on without, one that shows a bad one does not.
    Optional(Trust<'a>),
    /// They are asked, and refused without.
    Required(Trust<'a>),
}

/// Whom to trust.
#[derive(Clone, Debug)]
pub struct Trust<'a> {
    /// Authorities whose client certificates are accepted.
    pub authorities: Vec<Pem<'a>>,
    /// Revocation lists. With any list given, every client certificate must be covered by one of
    /// its issuer's: a status that nobody states is not taken for a good one.
    pub revocation_lists: Vec<Pem<'a>>,
    pub expired_lists: ExpiredLists,
}

/// What to do when the list that covers a client is past its nextUpdate.
///
/// It is asked in full handshakes. A ticket that was issued while the list was in force is good
/// until its key has worn out, or until a reload brings other lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ExpiredLists {
    /// Refuse the clients it covers: who can keep us from the new list revives no revoked client.
    #[default]
    Refuse,
    /// Go on using it: a list that stops being renewed keeps no device out.
    Accept,
}

/// The verifier, and a digest of everything that it decides by: zeros where nobody is asked.
pub(super) struct Clients {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    pub(super) trust: [u8; SHA256_OUTPUT_LEN],
}

pub(super) fn verifier(
    auth: &ClientAuth<'_>,
    provider: &Arc<CryptoProvider>,
) -> Result<Clients, SettingsFault> {
    let (trust, required) = match auth {
        ClientAuth::None => {
            return Ok(Clients {
                verifier: WebPkiClientVerifier::no_client_auth(),
                trust: [0; SHA256_OUTPUT_LEN],
            });
        }
        ClientAuth::Optional(trust) => (trust, false),
        ClientAuth::Required(trust) => (trust, true),
    };
    let mut seen = digest::Context::new(&digest::SHA256);
    let enforce = trust.expired_lists == ExpiredLists::Refuse;
    seen.update(&[u8::from(required), u8::from(enforce)]);
    let roots = authorities(trust, &mut seen)?;
    let lists = lists(trust, &mut seen)?;
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .with_crls(lists)
            .only_check_end_entity_revocation();
    if enforce {
        builder = builder.enforce_revocation_expiration();
    }
    if !required {
        builder = builder.allow_unauthenticated();
    }
    let verifier = builder
        .build()
        .map_err(|error| SettingsFault::refused(&error))?;
    let mut trust = [0; SHA256_OUTPUT_LEN];
    trust.copy_from_slice(seen.finish().as_ref());
    Ok(Clients { verifier, trust })
}

fn authorities(
    trust: &Trust<'_>,
    seen: &mut digest::Context,
) -> Result<RootCertStore, SettingsFault> {
    if trust.authorities.is_empty() {
        return Err(SettingsFault::NoAuthority);
    }
    let mut roots = RootCertStore::empty();
    for pem in &trust.authorities {
        for authority in pem.sections::<CertificateDer<'_>>(Role::ClientCa)? {
            note(seen, &authority);
            roots.add(authority).map_err(|error| {
                pem.fault(
                    Role::ClientCa,
                    Trouble::Unusable {
                        why: error.to_string(),
                    },
                )
            })?;
        }
    }
    Ok(roots)
}

fn lists(
    trust: &Trust<'_>,
    seen: &mut digest::Context,
) -> Result<Vec<CertificateRevocationListDer<'static>>, SettingsFault> {
    let mut lists = Vec::new();
    for pem in &trust.revocation_lists {
        for list in pem.sections::<CertificateRevocationListDer<'_>>(Role::RevocationList)? {
            note(seen, &list);
            CertificateRevocationList::from_der(&list).map_err(|error| {
                let why = error.to_string();
                pem.fault(Role::RevocationList, Trouble::Unusable { why })
            })?;
            lists.push(list);
        }
    }
    Ok(lists)
}

/// Lengths keep what is noted apart: no two sets of files run together into one.
fn note(seen: &mut digest::Context, der: &[u8]) {
    seen.update(&(der.len() as u64).to_be_bytes());
    seen.update(der);
}
