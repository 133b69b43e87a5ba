//! Random conversations, cut at random, against a list of what was sent.

use super::*;
use crate::random::Random;

/// A masking key.
fn key(random: &mut Random) -> [u8; 4] {
    [random.byte(), random.byte(), random.byte(), random.byte()]
}

/// What a client sends and what it means by it.
#[derive(Default)]
struct Sent {
    bytes: Vec<u8>,
    data: Vec<u8>,
    pings: Vec<Vec<u8>>,
}

impl Sent {
    /// Messages in one to four fragments, with controls and empty frames between them.
    fn conversation(random: &mut Random) -> Self {
        let mut sent = Sent::default();
        for _ in 0..random.below(8) {
            let fragments = 1 + random.below(4);
            for fragment in 0..fragments {
                let length = match random.below(8) {
                    0 => 0,
                    1 => 120 + random.below(12),
                    2 => 65_530 + random.below(12),
                    _ => random.below(40),
                };
                let payload = random.bytes(length);
                let is_last = fragment + 1 == fragments;
                let opcode = if fragment == 0 { 0x02 } else { 0x00 };
                let first_byte = opcode | if is_last { 0x80 } else { 0x00 };
                sent.bytes
                    .extend(frame_by(key(random), first_byte, &payload));
                sent.data.extend(payload);
                sent.perhaps_a_control(random);
            }
        }
        sent
    }

    fn perhaps_a_control(&mut self, random: &mut Random) {
        let length = random.below(126);
        let payload = random.bytes(length);
        let first_byte = match random.below(3) {
            0 => PING,
            1 => PONG,
            _ => return,
        };
        self.bytes
            .extend(frame_by(key(random), first_byte, &payload));
        if first_byte == PING {
            self.pings.push(payload);
        }
    }
}

#[test]
fn random_conversations_in_random_pieces_give_what_was_sent() {
    let mut pieces_count = 0;
    for seed in 1..=300 {
        let mut random = Random::new(seed);
        let sent = Sent::conversation(&mut random);
        let mut found = Found::default();
        let mut decoder = Decoder::default();
        let mut rest = &sent.bytes[..];
        while !rest.is_empty() {
            let longest = [3, 40, 20_000][random.below(3)];
            let (piece, after) = rest.split_at(rest.len().min(1 + random.below(longest)));
            found.read(&mut decoder, piece);
            if let Some(idle) = decoder.idle() {
                decoder = Decoder::from(idle);
            }
            rest = after;
            pieces_count += 1;
        }
        assert_eq!(found.end, None, "seed {seed}");
        assert!(found.data == sent.data, "seed {seed}: other bytes");
        // A read answers its last ping alone, so that what was found is some of what was sent, in
        // its order, and the last.
        let mut pings = sent.pings.iter();
        let in_order = found
            .pings
            .iter()
            .all(|ping| pings.any(|sent| sent == ping));
        assert!(in_order, "seed {seed}: other pings");
        assert_eq!(found.pings.last(), sent.pings.last(), "seed {seed}");
        assert!(decoder.idle().is_some(), "seed {seed}: a frame is left");
    }
    assert!(pieces_count > 5_000, "{pieces_count} pieces");
}

#[test]
fn random_damage_ends_the_same_way_however_it_is_cut() {
    let (mut ended, mut unharmed) = (0, 0);
    for seed in 1..=2_000 {
        let mut random = Random::new(seed);
        let mut bytes = [
            frame(0x02, b"MQTT"),
            frame(PING, b"ping"),
            frame(0x80, &random.bytes(20)),
            frame(BINARY, b"and more"),
        ]
        .concat();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        let whole = read(&bytes);
        let mut pieces = Found::default();
        let mut decoder = Decoder::default();
        for byte in &bytes {
            pieces.read(&mut decoder, &[*byte]);
        }
        assert_eq!(
            (&pieces.data, pieces.end),
            (&whole.data, whole.end),
            "seed {seed}"
        );
        match whole.end {
            Some(_) => ended += 1,
            None => unharmed += 1,
        }
    }
    assert!(
        ended > 200 && unharmed > 200,
        "{ended} ended, {unharmed} unharmed"
    );
}
