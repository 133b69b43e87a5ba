//! Remembers passwords that were right, so that a fleet that comes back costs no second argon2.

use std::fmt;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::fault::Fault;
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::hash::PasswordHash;
use crate::limits::PROOFS_MAX;

/// Right passwords of late. It holds no password: what is kept is an HMAC of it, of the user's name
/// and of the hash it was checked with, under a key that this process made up. A user whose hash
/// changes is therefore asked anew, and what is remembered outlives a reload.
pub struct Proofs {
    fingerprinter: Fingerprinter,
    keep_ms: u64,
    right: Cache<()>,
}

/// Stands for a user, a password and a hash.
pub(crate) type Proof = Fingerprint;

impl Proofs {
    /// Remembers `proofs_max` for `keep_secs` each; 0 of either remembers none.
    pub fn new(proofs_max: usize, keep_secs: u32, clock: Clock) -> Result<Self, Fault> {
        if proofs_max > PROOFS_MAX {
            let wrong = format!("{proofs_max} is too many");
            let right = format!("use at most {PROOFS_MAX}");
            return Err(Fault::new("remembered_passwords_max", wrong, right));
        }
        Ok(Self {
            fingerprinter: Fingerprinter::new(),
            keep_ms: u64::from(keep_secs) * 1_000,
            right: Cache::new(proofs_max, clock),
        })
    }

    pub(crate) fn proof(&self, user: &str, password: &[u8], hash: &PasswordHash) -> Proof {
        let [salt, hash] = hash.salt_and_hash();
        self.fingerprinter
            .over(&[user.as_bytes(), password, salt, hash])
    }

    pub(crate) fn has(&self, proof: &Proof) -> bool {
        self.right.find(proof).is_some()
    }

    pub(crate) fn remember(&self, proof: Proof) {
        self.right.keep(proof, (), self.keep_ms);
    }
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proofs(..)")
    }
}

#[cfg(test)]
mod tests;
