//! What a listener asks of TLS, checked and ready: built from PEM, shared, and replaced whole.

mod clients;
mod fault;
mod pem;
mod servers;

use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::version::{TLS12, TLS13};

use crate::capture::Capture;
use crate::clock::Clock;
use crate::limits::{HANDSHAKE_BYTES_MAX, HANDSHAKE_BYTES_WITH_CERTIFICATE_MAX};
use crate::suites;
use crate::tickets::{Bound, Tickets};

pub use clients::{ClientAuth, ExpiredLists, Trust};
pub use fault::{Role, SettingsFault, Trouble};
pub use pem::Pem;
pub use servers::Chain;

/// Which record layer takes over when a handshake is done; see the crate's documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Layer {
    /// rustls's own, for every version.
    #[default]
    Rustls,
    /// The lean one for TLS 1.3, rustls's for TLS 1.2.
    Lean,
}

/// What is asked for; every file is given by its bytes and the name that complaints use.
#[derive(Debug)]
pub struct Options<'a> {
    /// Certificate chains with their keys. The first serves clients that send no server name, or
    /// one that no certificate here has.
    pub chains: Vec<Chain<'a>>,
    /// Whether clients show certificates, and whose are trusted.
    pub client_auth: ClientAuth<'a>,
    /// Offers TLS 1.2 beside 1.3.
    pub tls12: bool,
    /// Protocols that are agreed on with clients that offer some [RFC 7301]; a client that offers
    /// none is welcome, one that offers only others is not. Empty: offers are ignored.
    pub alpn: Vec<&'a str>,
    pub layer: Layer,
    /// Issues and accepts tickets for resumption; none: every handshake is a full one.
    pub tickets: Option<Arc<Tickets>>,
    /// The time that certificates and lists are judged by; the tickets' one where there are any.
    pub clock: Arc<Clock>,
}

/// The protocol name of MQTT for [`Options::alpn`] (IANA's registry of ALPN protocol ids).
pub const ALPN_MQTT: &str = "mqtt";

/// Settings that handshakes run under.
///
/// A reload builds new ones beside them: handshakes and connections that have begun go on under
/// the old ones, which are freed with the last of them.
#[derive(Debug)]
pub struct Settings {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) layer: Layer,
    pub(crate) clock: Arc<Clock>,
    pub(crate) handshake_bytes_max: usize,
}

/// Tickets per full or resumed handshake: one for the next connection, which brings one again.
const TICKETS_PER_HANDSHAKE: usize = 1;

impl Settings {
    /// Reads and checks everything, or says which file is wrong and what to do about it.
    pub fn build(options: &Options<'_>) -> Result<Arc<Settings>, SettingsFault> {
        let provider = Arc::new(match options.layer {
            Layer::Lean => suites::of_lean(),
            Layer::Rustls => suites::of_rustls(),
        });
        // Two clocks would let certificates and tickets live in two times.
        let clock = options
            .tickets
            .as_ref()
            .map_or(&options.clock, |tickets| tickets.clock());
        let servers = servers::Servers::read(&options.chains, &provider)?;
        let clients = clients::verifier(&options.client_auth, &provider)?;
        let versions: &[_] = if options.tls12 {
            &[&TLS13, &TLS12]
        } else {
            &[&TLS13]
        };
        let builder = ServerConfig::builder_with_details(provider, clock.clone())
            .with_protocol_versions(versions)
            .map_err(|error| SettingsFault::refused(&error))?;
        let mut config = builder
            .with_client_cert_verifier(clients.verifier)
            .with_cert_resolver(Arc::new(servers));
        config.ignore_client_order = true;
        config.alpn_protocols = options
            .alpn
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        if let Some(tickets) = &options.tickets {
            config.ticketer = Arc::new(Bound {
                tickets: tickets.clone(),
                trust: clients.trust,
            });
            config.send_tls13_tickets = TICKETS_PER_HANDSHAKE;
        }
        if options.layer == Layer::Lean {
            config.enable_secret_extraction = true;
            config.key_log = Arc::new(Capture);
        }
        Ok(Arc::new(Settings {
            config: Arc::new(config),
            layer: options.layer,
            clock: clock.clone(),
            handshake_bytes_max: match options.client_auth {
                ClientAuth::None => HANDSHAKE_BYTES_MAX,
                _ => HANDSHAKE_BYTES_WITH_CERTIFICATE_MAX,
            },
        }))
    }
}

#[cfg(test)]
mod tests;
