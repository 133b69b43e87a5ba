//! What is known about each message of one device: one bit for each thing.

/// Devices that claim to be further than this are not ours: it bounds what a broken record can
/// make us allocate.
pub const SEQUENCE_MAX: u32 = 1 << 26;

#[derive(Default)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// Sets a bit and says whether it was set before.
    pub fn set(&mut self, index: u32) -> bool {
        let (word, mask) = (index as usize / 64, 1u64 << (index % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let was = self.0[word] & mask != 0;
        self.0[word] |= mask;
        was
    }

    pub fn has(&self, index: u32) -> bool {
        let word = self.0.get(index as usize / 64).copied().unwrap_or(0);
        word & 1 << (index % 64) != 0
    }

    pub fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The bits that are set here and not in `others`, in order.
    pub fn without<'a>(&'a self, others: &'a Self) -> impl Iterator<Item = u32> + 'a {
        let words = self.0.iter().enumerate();
        words.flat_map(|(index, word)| {
            let left = word & !others.0.get(index).copied().unwrap_or(0);
            (0..64)
                .filter(move |bit| left & 1 << bit != 0)
                .map(move |bit| index as u32 * 64 + bit)
        })
    }
}

#[derive(Default)]
pub struct Track {
    pub acknowledged: Bits,
    pub refused: Bits,
    pub resent: Bits,
    /// In Kafka once, more than once, after a later one.
    pub seen: Bits,
    pub twice: Bits,
    pub late: Bits,
    pub newest_seen: Option<u32>,
    /// How many messages the device sent, once the ledger says it.
    pub sent: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_remember_and_subtract() {
        let (mut some, mut others) = (Bits::default(), Bits::default());
        for index in [0, 5, 63, 64, 1_000] {
            assert!(!some.set(index));
            assert!(some.set(index));
        }
        others.set(63);
        others.set(2_000);
        assert_eq!(some.without(&others).collect::<Vec<_>>(), [0, 5, 64, 1_000]);
        assert_eq!(some.count(), 5);
        assert!(some.has(1_000) && !some.has(999) && !some.has(100_000));
    }
}
