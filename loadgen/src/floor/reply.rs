//! What the floor answers to each packet. Pure: packet in, bytes out.

use super::Gone;
use crate::codec::decode::{u16_at, variable_length};
use crate::codec::{encode, packet};

/// Appends what a server has to answer to one frame.
pub(super) fn reply(
    version: &mut u8,
    first_byte: u8,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Gone> {
    match first_byte >> 4 {
        packet::PUBLISH => {
            let topic_bytes = usize::from(u16_at(body, 0).ok_or(Gone)?);
            let answer = match (first_byte >> 1) & 3 {
                0 => return Ok(()),
                1 => packet::PUBACK,
                _ => packet::PUBREC,
            };
            encode::acknowledge(out, answer, u16_at(body, 2 + topic_bytes).ok_or(Gone)?);
        }
        packet::PUBREL => {
            encode::acknowledge(out, packet::PUBCOMP, u16_at(body, 0).ok_or(Gone)?);
        }
        packet::PINGREQ => out.extend_from_slice(&[packet::PINGRESP << 4, 0]),
        packet::CONNECT => {
            let name_bytes = usize::from(u16_at(body, 0).ok_or(Gone)?);
            *version = *body.get(2 + name_bytes).ok_or(Gone)?;
            let connack: &[u8] = if *version == 5 {
                &[0x20, 3, 0, 0, 0]
            } else {
                &[0x20, 2, 0, 0]
            };
            out.extend_from_slice(connack);
        }
        packet::SUBSCRIBE => subscribed(*version, body, out).ok_or(Gone)?,
        _ => return Err(Gone),
    }
    Ok(())
}

/// Grants QoS 1 to the one filter that the load generator's clients ask for.
fn subscribed(version: u8, body: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let [high, low] = u16_at(body, 0)?.to_be_bytes();
    if version == 5 {
        variable_length(body.get(2..)?)?;
        out.extend_from_slice(&[packet::SUBACK << 4, 4, high, low, 0, 1]);
    } else {
        out.extend_from_slice(&[packet::SUBACK << 4, 3, high, low, 1]);
    }
    Some(())
}
