//! A stock rustls client in memory, and the pump between it and a server.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, Error, RootCertStore, SupportedProtocolVersion,
};

use super::pki::Identity;
use super::server::{Server, Site};

/// What a client is to be like; everything else is as rustls has it.
pub(crate) struct Wishes<'a> {
    /// The only suite it offers.
    pub(crate) suite: Option<CipherSuite>,
    /// The suite it offers first.
    pub(crate) prefers: Option<CipherSuite>,
    /// Groups for the key exchange; empty: rustls's own.
    pub(crate) groups: &'a [&'static dyn SupportedKxGroup],
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) alpn: &'a [&'a str],
    pub(crate) resume: bool,
}

impl Default for Wishes<'_> {
    fn default() -> Self {
        Wishes {
            suite: None,
            prefers: None,
            groups: &[],
            versions: rustls::ALL_VERSIONS,
            identity: None,
            alpn: &[],
            resume: false,
        }
    }
}

pub(crate) fn config(site: &Site, wishes: &Wishes<'_>) -> ClientConfig {
    let mut provider: CryptoProvider = default_provider();
    if let Some(suite) = wishes.suite {
        provider
            .cipher_suites
            .retain(|other| other.suite() == suite);
        assert_eq!(provider.cipher_suites.len(), 1, "rustls knows {suite:?}");
    }
    if let Some(suite) = wishes.prefers {
        provider
            .cipher_suites
            .sort_by_key(|other| other.suite() != suite);
    }
    if !wishes.groups.is_empty() {
        provider.kx_groups = wishes.groups.to_vec();
    }
    let mut roots = RootCertStore::empty();
    roots
        .add(site.authority.certificate.der().clone())
        .expect("it is an authority");
    let builder = ClientConfig::builder_with_details(Arc::new(provider), site.clock.clone())
        .with_protocol_versions(wishes.versions)
        .expect("suite and version go together")
        .with_root_certificates(roots);
    let mut config = match wishes.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(identity.pem.as_bytes()).collect();
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes());
            builder
                .with_client_auth_cert(chain.expect("it is PEM"), key.expect("it is PEM"))
                .expect("key and certificate go together")
        }
    };
    config.alpn_protocols = wishes
        .alpn
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    config.resumption = match wishes.resume {
        true => Resumption::in_memory_sessions(16),
        false => Resumption::disabled(),
    };
    config
}

/// A client with an error that lasts.
pub(crate) struct Client {
    pub(crate) tls: ClientConnection,
    pub(crate) error: Option<Error>,
}

impl Client {
    pub(crate) fn new(config: &Arc<ClientConfig>) -> Client {
        Client::to("localhost", config)
    }

    pub(crate) fn to(name: &str, config: &Arc<ClientConfig>) -> Client {
        let name = ServerName::try_from(name.to_owned()).expect("it is a name");
        let tls = ClientConnection::new(config.clone(), name).expect("the configuration is whole");
        Client { tls, error: None }
    }

    /// Everything it wants to send.
    pub(crate) fn take_out(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls
                .write_tls(&mut out)
                .expect("a Vec takes everything");
        }
        out
    }

    pub(crate) fn on_read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.error.is_none() {
            if self
                .tls
                .read_tls(&mut bytes)
                .expect("a slice gives everything")
                == 0
            {
                return;
            }
            self.error = self.tls.process_new_packets().err();
        }
    }

    /// All data that has come.
    pub(crate) fn read(&mut self) -> Vec<u8> {
        let mut data = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = self.tls.reader().read(&mut piece) {
            data.extend_from_slice(&piece[..length]);
        }
        data
    }

    pub(crate) fn write(&mut self, data: &[u8]) {
        self.tls.writer().write_all(data).expect("it is open");
    }
}

/// Carries bytes both ways until nobody has any; `piece_bytes` at a time to the server.
pub(crate) fn pump(client: &mut Client, server: &mut Server, piece_bytes: usize) {
    loop {
        let to_server = client.take_out();
        for piece in to_server.chunks(piece_bytes) {
            server.on_read(piece);
        }
        let to_client = std::mem::take(&mut server.out);
        client.on_read(&to_client);
        if to_server.is_empty() && to_client.is_empty() {
            return;
        }
    }
}
