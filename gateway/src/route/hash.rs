//! The numbers by which a group picks a cluster: fixed for ever, since all gateways must agree.

/// FNV-1a of 64 bits (RFC 9923), fed piece by piece, so that a key needs no buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fnv(u64);

impl Fnv {
    pub(super) const EMPTY: Fnv = Fnv(0xcbf2_9ce4_8422_2325);

    /// The hash of what was fed so far and these bytes behind it.
    pub(super) fn fed(self, bytes: &[u8]) -> Fnv {
        let feed = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Fnv(bytes.iter().fold(self.0, feed))
    }

    pub(super) fn word(self) -> u64 {
        self.0
    }
}

/// The finalizer of SplitMix64. FNV leaves the last bytes in the lower bits; this spreads them.
pub(super) fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// -ln(u), where u = (the upper 52 bits of the word + 1/2) / 2^52, which is never 0 and never 1.
///
/// Made of additions, multiplications and divisions alone, which IEEE 754 rounds alike everywhere.
/// The last bit of `f64::ln` is the C library's, and may differ between two gateways.
pub(super) fn minus_ln(word: u64) -> f64 {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const FRACTION: u64 = (1 << FRACTION_BITS) - 1;
    let u = ((word >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    let biased = (u.to_bits() >> FRACTION_BITS) as i32;
    let (mut exponent, mut m) = (
        biased - 1_023,
        f64::from_bits((u.to_bits() & FRACTION) | ONE),
    );
    // Around 1, so that the logarithm of a u near 1 is not the difference of two near numbers.
    if m > std::f64::consts::SQRT_2 {
        (exponent, m) = (exponent + 1, m / 2.0);
    }
    // ln m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...), where s^2 < 0.03.
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let sum = ODD_RECIPROCALS.iter().fold(0.0, |sum, term| sum * z + term);
    -(f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * s * sum)
}

/// The bits of 1.0.
const ONE: u64 = 1_023 << 52;

/// 1/19, 1/17, ... 1: with ten terms what is left out is below 1 in 10^16.
const ODD_RECIPROCALS: [f64; 10] = [
    1.0 / 19.0,
    1.0 / 17.0,
    1.0 / 15.0,
    1.0 / 13.0,
    1.0 / 11.0,
    1.0 / 9.0,
    1.0 / 7.0,
    1.0 / 5.0,
    1.0 / 3.0,
    1.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_agrees_with_the_vectors_that_its_authors_publish() {
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(Fnv::EMPTY.fed(text.as_bytes()).word(), hash, "{text}");
        }
        assert_eq!(
            Fnv::EMPTY.fed(b"foo").fed(b"bar"),
            Fnv::EMPTY.fed(b"foobar")
        );
    }

    #[test]
    fn mix_continues_the_published_sequence_of_splitmix64() {
        // The first three numbers of SplitMix64 with seed 1234567.
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let number = |n: u64| mix(1_234_567_u64.wrapping_add(GAMMA.wrapping_mul(n)));
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!([number(1), number(2), number(3)], published);
    }

    #[test]
    fn the_logarithm_is_one_and_its_bits_are_these() {
        let edges = [
            0,
            1 << 12,
            u64::MAX,
            1 << 63,
            u64::MAX >> 1,
            0xb504_f333_f9de_6484,
        ];
        for word in edges.into_iter().chain((0..100_000).map(mix)) {
            let u = ((word >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
            let (ours, theirs) = (minus_ln(word), -u.ln());
            assert!(ours > 0.0, "{word:#x}: {ours}");
            assert!(
                (ours / theirs - 1.0).abs() < 1e-14,
                "{word:#x}: {ours} {theirs}"
            );
        }
        for (word, bits) in BITS {
            assert_eq!(minus_ln(word).to_bits(), bits, "{word:#x}");
        }
    }

    /// Words and the bits of their logarithms, which must never change.
    const BITS: [(u64, u64); 4] = [
        (0, 0x4042_5e4f_7b27_37fa),
        (1 << 63, 0x3fe6_2e42_fefa_39ed),
        (0x0123_4567_89ab_cdef, 0x4015_aa16_394d_4834),
        (u64::MAX, 0x3ca0_0000_0000_0000),
    ];
}
