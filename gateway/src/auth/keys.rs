//! The two keys that a server keeps instead of a password, and what they can show (RFC 5802,
//! section 3).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Length of a key, a proof and a signature: that of SHA-256.
pub(super) const KEY_BYTES: usize = 32;

/// StoredKey and ServerKey of one user.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) stored_key: [u8; KEY_BYTES],
    pub(super) server_key: [u8; KEY_BYTES],
}

impl Keys {
    /// From a password that went through SASLprep. Slow by design: `iterations` times HMAC.
    pub(super) fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let salted: [u8; KEY_BYTES] =
            pbkdf2::pbkdf2_hmac_array::<Sha256, KEY_BYTES>(password.as_bytes(), salt, iterations);
        let client_key = hmac(&salted, &[b"Client Key"]);
        Self {
            stored_key: Sha256::digest(client_key).into(),
            server_key: hmac(&salted, &[b"Server Key"]),
        }
    }

    /// Whether `proof` was made over `said` by someone who knows the password.
    pub(super) fn are_proven(&self, said: &[u8], proof: &[u8; KEY_BYTES]) -> Choice {
        let mut client_key = hmac(&self.stored_key, &[said]);
        for (byte, masked) in client_key.iter_mut().zip(proof) {
            *byte ^= masked;
        }
        Sha256::digest(client_key).ct_eq(&self.stored_key)
    }

    /// The server's own proof over `said`.
    pub(super) fn sign(&self, said: &[u8]) -> [u8; KEY_BYTES] {
        hmac(&self.server_key, &[said])
    }
}

/// HMAC-SHA-256 over the parts, one after the other.
pub(super) fn hmac(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
