//! The TLS of the control plane: a certificate and its key from PEM files, read again on SIGHUP.
//!
//! It is rustls's own connection, not the record layers of the devices: operators are few, and
//! what they see is worth the code that everyone uses.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;

use crate::limits::CONTROL_PEM_BYTES_MAX;

/// The files that it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlTlsFiles {
    /// The certificate, and those that lead to its authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why there is no TLS: which key of `[control]` is concerned, what is wrong and what to do. No
/// byte of a file is in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable {
    pub key: &'static str,
    pub wrong: String,
    pub right: &'static str,
}

/// What handshakes of the control plane run under.
pub struct ControlTls {
    files: ControlTlsFiles,
    config: Mutex<Arc<ServerConfig>>,
}

impl ControlTls {
    /// Reads and checks both files.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn open(files: &ControlTlsFiles) -> Result<Self, Unusable> {
        let config = Mutex::new(read(files)?);
        let files = files.clone();
        Ok(Self { files, config })
    }

    /// Reads the files again; when something is wrong with them all stays as it is.
    ///
    /// # Errors
    /// As [`ControlTls::open`].
    pub fn renew(&self) -> Result<(), Unusable> {
        let config = read(&self.files)?;
        *self.locked() = config;
        Ok(())
    }

    /// What the next handshake runs under.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.locked())
    }

    fn locked(&self) -> MutexGuard<'_, Arc<ServerConfig>> {
        // Only a whole config is ever put there.
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ControlTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ControlTls").field(&self.files).finish()
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[control].{}: {}; {}", self.key, self.wrong, self.right)
    }
}

fn read(files: &ControlTlsFiles) -> Result<Arc<ServerConfig>, Unusable> {
    let (chain_path, key_path) = (files.certificate.display(), files.key.display());
    let chain_pem = bytes_of("certificate", &files.certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain_pem).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| Unusable {
        key: "certificate",
        wrong: format!("{chain_path} has no certificate in PEM"),
        right: "name a file with the certificate and those that lead to its authority",
    })?;
    let key = PrivateKeyDer::from_pem_slice(&bytes_of("key", &files.key)?);
    let key = key.map_err(|_| Unusable {
        key: "key",
        wrong: format!("{key_path} has no key in PEM"),
        right: "name a file with the key, without a password on it",
    })?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = builder
        .with_protocol_versions(&[&TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    config.map(Arc::new).map_err(|error| Unusable {
        key: "key",
        wrong: format!("{key_path} does not go with {chain_path}: {error}"),
        right: "name the key that the certificate was made for",
    })
}

fn bytes_of(key: &'static str, path: &Path) -> Result<Vec<u8>, Unusable> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(CONTROL_PEM_BYTES_MAX + 1)
            .read_to_end(&mut bytes)?;
        match bytes.len() as u64 > CONTROL_PEM_BYTES_MAX {
            true => Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "longer than 1 MiB",
            )),
            false => Ok(bytes),
        }
    };
    read().map_err(|error| Unusable {
        key,
        wrong: format!("{} cannot be read: {error}", path.display()),
        right: "name a PEM file that this user may read",
    })
}
