//! The flags that say what is between MQTT and TCP.

use crate::failure::Failure;
use crate::way::{TlsFiles, TlsSettings, TlsVersion, Way};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct WayArgs {
    /// Clients speak TLS and trust the authorities in this PEM file; there is no way around
    /// verifying the server.
    #[arg(long, value_name = "CA.PEM")]
    pub tls: Option<PathBuf>,
    /// Name in the server's certificate [default: the target's address].
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub tls_name: Option<String>,
    /// Certificate chain that all clients show, as PEM.
    #[arg(long, value_name = "CHAIN.PEM", requires = "tls", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of that chain, as PEM.
    #[arg(long, value_name = "KEY.PEM", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Each client keeps the last ticket it was given and comes back by it.
    #[arg(long, requires = "tls")]
    pub tls_resume: bool,
    /// The version of TLS that clients offer.
    #[arg(
        long,
        value_enum,
        value_name = "1.2|1.3",
        default_value = "1.3",
        requires = "tls"
    )]
    pub tls_version: TlsVersion,
    /// Clients ask for a WebSocket at this path, within TLS where there is --tls.
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub ws: Option<String>,
}

impl WayArgs {
    /// Reads the files; `None` where MQTT goes over TCP as it is.
    ///
    /// # Errors
    /// As [`TlsSettings::read`].
    pub fn read(&self, target: SocketAddr) -> Result<Option<Way>, Failure> {
        let name = self
            .tls_name
            .clone()
            .unwrap_or_else(|| target.ip().to_string());
        let tls = match &self.tls {
            Some(authorities) => {
                let identity = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
                let files = TlsFiles {
                    authorities,
                    identity,
                };
                Some(TlsSettings::read(
                    &files,
                    &name,
                    self.tls_version,
                    self.tls_resume,
                )?)
            }
            None => None,
        };
        let way = Way {
            tls,
            path: self.ws.clone(),
            host: match &self.tls_name {
                Some(name) => format!("{name}:{}", target.port()),
                None => target.to_string(),
            },
        };
        Ok((way.tls.is_some() || way.path.is_some()).then_some(way))
    }
}

/// What may stand in a request line (RFC 9112, 3.2.1), roughly.
fn path(text: &str) -> Result<String, String> {
    let is_good = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    match is_good {
        true => Ok(text.to_owned()),
        false => Err("it has to begin with / and hold no spaces".to_owned()),
    }
}
