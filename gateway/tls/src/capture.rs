//! Catches what rustls says on the side: traffic secrets as it derives them, and server names.
//!
//! `ExtractedSecrets` has keys, and keys cannot be updated [RFC 8446 7.2]; secrets go to the key
//! log alone, which all connections of a configuration share. So the log writes into a place of
//! the calling thread, and the handshake takes them from there when its call returns. That they
//! belong to this connection is not taken on trust: see `lean::Lean::take_over`.

use std::cell::RefCell;

use zeroize::Zeroizing;

/// 32 bytes for the SHA-256 suites, 48 for the SHA-384 one; wiped when dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// The first application traffic secrets of both directions [RFC 8446 7.1].
#[derive(Default)]
pub(crate) struct Secrets {
    pub(crate) client: Secret,
    pub(crate) server: Secret,
}

/// What one call of rustls said on the side.
#[derive(Default)]
pub(crate) struct Caught {
    secrets: Secrets,
    server_name: Option<String>,
}

impl Caught {
    /// The secrets, if those of both directions were derived.
    pub(crate) fn secrets(&mut self) -> Option<Secrets> {
        let secrets = std::mem::take(&mut self.secrets);
        (!secrets.client.is_empty() && !secrets.server.is_empty()).then_some(secrets)
    }

    /// The server name of a ClientHello, if there was one with a name in it.
    pub(crate) fn server_name(&mut self) -> Option<String> {
        self.server_name.take()
    }
}

thread_local!(static CAUGHT: RefCell<Caught> = RefCell::default());

/// What was said on this thread since the last call.
pub(crate) fn take() -> Caught {
    CAUGHT.take()
}

/// Notes the server name that a certificate is looked up for, in full and resumed handshakes:
/// unbuffered connections tell it to nobody else.
pub(crate) fn note_server_name(name: &str) {
    CAUGHT.with_borrow_mut(|caught| caught.server_name = Some(name.to_ascii_lowercase()));
}

/// The key log of configurations whose connections become lean.
#[derive(Debug)]
pub(crate) struct Capture;

const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";

impl rustls::KeyLog for Capture {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        CAUGHT.with_borrow_mut(|caught| match label {
            CLIENT => caught.secrets.client = Secret::new(secret.to_vec()),
            SERVER => caught.secrets.server = Secret::new(secret.to_vec()),
            _ => {}
        });
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, CLIENT | SERVER)
    }
}
