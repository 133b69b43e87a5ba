//! The mark in every payload by which `verify` knows run, device and sequence, and the filler by
//! which it knows each byte after.
//!
//! ```text
//!  0        8        12       16            payload size
//! [ run id ][ device ][ sequence ][ filler ... ]   all big endian
//! ```

pub const STAMP_BYTES: usize = 16;
pub const CLIENT_ID_BYTES: usize = 16;

/// Which run a record belongs to: a hash of the name that `--run` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunId(pub u64);

impl RunId {
    /// FNV-1a: short, and the same on every machine.
    pub fn from_name(name: &str) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }

    /// The client id of a device: 16 bytes, no other run's with any likelihood.
    pub fn client_id(self, device: u32) -> String {
        format!("t{:07x}{device:08x}", self.0 & 0x0fff_ffff)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub run: RunId,
    pub device: u32,
    pub sequence: u32,
}

impl Stamp {
    /// Appends a whole payload of `payload_bytes`, which is at least `STAMP_BYTES`.
    pub fn write(&self, out: &mut Vec<u8>, payload_bytes: usize) {
        out.extend_from_slice(&self.run.0.to_be_bytes());
        out.extend_from_slice(&self.device.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        let mut missing = payload_bytes - STAMP_BYTES;
        for word in self.filler() {
            if missing == 0 {
                break;
            }
            let bytes = missing.min(word.len());
            out.extend_from_slice(&word[..bytes]);
            missing -= bytes;
        }
    }

    pub fn read(payload: &[u8]) -> Option<Self> {
        let stamp = payload.get(..STAMP_BYTES)?;
        let run = u64::from_be_bytes(stamp[..8].try_into().ok()?);
        let device = u32::from_be_bytes(stamp[8..12].try_into().ok()?);
        let sequence = u32::from_be_bytes(stamp[12..].try_into().ok()?);
        Some(Self {
            run: RunId(run),
            device,
            sequence,
        })
    }

    /// Whether a payload with this stamp is what `write` made, byte for byte.
    pub fn fits(&self, payload: &[u8], payload_bytes: usize) -> bool {
        payload.len() == payload_bytes
            && payload[STAMP_BYTES..]
                .chunks(8)
                .zip(self.filler())
                .all(|(chunk, word)| *chunk == word[..chunk.len()])
    }

    /// SplitMix64 seeded by device and sequence: no two messages share their filler.
    fn filler(&self) -> impl Iterator<Item = [u8; 8]> {
        let mut state = u64::from(self.device) << 32 | u64::from(self.sequence);
        std::iter::repeat_with(move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (word ^ (word >> 31)).to_le_bytes()
        })
    }
}

/// Fills in `{client}` and `{n}` of a topic template.
pub fn topic(template: &str, client_id: &str, device: u32) -> String {
    template
        .replace("{client}", client_id)
        .replace("{n}", &device.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(sequence: u32, payload_bytes: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        Stamp {
            run: RunId::from_name("x"),
            device: 7,
            sequence,
        }
        .write(&mut bytes, payload_bytes);
        bytes
    }

    #[test]
    fn a_payload_has_its_size_and_gives_its_stamp_back() {
        for payload_bytes in [16, 17, 23, 24, 64, 1001] {
            let bytes = payload(9, payload_bytes);
            assert_eq!(bytes.len(), payload_bytes);
            let stamp = Stamp::read(&bytes).expect("16 bytes are a stamp");
            assert_eq!(
                (stamp.run, stamp.device, stamp.sequence),
                (RunId::from_name("x"), 7, 9)
            );
            assert!(stamp.fits(&bytes, payload_bytes));
        }
        assert_eq!(Stamp::read(&[0; 15]), None);
    }

    #[test]
    fn every_changed_byte_after_the_stamp_is_noticed() {
        let good = payload(9, 61);
        let stamp = Stamp::read(&good).expect("16 bytes are a stamp");
        for at in STAMP_BYTES..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(!stamp.fits(&bad, 61), "byte {at}");
        }
        assert!(!stamp.fits(&good[..60], 61));
    }

    #[test]
    fn client_ids_are_sixteen_bytes_and_differ() {
        let run = RunId::from_name("demo");
        assert_eq!(run.client_id(0).len(), CLIENT_ID_BYTES);
        assert_eq!(run.client_id(u32::MAX).len(), CLIENT_ID_BYTES);
        assert_ne!(run.client_id(1), RunId::from_name("demo2").client_id(1));
    }
}
