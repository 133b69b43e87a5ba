//! What a CONNECT shows of who sends it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A password as it came; wiped when dropped.
pub type Password = Zeroizing<Box<[u8]>>;

/// Owned, since it travels to another thread. Its `Debug` shows no password.
#[derive(Clone)]
pub struct Question {
    pub listener: Arc<str>,
    pub client_id: Box<str>,
    pub user: Option<Box<str>>,
    pub password: Option<Password>,
    /// The device's own, where a balancer has told it; `None` on a Unix socket.
    pub address: Option<IpAddr>,
    pub certificate: Option<Certificate>,
}

/// The names in a client's certificate. Whoever ended TLS has verified it: here they are text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Certificate {
    pub common_name: Option<Box<str>>,
    pub dns_names: Vec<Box<str>>,
    pub emails: Vec<Box<str>>,
    pub uris: Vec<Box<str>>,
    /// As RFC 4514 writes it: `CN=dev-17,O=Plant`.
    pub distinguished_name: Box<str>,
}

impl Question {
    /// Whether the client has shown a user name or a password.
    pub fn shows_anything(&self) -> bool {
        self.user.is_some() || self.password.is_some()
    }

    /// Both, where both were shown.
    pub(crate) fn user_and_password(&self) -> Option<(&str, &[u8])> {
        Some((self.user.as_deref()?, self.password.as_deref()?))
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("listener", &self.listener)
            .field("client_id", &self.client_id)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| ".."))
            .field("address", &self.address)
            .field("certificate", &self.certificate)
            .finish()
    }
}
