//! What the tests stand on: chance with a seed, short ways to fill and read a spool, and a folder
//! that is removed at the end.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::{AppendError, Options, Spool};

pub(super) const OPTIONS: Options = Options {
    segment_bytes: 8 << 10,
    bytes_max: 1 << 20,
};

/// Of the test's own, from `TRIBUTARY_SPOOL_SEED` or by chance.
pub(super) fn seed() -> u64 {
    let given = std::env::var("TRIBUTARY_SPOOL_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("TRIBUTARY_SPOOL_SEED is a number"));
    given.unwrap_or_else(|| RandomState::new().hash_one(0) >> 16)
}

/// splitmix64.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

/// A record that tells its number, `bytes` long and 8 at least.
pub(super) fn record(number: u64, bytes: usize) -> Vec<u8> {
    let mut record = Chance::new(number).bytes(bytes.max(8));
    record[..8].copy_from_slice(&number.to_le_bytes());
    record
}

/// Appends `count` records of `bytes` and syncs them.
pub(super) fn fill(spool: &mut Spool, count: u64, bytes: usize) {
    for _ in 0..count {
        let number = spool.last() + 1;
        let given = spool.append(&record(number, bytes)).expect("there is room");
        assert_eq!(given, number);
    }
    assert_eq!(spool.sync().expect("the disk works"), spool.last());
}

/// Everything there is to read, read in pieces.
pub(super) fn all(spool: &mut Spool) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    let mut next = 0;
    loop {
        let some = spool.read(next, 7, 1 << 20).expect("the disk can be read");
        let Some((last, _)) = some.last() else {
            return all;
        };
        next = last + 1;
        all.extend(some);
    }
}

/// The numbers of everything there is to read, each with the record that was appended as it.
pub(super) fn numbers(spool: &mut Spool, bytes: usize) -> Vec<u64> {
    let all = all(spool);
    for (number, found) in &all {
        assert_eq!(*found, record(*number, bytes), "number {number}");
    }
    all.into_iter().map(|(number, _)| number).collect()
}

pub(super) fn is_full(answer: Result<u64, AppendError>) -> bool {
    matches!(answer, Err(AppendError::Full))
}

/// A folder of its own.
pub(super) struct Ground(PathBuf);

impl Ground {
    pub(super) fn new() -> Ground {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "tributary-spool-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, SeqCst)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Ground(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Left behind at worst: the test's answer does not depend on it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
