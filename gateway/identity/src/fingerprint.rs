//! Turns secrets into keys of tables, by a key that nobody outside this process can know.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA-256 of some parts.
pub(crate) type Fingerprint = [u8; 32];

/// A key made up when the process started.
pub(crate) struct Fingerprinter {
    keyed: Hmac<Sha256>,
}

impl Fingerprinter {
    pub(crate) fn new() -> Self {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).expect("Linux gives random bytes");
        let keyed = Hmac::new_from_slice(&*key).expect("HMAC takes a key of any length");
        Self { keyed }
    }

    /// Each part goes in with its length, so that no two lists of parts look the same.
    pub(crate) fn over(&self, parts: &[&[u8]]) -> Fingerprint {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
