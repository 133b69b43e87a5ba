//! However the stream is cut, the same packets come out of it.

use crate::chance::{Chance, for_seeds};
use crate::client::{any_packet, write_connect};
use crate::made_up::{VERSIONS, any_connect};
use tributary_proto::frame::{Front, front};

/// A connection's worth of packets.
fn stream(chance: &mut Chance) -> Vec<Vec<u8>> {
    let version = chance.pick(&VERSIONS);
    let mut packets = vec![write_connect(&any_connect(chance))];
    for _ in 0..1 + chance.below(12) {
        packets.push(any_packet(chance, version));
    }
    packets
}

/// Takes every whole frame off the front of `buffer` and says how many bytes the next one lacks.
fn drain(buffer: &mut Vec<u8>, frames: &mut Vec<(u8, Vec<u8>)>) -> usize {
    loop {
        let left = match front(buffer, u32::MAX).expect("a stream of right packets") {
            Front::Short { missing } => return missing,
            Front::Frame {
                first_byte,
                body,
                rest,
            } => {
                frames.push((first_byte, body.to_vec()));
                rest.len()
            }
        };
        buffer.drain(..buffer.len() - left);
    }
}

#[test]
fn any_split_gives_the_same_packets() {
    for_seeds(500, |chance| {
        let packets = stream(chance);
        let bytes = packets.concat();
        let mut whole = Vec::new();
        drain(&mut bytes.clone(), &mut whole);
        assert_eq!(whole.len(), packets.len());

        let largest = chance.pick(&[1, 2, 7, 64, 1000]);
        let (mut buffer, mut pieces, mut at) = (Vec::new(), Vec::new(), 0);
        while at < bytes.len() {
            let until = (at + 1 + chance.below(largest)).min(bytes.len());
            buffer.extend_from_slice(&bytes[at..until]);
            drain(&mut buffer, &mut pieces);
            at = until;
        }
        assert_eq!(pieces, whole);
        assert!(buffer.is_empty());
    });
}

#[test]
fn looking_before_the_missing_bytes_have_come_is_pointless() {
    for_seeds(200, |chance| {
        for packet in stream(chance) {
            let mut looks = 0;
            let mut have = 0;
            while let Front::Short { missing } = front(&packet[..have], u32::MAX).unwrap() {
                for early in have..have + missing {
                    let seen = front(&packet[..early], u32::MAX);
                    assert!(
                        matches!(seen, Ok(Front::Short { .. })),
                        "{early} of {packet:x?}"
                    );
                }
                have += missing;
                looks += 1;
            }
            assert_eq!(have, packet.len());
            assert!(looks <= 6, "{looks} looks for one packet");
        }
    });
}
