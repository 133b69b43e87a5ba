//! Remembers passwords that were right, so that a fleet that comes back costs no second argon2.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::fault::Fault;
use crate::hash::PasswordHash;
use crate::limits::PROOFS_MAX;
use crate::seal::{Seal, Sealed};

/// Shards ask at once; each asks one of these.
const PARTS: usize = 16;

/// Right passwords of late. It holds no password: what is kept is an HMAC of it, of the user's name
/// and of the hash it was checked with, under a key that this process made up. A user whose hash
/// changes is therefore asked anew, and what is remembered outlives a reload.
pub struct Proofs {
    seal: Seal,
    clock: Clock,
    keep_ms: u64,
    part_max: usize,
    parts: [Mutex<Part>; PARTS],
}

/// All are kept equally long, so the first in is the first to end.
#[derive(Default)]
struct Part {
    ends_ms: HashMap<Sealed, u64>,
    order: VecDeque<Sealed>,
}

impl Proofs {
    /// Remembers `proofs_max` for `keep_secs` each; 0 of either remembers none.
    pub fn new(proofs_max: usize, keep_secs: u32, clock: Clock) -> Result<Self, Fault> {
        if proofs_max > PROOFS_MAX {
            let wrong = format!("{proofs_max} is too many");
            let right = format!("use at most {PROOFS_MAX}");
            return Err(Fault::new("remembered_passwords_max", wrong, right));
        }
        Ok(Self {
            seal: Seal::new(),
            clock,
            keep_ms: u64::from(keep_secs) * 1_000,
            part_max: proofs_max.div_ceil(PARTS),
            parts: Default::default(),
        })
    }

    /// What stands for these three.
    pub(crate) fn seal(&self, user: &str, password: &[u8], hash: &PasswordHash) -> Sealed {
        let [salt, hash] = hash.salt_and_hash();
        self.seal.over(&[user.as_bytes(), password, salt, hash])
    }

    pub(crate) fn has(&self, proof: &Sealed) -> bool {
        let part = self.part(proof);
        let ends_ms = part.ends_ms.get(proof).copied();
        ends_ms.is_some_and(|ends_ms| self.clock.ticks_ms() < ends_ms)
    }

    pub(crate) fn remember(&self, proof: Sealed) {
        if self.part_max == 0 || self.keep_ms == 0 {
            return;
        }
        let now_ms = self.clock.ticks_ms();
        let mut part = self.part(&proof);
        part.forget(now_ms, self.part_max - 1);
        // One that is known already keeps its end: it must be checked again some day.
        if let Entry::Vacant(entry) = part.ends_ms.entry(proof) {
            entry.insert(now_ms + self.keep_ms);
            part.order.push_back(proof);
        }
    }

    fn part(&self, proof: &Sealed) -> MutexGuard<'_, Part> {
        let part = &self.parts[usize::from(proof[0]) % PARTS];
        // Nothing can be half done in it: a panic elsewhere leaves it as good as it was.
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Drops what has ended, and the oldest until `room` are left.
    fn forget(&mut self, now_ms: u64, room: usize) {
        while let Some(oldest) = self.order.front() {
            let has_ended = self.ends_ms.get(oldest).is_none_or(|ends| *ends <= now_ms);
            if !has_ended && self.order.len() <= room {
                break;
            }
            self.ends_ms.remove(oldest);
            self.order.pop_front();
        }
    }
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proofs(..)")
    }
}

#[cfg(test)]
mod tests;
