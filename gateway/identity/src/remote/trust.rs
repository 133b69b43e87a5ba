//! Whose certificates are believed when identity asks somebody over TLS.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::fault::Fault;

/// The certificates in `ca`, or the system's; at least one.
pub(super) fn roots(ca: Option<&str>) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let Some(pem) = ca else {
        let found = rustls_native_certs::load_native_certs().certs;
        if found.is_empty() {
            let wrong = "is not set, and the system has no CA certificates";
            let right = "name a file with the CA, or install the package ca-certificates";
            return Err(Fault::new("ca_file", wrong, right));
        }
        return Ok(found);
    };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let read = read.ok().filter(|read| !read.is_empty());
    read.ok_or_else(unreadable)
}

/// A client's side of TLS 1.2 and 1.3 that believes the CAs in `ca`, or the system's.
pub(super) fn client_config(ca: Option<&str>) -> Result<Arc<ClientConfig>, Fault> {
    let mut store = RootCertStore::empty();
    // One of the system's that cannot be used is no reason to do without the others.
    let (added, ignored) = store.add_parsable_certificates(roots(ca)?);
    if added == 0 || (ca.is_some() && ignored > 0) {
        return Err(unreadable());
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("aws-lc has what TLS 1.2 and 1.3 need");
    Ok(Arc::new(
        versions.with_root_certificates(store).with_no_client_auth(),
    ))
}

fn unreadable() -> Fault {
    let right = "use CERTIFICATE in PEM, one or more";
    Fault::new("ca_file", "holds no certificate that can be read", right)
}
