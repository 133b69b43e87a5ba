//! Turns the body of a frame from a client into a packet, or says in which way it is wrong.

use crate::cursor::Cursor;
use crate::malformed::Malformed;
use crate::packet::{Packet, PacketType};
use crate::version::Version;

mod refusal;

mod ack;

mod publish;

mod connect;

mod end;

mod subscribe;

pub use connect::connect;
pub use refusal::ConnectRefusal;

/// Decodes any packet but the first, CONNECT, which [`connect`] decodes.
#[inline]
pub fn packet(version: Version, first_byte: u8, body: &[u8]) -> Result<Packet<'_>, Malformed> {
    if first_byte >> 4 == PacketType::Publish as u8 {
        return Ok(Packet::Publish(publish::publish(
            version, first_byte, body,
        )?));
    }
    other(version, first_byte, body)
}

fn other(version: Version, first_byte: u8, body: &[u8]) -> Result<Packet<'_>, Malformed> {
    let packet_type = PacketType::of(first_byte).ok_or(Malformed::TypeReserved)?;
    check_flags(version, packet_type, first_byte)?;
    Ok(match packet_type {
        PacketType::Publish => Packet::Publish(publish::publish(version, first_byte, body)?),
        PacketType::PubAck => Packet::PubAck(ack::ack(version, packet_type, body)?),
        PacketType::PubRec => Packet::PubRec(ack::ack(version, packet_type, body)?),
        PacketType::PubRel => Packet::PubRel(ack::ack(version, packet_type, body)?),
        PacketType::PubComp => Packet::PubComp(ack::ack(version, packet_type, body)?),
        PacketType::Subscribe => Packet::Subscribe(subscribe::subscribe(version, body)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(subscribe::unsubscribe(version, body)?),
        PacketType::PingReq => {
            Cursor::new(body).finish()?;
            Packet::PingReq
        }
        PacketType::Disconnect => Packet::Disconnect(end::disconnect(version, body)?),
        PacketType::Auth => match version {
            Version::V5 => Packet::Auth(end::auth(body)?),
            Version::V31 | Version::V311 => return Err(Malformed::AuthBeforeV5),
        },
        // [MQTT-3.1.0-2]
        PacketType::Connect => return Err(Malformed::SecondConnect),
        PacketType::ConnAck | PacketType::SubAck | PacketType::UnsubAck | PacketType::PingResp => {
            return Err(Malformed::FromServerOnly {
                packet_type: packet_type as u8,
            });
        }
    })
}

/// The flags of everything but PUBLISH are fixed [MQTT-2.1.3-1], save that MQTT 3.1 repeats a
/// PUBREL, SUBSCRIBE or UNSUBSCRIBE with DUP set.
fn check_flags(version: Version, packet_type: PacketType, first: u8) -> Result<(), Malformed> {
    let flags = first & 0x0F;
    let is_legal = match packet_type {
        PacketType::Publish => true,
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => {
            flags == 0b0010 || (flags == 0b1010 && version == Version::V31)
        }
        _ => flags == 0,
    };
    if is_legal {
        Ok(())
    } else {
        Err(Malformed::FlagsReserved { first_byte: first })
    }
}
