//! Session tickets that nobody stores: sealed under keys that all shards derive alike and that wear
//! out with time.
//!
//! ```text
//! secret ──HKDF── epoch 0 ── epoch 1 ── epoch 2 ...        epoch = now / rotation
//!                    |          |
//!                 accepted   seals and accepted            everything older: a full handshake
//!
//!  0        8        20                       +16
//! [ epoch ][ nonce ][ sealed session ][ tag ]     bound to the trust it was issued under
//! ```
//!
//! One `Tickets` outlives reloads of the settings, so a reload costs nobody a full handshake unless
//! whom to trust changed. With a secret from the configuration several nodes, and a node before
//! and after a restart, accept each other's tickets; without one the secret is as old as the
//! process. Whoever has the secret can open tickets of TLS 1.2 and what went under them, so a
//! configured one deserves the care of a private key; TLS 1.3 does a fresh key exchange anyway.

use std::sync::{Arc, RwLock};

use aws_lc_rs::aead::{self, AES_256_GCM_SIV, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::limits::TICKET_SECS_MAX;

const EPOCH_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// The shortest secret that is worth the name.
pub const SECRET_BYTES_MIN: usize = 32;

/// Seals and opens tickets; shared by all shards and all settings of a process.
///
/// rustls has a ticketer of its own, which asks the system for the time and for new keys: tests
/// could not age it, and neither a restart nor another node could open what it sealed.
pub struct Tickets {
    secret: hkdf::Prk,
    rotation_secs: u64,
    clock: Arc<Clock>,
    /// Keys of the epochs last used: the current one and the one before, when asked for.
    keys: RwLock<Vec<(u64, Arc<LessSafeKey>)>>,
}

/// Why tickets cannot be made as configured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TicketsFault {
    SecretTooShort { bytes: usize },
    RotationOutOfBounds { secs: u64 },
    NoRandomness,
}

impl std::fmt::Display for TicketsFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TicketsFault::SecretTooShort { bytes } => write!(
                f,
                "the ticket secret has {bytes} bytes; give it {SECRET_BYTES_MIN} random ones, as \
                 `openssl rand -hex 32` makes them"
            ),
            TicketsFault::RotationOutOfBounds { secs } => write!(
                f,
                "ticket keys cannot rotate every {secs} s; give 1 to {} s",
                TICKET_SECS_MAX / 2
            ),
            TicketsFault::NoRandomness => f.write_str("the system gives no random bytes"),
        }
    }
}

impl std::error::Error for TicketsFault {}

impl Tickets {
    /// With a secret of this process.
    pub fn random(rotation_secs: u64, clock: Arc<Clock>) -> Result<Tickets, TicketsFault> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES_MIN]);
        rand::fill(&mut *secret).map_err(|_| TicketsFault::NoRandomness)?;
        Tickets::from_secret(&*secret, rotation_secs, clock)
    }

    /// With a secret that other nodes, or the next process, share.
    pub fn from_secret(
        secret: &[u8],
        rotation_secs: u64,
        clock: Arc<Clock>,
    ) -> Result<Tickets, TicketsFault> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(TicketsFault::SecretTooShort {
                bytes: secret.len(),
            });
        }
        if !(1..=TICKET_SECS_MAX / 2).contains(&rotation_secs) {
            return Err(TicketsFault::RotationOutOfBounds {
                secs: rotation_secs,
            });
        }
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tributary tickets").extract(secret);
        Ok(Tickets {
            secret,
            rotation_secs,
            clock,
            keys: RwLock::default(),
        })
    }

    /// The clock that tickets age by; settings that use them share it.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    fn epoch(&self) -> u64 {
        self.clock.unix_secs() / self.rotation_secs
    }

    /// The key of an epoch, if it is this one or the one before.
    fn key(&self, epoch: u64) -> Option<Arc<LessSafeKey>> {
        let now = self.epoch();
        if epoch > now || epoch + 1 < now {
            return None;
        }
        let find = |keys: &Vec<(u64, Arc<LessSafeKey>)>| {
            keys.iter()
                .find(|(other, _)| *other == epoch)
                .map(|(_, key)| key.clone())
        };
        if let Some(key) = self.keys.read().ok().as_deref().and_then(find) {
            return Some(key);
        }
        let key = Arc::new(self.derive(epoch)?);
        let mut keys = self.keys.write().ok()?;
        keys.retain(|(other, _)| *other + 1 >= now && *other <= now && *other != epoch);
        keys.push((epoch, key.clone()));
        Some(key)
    }

    fn derive(&self, epoch: u64) -> Option<LessSafeKey> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let info = [b"epoch".as_slice(), &epoch.to_be_bytes()];
        self.secret
            .expand(&info, hkdf::HKDF_SHA256)
            .ok()?
            .fill(&mut *key)
            .ok()?;
        UnboundKey::new(&AES_256_GCM_SIV, &*key)
            .ok()
            .map(LessSafeKey::new)
    }

    fn seal(&self, trust: &[u8], session: &[u8]) -> Option<Vec<u8>> {
        let epoch = self.epoch();
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).ok()?;
        let mut ticket = Vec::with_capacity(EPOCH_BYTES + NONCE_BYTES + session.len() + TAG_BYTES);
        ticket.extend_from_slice(&epoch.to_be_bytes());
        ticket.extend_from_slice(&nonce);
        let start = ticket.len();
        ticket.extend_from_slice(session);
        // SIV: that random nonces may meet among billions of tickets of an epoch gives away at
        // most that two tickets are the same [RFC 8452 9].
        let nonce = Nonce::assume_unique_for_key(nonce);
        let aad = aead::Aad::from(trust);
        let tag = self
            .key(epoch)?
            .seal_in_place_separate_tag(nonce, aad, &mut ticket[start..]);
        ticket.extend_from_slice(tag.ok()?.as_ref());
        Some(ticket)
    }

    fn open(&self, trust: &[u8], ticket: &[u8]) -> Option<Vec<u8>> {
        let (epoch, rest) = ticket.split_first_chunk::<EPOCH_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let key = self.key(u64::from_be_bytes(*epoch))?;
        let mut session = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key
            .open_in_place(nonce, aead::Aad::from(trust), &mut session)
            .ok()?
            .len();
        session.truncate(length);
        Some(session)
    }
}

/// Says nothing of the secret.
impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets")
            .field("rotation_secs", &self.rotation_secs)
            .finish_non_exhaustive()
    }
}

/// Tickets as one set of settings sees them.
///
/// A resumed handshake shows no certificate: the ticket stands for one that was checked when it
/// was issued. So a ticket holds only under the very authorities and revocation lists that it was
/// issued under, and never takes a client from a listener that asks nobody to one that asks.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) tickets: Arc<Tickets>,
    /// A digest of whom these settings trust.
    pub(crate) trust: [u8; 32],
}

impl ProducesTickets for Bound {
    fn enabled(&self) -> bool {
        true
    }

    /// At least this long [RFC 8446 4.6.1]: the key stays for a whole epoch after its own.
    fn lifetime(&self) -> u32 {
        // `from_secret` bounds it to half a week.
        self.tickets.rotation_secs as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.tickets.seal(&self.trust, plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.tickets.open(&self.trust, cipher)
    }
}

#[cfg(test)]
mod tests;
