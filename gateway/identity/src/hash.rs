//! What a users file keeps of a password: argon2id (RFC 9106), written as a PHC string.
//!
//! ```text
//! $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH         the last two in base64 without padding
//!                  KiB  passes lanes
//! ```

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::limits::{
    HASH_BYTES_MAX, HASH_BYTES_MIN, HASH_KIBIBYTES_MAX, HASH_LANES_MAX, HASH_PASSES_MAX,
    SALT_BYTES_MAX, SALT_BYTES_MIN,
};

const PREFIX: &str = "$argon2id$v=19$";
const NEW_SALT_BYTES: usize = 16;
const NEW_HASH_BYTES: usize = 32;

/// What a hash costs. `Shape::default()` is what OWASP asks for at least.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shape {
    /// Memory in KiB.
    pub kibibytes: u32,
    pub passes: u32,
    pub lanes: u32,
}

/// A password's hash, enough to check it. Its `Debug` shows its cost alone.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    shape: Shape,
    salt: Box<[u8]>,
    hash: Box<[u8]>,
}

/// Why a text is no hash that can be taken, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HashFault {
    pub wrong: String,
    pub right: String,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            kibibytes: 19_456,
            passes: 2,
            lanes: 1,
        }
    }
}

impl PasswordHash {
    /// Hashes a new password, with a salt of its own.
    pub fn make(password: &[u8], shape: Shape) -> Self {
        let mut salt = [0; NEW_SALT_BYTES];
        getrandom::fill(&mut salt).expect("Linux gives random bytes");
        let mut hash = vec![0; NEW_HASH_BYTES];
        shape.run(password, &salt, &mut hash);
        Self {
            shape,
            salt: Box::from(salt),
            hash: hash.into(),
        }
    }

    /// A hash that no password is known for and that costs `shape` to check.
    pub(crate) fn decoy(shape: Shape) -> Self {
        Self {
            shape,
            salt: Box::from([0x5c; NEW_SALT_BYTES]),
            hash: Box::from([0; NEW_HASH_BYTES]),
        }
    }

    /// Whether this is the password. Takes [`Shape::kibibytes`] of memory and milliseconds.
    pub fn is_of(&self, password: &[u8]) -> bool {
        let mut hash = Zeroizing::new([0; HASH_BYTES_MAX]);
        let hash = &mut hash[..self.hash.len()];
        self.shape.run(password, &self.salt, hash);
        hash.ct_eq(&self.hash).into()
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The parts that no two users share.
    pub(crate) fn salt_and_hash(&self) -> [&[u8]; 2] {
        [&self.salt, &self.hash]
    }

    /// Reads a PHC string, within the bounds of [`crate::limits`].
    pub fn read(text: &str) -> Result<Self, HashFault> {
        let whole = || {
            let right =
                "write $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH, as `tributary passwd` does";
            HashFault::new("is no argon2id hash", right)
        };
        let mut parts = text.strip_prefix(PREFIX).ok_or_else(whole)?.split('$');
        let (Some(costs), Some(salt), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(whole());
        };
        let decoded = |text| STANDARD_NO_PAD.decode(text).map_err(|_| whole());
        let (salt, hash) = (decoded(salt)?, decoded(hash)?);
        if !(SALT_BYTES_MIN..=SALT_BYTES_MAX).contains(&salt.len()) {
            let right = format!("use {SALT_BYTES_MIN} to {SALT_BYTES_MAX}");
            return Err(HashFault::new(
                format!("has a salt of {} bytes", salt.len()),
                right,
            ));
        }
        if !(HASH_BYTES_MIN..=HASH_BYTES_MAX).contains(&hash.len()) {
            let right = format!("use {HASH_BYTES_MIN} to {HASH_BYTES_MAX}");
            return Err(HashFault::new(
                format!("has a hash of {} bytes", hash.len()),
                right,
            ));
        }
        Ok(Self {
            shape: Shape::read(costs)?.ok_or_else(whole)?,
            salt: salt.into(),
            hash: hash.into(),
        })
    }
}

impl Shape {
    /// Reads `m=19456,t=2,p=1`; `None` when that is not what it says.
    fn read(text: &str) -> Result<Option<Self>, HashFault> {
        let mut parts = text.split(',');
        let mut number = |name: &str| -> Option<u32> {
            let digits = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
            let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
            if is_plain { digits.parse().ok() } else { None }
        };
        let (Some(kibibytes), Some(passes), Some(lanes)) = (number("m"), number("t"), number("p"))
        else {
            return Ok(None);
        };
        if parts.next().is_some() {
            return Ok(None);
        }
        let bounded = |name, value: u32, min, max| {
            let wrong = format!("has {name}={value}");
            let right = format!("use {name} from {min} to {max}");
            let is_bounded = (min..=max).contains(&value);
            is_bounded
                .then_some(())
                .ok_or_else(|| HashFault::new(wrong, right))
        };
        bounded("p", lanes, 1, HASH_LANES_MAX)?;
        bounded("t", passes, 1, HASH_PASSES_MAX)?;
        // RFC 9106, section 3.1: at least eight blocks per lane.
        bounded("m", kibibytes, 8 * lanes, HASH_KIBIBYTES_MAX)?;
        Ok(Some(Self {
            kibibytes,
            passes,
            lanes,
        }))
    }

    fn run(self, password: &[u8], salt: &[u8], hash: &mut [u8]) {
        let params = Params::new(self.kibibytes, self.passes, self.lanes, Some(hash.len()))
            .expect("a shape is read within what argon2 takes");
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password, salt, hash)
            .expect("salt and hash are read within what argon2 takes");
    }
}

impl HashFault {
    fn new(wrong: impl Into<String>, right: impl Into<String>) -> Self {
        Self {
            wrong: wrong.into(),
            right: right.into(),
        }
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape {
            kibibytes,
            passes,
            lanes,
        } = self.shape;
        let [salt, hash] = [&self.salt, &self.hash].map(|part| STANDARD_NO_PAD.encode(part));
        write!(
            f,
            "{PREFIX}m={kibibytes},t={passes},p={lanes}${salt}${hash}"
        )
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({:?})", self.shape)
    }
}

#[cfg(test)]
mod tests;
