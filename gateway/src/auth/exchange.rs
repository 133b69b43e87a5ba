//! One run of SCRAM: from client-first to server-final, in two steps.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::Choice;

use super::keys::Keys;
use super::message::{ClientFinal, ClientFirst};
use super::refusal::Refusal;
use super::users::{Claim, Users, random};

/// Half of a nonce that is ours: 144 bits, 24 characters of base64.
const NONCE_BYTES: usize = 18;

/// What a shard keeps between server-first and client-final: about 200 bytes, and what was said so
/// far, which is bounded by what [`Exchange::begin`] takes.
pub struct Exchange {
    /// Client-first without its header, and server-first: what both sides will sign.
    said: String,
    /// The header of client-first in base64, as client-final has to repeat it.
    binding: Box<str>,
    /// The client's half and ours.
    nonce: Box<str>,
    user: Arc<str>,
    keys: Keys,
    is_known: Choice,
}

const _: () = assert!(size_of::<Exchange>() <= 160);

/// What a client-first message leads to.
#[derive(Debug)]
pub enum Step {
    /// Send `server_first`, and keep `exchange` until client-final comes.
    Continue {
        server_first: Vec<u8>,
        exchange: Box<Exchange>,
    },
    Refused(Refusal),
}

/// The client has shown who it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished {
    /// Shows the client in its turn who we are.
    pub server_final: Vec<u8>,
    /// The name after SASLprep: what routes and access rules call the client.
    pub user: Arc<str>,
}

impl Exchange {
    /// Begins with the client's first message. `server_nonce` is new for each exchange
    /// ([`fresh_nonce`]): printable ASCII without commas.
    pub fn begin(users: &Users, client_first: &[u8], server_nonce: &str) -> Step {
        let first = match ClientFirst::parse(client_first) {
            Ok(first) => first,
            Err(refusal) => return Step::Refused(refusal),
        };
        let Claim {
            user,
            salt,
            iterations,
            keys,
            is_known,
        } = users.claim(&first.name);
        let nonce = [first.nonce, server_nonce].concat();
        let salt = STANDARD.encode(salt.as_bytes());
        let server_first = format!("r={nonce},s={salt},i={iterations}");
        let exchange = Box::new(Self {
            said: [first.bare, ",", &server_first].concat(),
            binding: STANDARD.encode(first.header).into(),
            nonce: nonce.into(),
            user,
            keys,
            is_known,
        });
        Step::Continue {
            server_first: server_first.into_bytes(),
            exchange,
        }
    }

    /// Ends with the client's final message. An exchange is used up by it, right or wrong.
    pub fn finish(mut self, client_final: &[u8]) -> Result<Finished, Refusal> {
        let last = ClientFinal::parse(client_final)?;
        if *last.binding != *self.binding {
            return Err(Refusal::Header);
        }
        if *last.nonce != *self.nonce {
            return Err(Refusal::Nonce);
        }
        self.said.push(',');
        self.said.push_str(last.without_proof);
        let said = self.said.as_bytes();
        // Both sides of `&` are worked out, whoever it is.
        let is_proven = self.keys.are_proven(said, &last.proof) & self.is_known;
        if !bool::from(is_proven) {
            return Err(Refusal::Proof);
        }
        let signature = STANDARD.encode(self.keys.sign(said));
        Ok(Finished {
            server_final: format!("v={signature}").into_bytes(),
            user: self.user,
        })
    }
}

/// A nonce for one exchange.
pub fn fresh_nonce() -> String {
    STANDARD.encode(random::<NONCE_BYTES>())
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({:?})", self.user)
    }
}
