//! Whose certificates are believed when identity asks somebody over TLS.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::fault::Fault;

/// A client's side of TLS 1.2 and 1.3 that believes the CAs in `ca`, or the system's.
pub(crate) fn client_config(ca: Option<&str>) -> Result<Arc<ClientConfig>, Fault> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            let fault = || {
                let right = "use CERTIFICATE in PEM, one or more";
                Fault::new("ca_file", "holds no certificate that can be read", right)
            };
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|_| fault())?;
                roots.add(certificate).map_err(|_| fault())?;
            }
            if roots.is_empty() {
                return Err(fault());
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let wrong = "is not set, and the system has no CA certificates";
                let right = "name a file with the CA, or install the package ca-certificates";
                return Err(Fault::new("ca_file", wrong, right));
            }
        }
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("aws-lc has what TLS 1.2 and 1.3 need");
    Ok(Arc::new(
        versions.with_root_certificates(roots).with_no_client_auth(),
    ))
}
