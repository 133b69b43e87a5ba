//! What the control plane asks a shard about its clients, and what it is shown of them.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;

use tributary_proto::version::Version;

use super::{Mailboxes, Note};

/// A question, and whom to tell.
#[derive(Debug)]
pub struct Inquiry {
    /// What is asked.
    pub ask: Ask,
    /// Whom to tell. Dropped unsaid when the shard ends before it has looked.
    pub reply: Reply,
}

/// What is asked, or asked for.
#[derive(Debug)]
pub enum Ask {
    /// Clients and sessions from this place of the slab on, so many at most.
    Some { from: u32, count: usize },
    /// The one with this client id.
    One { client_id: Box<str> },
    /// The end of its connection; it is shown as it was before.
    End { client_id: Box<str> },
}

/// What a shard has to say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Those asked for, in the order of their places.
    pub clients: Vec<Sight>,
    /// Where more of them may be.
    pub next: Option<u32>,
}

/// What is shown of a client or of a session that is kept for one. No secret is in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    pub client_id: Box<str>,
    /// Who it has proven to be; where nobody asks, the user name of its CONNECT.
    pub user: Option<Box<str>>,
    /// The name in its certificate.
    pub certificate: Option<Box<str>>,
    pub is_connected: bool,
    /// Where it comes from, if it is connected and that can be said.
    pub address: Option<SocketAddr>,
    /// The listener that it came by; none while it is not connected.
    pub listener: Option<Arc<str>>,
    pub version: Version,
    /// The record layer of its TLS, if it has any.
    pub tls: Option<&'static str>,
    /// How long its session outlives its connection; `u32::MAX` is for ever.
    pub session_expiry_secs: u32,
    /// How many filters it is subscribed to.
    pub subscription_count: usize,
    /// Where it lives.
    pub shard: usize,
}

impl Sight {
    /// Bytes of its names, which clients choose.
    pub fn name_bytes(&self) -> usize {
        let length = |name: &Option<Box<str>>| name.as_ref().map_or(0, |name| name.len());
        self.client_id.len() + length(&self.user) + length(&self.certificate)
    }
}

/// Called once with the answer, on the shard's thread.
pub struct Reply(Box<dyn FnOnce(Answer) + Send>);

impl Reply {
    /// Told by calling this, which must not block.
    pub fn new(tell: impl FnOnce(Answer) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// Tells.
    pub fn give(self, answer: Answer) {
        (self.0)(answer);
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

impl Inquiry {
    /// What it counts against the bound on a mailbox's bytes.
    pub(super) fn bytes(&self) -> usize {
        let name = match &self.ask {
            Ask::Some { .. } => 0,
            Ask::One { client_id } | Ask::End { client_id } => client_id.len(),
        };
        size_of::<Self>() + name
    }
}

/// The letter boxes of all shards, as the control plane sees them.
pub struct Directory {
    mailboxes: Mailboxes,
    /// The hash that all shards agree on.
    hasher: RandomState,
}

impl Directory {
    /// Over the shards' letter boxes.
    pub fn new(mailboxes: Mailboxes, hasher: RandomState) -> Self {
        Self { mailboxes, hasher }
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.mailboxes.0.len()
    }

    /// The shard that a client id lives on.
    pub fn home(&self, client_id: &str) -> usize {
        (self.hasher.hash_one(client_id) % self.shard_count() as u64) as usize
    }

    /// Asks a shard. Needs no room there: whoever asks has bounded how many questions are open.
    pub fn leave(&self, shard: usize, inquiry: Inquiry) {
        let mailbox = &self.mailboxes.0[shard];
        mailbox.leave(Note::Inquiry(Box::new(inquiry)));
        mailbox.ring_bell();
    }
}
