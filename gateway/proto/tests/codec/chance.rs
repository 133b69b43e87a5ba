//! Chance with a seed: every failure can be had again by its number.

/// Runs `case` for many seeds, or only for the one in `TRIBUTARY_SEED`; a failing one is printed.
pub(crate) fn for_seeds(count: u64, case: impl Fn(&mut Chance) + std::panic::RefUnwindSafe) {
    let seeds = match std::env::var("TRIBUTARY_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("TRIBUTARY_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..count,
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| case(&mut Chance { state: seed }));
        if let Err(panic) = outcome {
            eprintln!("failed with TRIBUTARY_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// SplitMix64, by Sebastiano Vigna: small, and good enough to pick test cases with.
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn maybe<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        self.flip().then(|| self.pick(from))
    }

    pub(crate) fn u32(&mut self) -> u32 {
        self.next() as u32
    }

    /// Never zero, and often at the ends of the range.
    pub(crate) fn u16_not_zero(&mut self) -> u16 {
        let any = (self.next() as u16).max(1);
        self.pick(&[1, 2, 255, 256, u16::MAX, any])
    }
}
