//! What one shard tells another: messages for its subscribers, and what has become of them.

use std::num::NonZeroU64;
use std::sync::Arc;

use tributary_access::rulebook::Rulebook;
use tributary_identity::{Chain, Verdict};
use tributary_proto::message::Message;
use tributary_proto::reason::Reason;
use tributary_proto::retained::Cursor;
use tributary_ring::Conn;

use super::inquiry::Inquiry;
use crate::config::OnDenied;
use crate::kafka::downlink::{CaughtUp, Command, Withdrawal};

/// A note between shards.
#[derive(Debug)]
pub enum Note {
    /// Someone on your shard may subscribe to this.
    Forward {
        message: Arc<Message>,
        /// Whom to tell once it is safe; `None` when no one waits.
        claim: Option<NonZeroU64>,
    },
    /// One member of a group on your shard is to have this.
    ToGroup(ToGroup),
    /// You keep this topic's retained message: take this one, or forget it when it is empty.
    Retain {
        message: Arc<Message>,
        claim: Option<NonZeroU64>,
    },
    /// Look for retained messages for a new subscriber of mine.
    Search(Search),
    /// Retained messages that were asked for, and where to go on looking.
    Found {
        messages: Vec<Arc<Message>>,
        search: Search,
        /// Nothing more is to be found.
        is_last: bool,
    },
    /// A record for a device whose home you are, or for everyone you have.
    Command(Command),
    /// Such a record need not be kept.
    Withdraw(Withdrawal),
    /// All records that were in Kafka when you asked stand before this.
    CaughtUp(CaughtUp),
    /// A claim of one of your clients is settled.
    Settled { claim: NonZeroU64, reason: Reason },
    /// Other rules are in force, for clients that are here too.
    Rules(Rules),
    /// Other users and keys are in force, for those who come.
    Chains(Chains),
    /// The control plane asks about your clients.
    Inquiry(Box<Inquiry>),
    /// Who a stranger of yours is: the one with this socket, if it still has this serial.
    Verdict {
        ring: u8,
        conn: Conn,
        serial: u32,
        verdict: Verdict,
    },
}

/// For each listener the methods by which clients prove who they are; none where nobody asks.
#[derive(Clone, Debug)]
pub struct Chains(pub Arc<[Option<Arc<Chain>>]>);

/// What clients may do.
#[derive(Clone, Debug)]
pub struct Rules {
    pub book: Arc<Rulebook>,
    pub on_denied: OnDenied,
}

/// A message for one member of a shared subscription.
#[derive(Debug)]
pub struct ToGroup {
    pub message: Arc<Message>,
    /// Group and filter, as one key.
    pub group: Arc<str>,
    /// Shards that were asked already and had no member ready for it.
    pub tried: Vec<u8>,
    /// Take the first member there is: nobody is ready anywhere.
    pub anyone: bool,
    pub claim: Option<NonZeroU64>,
}

/// A search for the retained messages of one new subscription.
#[derive(Debug)]
pub struct Search {
    /// Who subscribes, as the word of a ticket; its packet id is nothing.
    pub asker: u64,
    pub filter: Box<str>,
    /// Where to look next.
    pub from: Cursor,
    /// The most the subscriber takes.
    pub qos_bits: u8,
    /// The identifier of the subscription; 0 for none.
    pub identifier: u32,
    /// The shard that is asked.
    pub shard: u8,
    /// Whether there is only that one to ask, for a filter without wildcards.
    pub is_exact: bool,
}

impl Note {
    /// What it counts against the bound on a mailbox's bytes.
    pub fn bytes(&self) -> usize {
        let messages = match self {
            Self::Forward { message, .. } | Self::Retain { message, .. } => message.bytes(),
            Self::ToGroup(to) => to.message.bytes(),
            Self::Found { messages, .. } => messages.iter().map(|message| message.bytes()).sum(),
            Self::Command(command) => command.message.bytes(),
            Self::Search(_) | Self::Settled { .. } | Self::Withdraw(_) => 0,
            Self::CaughtUp(_) | Self::Rules(_) | Self::Chains(_) | Self::Verdict { .. } => 0,
            Self::Inquiry(inquiry) => inquiry.bytes(),
        };
        size_of::<Self>() + messages
    }
}
