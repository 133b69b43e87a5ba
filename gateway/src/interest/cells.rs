//! How many exact filters of each shard have a hash: one byte per shard and row, shared by all.
//!
//! ```text
//!   hash --> row:  [ shard 0 | shard 1 | shard 2 | .. ]    0: surely nobody there
//! ```
//!
//! A byte that has come to 255 stays there, since it no longer knows its count. The bytes stand in
//! words of eight, so that one load says it of eight shards, and the words in blocks, which are
//! only there once something in them was counted: a fleet of templates needs none.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ShardSet;
use crate::limits::SHARDS_MAX;

/// Rows. At a million exact filters on two shards, one publish in five that nobody there wants is
/// told to a shard in vain: a note, and a look-up in a table.
const ROWS: usize = 1 << 21;
/// What the table takes at most; with many shards there are fewer rows.
const BYTES_MAX: usize = 32 << 20;
const BYTES_PER_WORD: usize = size_of::<u64>();
const BLOCK_WORDS: usize = 64;
const BLOCK_BYTES: usize = BLOCK_WORDS * BYTES_PER_WORD;
const STUCK: u64 = u8::MAX as u64;

const _: () = assert!(SHARDS_MAX <= BLOCK_BYTES && BLOCK_BYTES.is_power_of_two());
const _: () = assert!(ROWS.is_power_of_two() && BYTES_MAX.is_power_of_two());

type Block = Box<[AtomicU64; BLOCK_WORDS]>;

/// The table.
pub(super) struct Cells {
    blocks: Box<[OnceLock<Block>]>,
    rows: usize,
    /// Bytes of a row: the shards, rounded up to a power of two.
    row_bytes: usize,
}

impl Cells {
    /// A table for so many shards; one shard alone needs none.
    pub(super) fn new(shards: usize) -> Cells {
        let row_bytes = shards.next_power_of_two();
        let rows = match shards {
            1 => 0,
            _ => ROWS.min(BYTES_MAX / row_bytes),
        };
        Cells::with_rows(rows, row_bytes)
    }

    fn with_rows(rows: usize, row_bytes: usize) -> Cells {
        let blocks = (rows * row_bytes).div_ceil(BLOCK_BYTES);
        Cells {
            blocks: (0..blocks).map(|_| OnceLock::new()).collect(),
            rows,
            row_bytes,
        }
    }

    /// One filter more or less with this hash on a shard.
    pub(super) fn count(&self, shard: usize, hash: u64, more: bool) {
        if self.rows == 0 {
            return;
        }
        let byte = self.row(hash) + shard;
        let shift = byte % BYTES_PER_WORD * 8;
        let change = |word: u64| match (word >> shift & STUCK, more) {
            (STUCK, _) | (0, false) => None,
            (_, true) => Some(word + (1 << shift)),
            (_, false) => Some(word - (1 << shift)),
        };
        let block = &self.blocks[byte / BLOCK_BYTES];
        let block = block.get_or_init(|| Box::new([const { AtomicU64::new(0) }; BLOCK_WORDS]));
        let word = &block[byte % BLOCK_BYTES / BYTES_PER_WORD];
        // An error is a byte that stays as it is.
        let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
    }

    /// Adds the shards that may have an exact filter with this hash.
    #[inline]
    pub(super) fn find(&self, hash: u64, shards: &mut ShardSet) {
        if self.rows == 0 {
            return;
        }
        let first = self.row(hash);
        // A row lies within one block: both are powers of two, and no row is longer than a block.
        let Some(block) = self.blocks[first / BLOCK_BYTES].get() else {
            return;
        };
        for byte in (first..first + self.row_bytes).step_by(BYTES_PER_WORD) {
            let word = block[byte % BLOCK_BYTES / BYTES_PER_WORD].load(Ordering::Acquire);
            let mut rest = word >> (byte % BYTES_PER_WORD * 8);
            if self.row_bytes < BYTES_PER_WORD {
                rest &= (1 << (self.row_bytes * 8)) - 1;
            }
            while rest != 0 {
                let lane = rest.trailing_zeros() as usize / 8;
                shards.insert(byte - first + lane);
                rest &= !(STUCK << (lane * 8));
            }
        }
    }

    /// The first byte of a row.
    fn row(&self, hash: u64) -> usize {
        (hash as usize & (self.rows - 1)) * self.row_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cells: &Cells, hash: u64) -> Vec<usize> {
        let mut shards = ShardSet::default();
        cells.find(hash, &mut shards);
        shards.iter().collect()
    }

    #[test]
    fn a_row_says_which_shards_have_such_a_hash_whatever_their_number() {
        for shards in [2, 3, 4, 5, 8, 9, 16, 64, 100, 256] {
            let cells = Cells::with_rows(8, shards_rounded(shards));
            for hash in 0..8 {
                for shard in (hash as usize..shards).step_by(3) {
                    cells.count(shard, hash, true);
                    cells.count(shard, hash, true);
                }
            }
            for hash in 0..8 {
                let wanted: Vec<usize> = (hash as usize..shards).step_by(3).collect();
                assert_eq!(found(&cells, hash), wanted, "{hash} of {shards} shards");
                for shard in wanted {
                    cells.count(shard, hash, false);
                    assert!(found(&cells, hash).contains(&shard), "one is left");
                    cells.count(shard, hash, false);
                    assert!(!found(&cells, hash).contains(&shard));
                }
            }
        }
    }

    fn shards_rounded(shards: usize) -> usize {
        Cells::new(shards).row_bytes
    }

    #[test]
    fn a_byte_that_lost_count_stays_and_leaves_its_neighbours_alone() {
        let cells = Cells::with_rows(8, 4);
        (0..1_000).for_each(|_| cells.count(1, 5, true));
        assert_eq!(found(&cells, 5), [1]);
        (0..1_000).for_each(|_| cells.count(1, 5, false));
        assert_eq!(found(&cells, 5), [1]);
        (0..254).for_each(|_| cells.count(2, 5, true));
        (0..254).for_each(|_| cells.count(2, 5, false));
        assert_eq!(found(&cells, 5), [1]);
        cells.count(3, 5, false);
        assert_eq!(found(&cells, 5), [1], "nothing falls below nobody");
    }

    #[test]
    fn the_table_is_bounded_and_what_is_not_counted_in_is_not_there() {
        assert_eq!(Cells::new(1).blocks.len(), 0);
        for shards in [2, 16, 256] {
            let cells = Cells::new(shards);
            let bytes = cells.blocks.len() * BLOCK_BYTES;
            assert!((1 << 20..=BYTES_MAX).contains(&bytes), "{bytes}");
            assert!(found(&cells, 77).is_empty());
            let there = |cells: &Cells| cells.blocks.iter().filter(|b| b.get().is_some()).count();
            assert_eq!(there(&cells), 0);
            cells.count(1, 77, true);
            assert_eq!((there(&cells), found(&cells, 77)), (1, vec![1]));
        }
    }
}
