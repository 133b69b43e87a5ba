//! Reads the files that a listener's TLS names, and builds what its handshakes run under.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tributary_tls::settings::{self, Chain, ExpiredLists, Pem, Role, SettingsFault, Trust};
use tributary_tls::{Clock, Layer, Options, Settings, Tickets};

use crate::clock::since_1970;
use crate::limits::TLS_FILE_BYTES_MAX;

/// What a listener asks of TLS; the files are read when they are needed, and again by a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// At least one; the first serves whoever asks for no name that another one has.
    pub certificates: Vec<Certificate>,
    /// Offers TLS 1.2 beside 1.3.
    pub tls12: bool,
    pub client_auth: ClientAuth,
    /// Authorities whose client certificates are accepted.
    pub client_ca: Option<PathBuf>,
    /// Lists of client certificates that are no longer.
    pub client_crl: Vec<PathBuf>,
    /// Who opens and seals records once a handshake is over.
    pub record_layer: Layer,
    pub handshake_timeout_secs: u16,
}

/// A chain of certificates, the server's own first, and the key that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    None,
    Optional,
    Required,
}

/// Why a listener has no TLS: which of its keys is concerned, what is wrong and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable {
    pub key: &'static str,
    pub wrong: String,
    pub right: String,
}

/// A file and what is in it.
struct Content {
    name: String,
    bytes: Vec<u8>,
}

/// Reads and checks all that a listener's TLS names; `alpn` is the protocol that is spoken there.
///
/// # Errors
/// The first thing that is wrong. No byte of a file is in it: one of them is a key.
pub fn open(
    tls: &Tls,
    alpn: &str,
    tickets: Option<Arc<Tickets>>,
) -> Result<Arc<Settings>, Unusable> {
    let mut pairs = Vec::new();
    for pair in &tls.certificates {
        pairs.push((
            read("certificates", &pair.chain)?,
            read("certificates", &pair.key)?,
        ));
    }
    let authorities = read_all("client_ca", tls.client_ca.as_slice())?;
    let lists = read_all("client_crl", &tls.client_crl)?;
    let chains = pairs.iter().map(|(chain, key)| Chain {
        certificates: chain.pem(),
        key: key.pem(),
    });
    let trust = Trust {
        authorities: authorities.iter().map(Content::pem).collect(),
        revocation_lists: lists.iter().map(Content::pem).collect(),
        expired_lists: ExpiredLists::Refuse,
    };
    let options = Options {
        chains: chains.collect(),
        client_auth: match tls.client_auth {
            ClientAuth::None => settings::ClientAuth::None,
            ClientAuth::Optional => settings::ClientAuth::Optional(trust),
            ClientAuth::Required => settings::ClientAuth::Required(trust),
        },
        tls12: tls.tls12,
        // Whoever asks for another protocol was sent here by mistake, or by someone else.
        alpn: vec![alpn],
        layer: tls.record_layer,
        tickets,
        clock: Arc::new(clock()),
    };
    Settings::build(&options).map_err(|fault| unusable(&fault))
}

/// A clock that stands at the time of this machine.
pub fn clock() -> Clock {
    Clock::at(since_1970().as_secs())
}

fn read_all(key: &'static str, paths: &[PathBuf]) -> Result<Vec<Content>, Unusable> {
    paths.iter().map(|path| read(key, path)).collect()
}

fn read(key: &'static str, path: &Path) -> Result<Content, Unusable> {
    let name = path.display().to_string();
    let bytes = read_bounded(path).map_err(|error| Unusable {
        key,
        wrong: format!("{name} cannot be read: {error}"),
        right: "name a PEM file that this user may read".to_string(),
    })?;
    Ok(Content { name, bytes })
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(TLS_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > TLS_FILE_BYTES_MAX {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "longer than 16 MiB",
        )),
        false => Ok(bytes),
    }
}

fn unusable(fault: &SettingsFault) -> Unusable {
    let key = match fault {
        SettingsFault::File {
            role: Role::ClientCa,
            ..
        }
        | SettingsFault::NoAuthority => "client_ca",
        SettingsFault::File {
            role: Role::RevocationList,
            ..
        } => "client_crl",
        _ => "certificates",
    };
    let said = fault.to_string();
    // The remedy stands behind the last semicolon of the sentence.
    let (wrong, right) = said
        .rsplit_once("; ")
        .unwrap_or((&said, "give other files"));
    Unusable {
        key,
        wrong: wrong.to_string(),
        right: right.to_string(),
    }
}

impl Content {
    fn pem(&self) -> Pem<'_> {
        Pem {
            name: &self.name,
            bytes: &self.bytes,
        }
    }
}
