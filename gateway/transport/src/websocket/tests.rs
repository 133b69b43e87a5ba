//! Frames against a client of the tests' own: examples, cuts, a model, and attacks.

mod attacks;
mod encoding;
mod examples;
mod model;

use super::*;
use crate::limits::FRAME_BYTES_MAX;

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;

/// A client's frame with the shortest length.
fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    frame_by(KEY, first_byte, payload)
}

fn frame_by(key: [u8; 4], first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        middle @ 126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend((middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(key);
    let masked = payload
        .iter()
        .enumerate()
        .map(|(at, byte)| byte ^ key[at % 4]);
    frame.extend(masked);
    frame
}

/// What came of bytes that were read in pieces.
#[derive(PartialEq, Eq, Default, Debug)]
struct Found {
    data: Vec<u8>,
    pings: Vec<Vec<u8>>,
    end: Option<End>,
}

impl Found {
    fn read(&mut self, decoder: &mut Decoder, piece: &[u8]) {
        let mut piece = piece.to_vec();
        let read = decoder.on_read(&mut piece, 0, FRAME_BYTES_MAX);
        self.data.extend_from_slice(read.data);
        self.pings
            .extend(read.ping.map(|ping| ping.as_slice().to_vec()));
        self.end = self.end.or(read.end);
    }
}

/// Reads bytes in one piece with a fresh decoder.
fn read(bytes: &[u8]) -> Found {
    let mut found = Found::default();
    found.read(&mut Decoder::default(), bytes);
    found
}

fn fault(bytes: &[u8]) -> Option<Malformed> {
    match read(bytes).end {
        Some(End::Malformed(why)) => Some(why),
        Some(End::Closed { .. }) | None => None,
    }
}

#[test]
fn an_idle_client_is_two_bytes_and_one_in_a_frame_is_24() {
    assert_eq!(size_of::<Idle>(), 2);
    assert_eq!(size_of::<Decoder>(), 24);
    assert!(size_of::<Malformed>() <= 16);
}
