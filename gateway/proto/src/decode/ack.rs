//! PUBACK, PUBREC, PUBREL and PUBCOMP from a client, told apart only by the reasons they may give.

use crate::cursor::Cursor;
use crate::malformed::{Field, Malformed};
use crate::packet::{Ack, PacketType};
use crate::property::{Property, Section, UserProperties};
use crate::reason::Reason;
use crate::version::Version;

pub(super) fn ack(
    version: Version,
    packet_type: PacketType,
    body: &[u8],
) -> Result<Ack<'_>, Malformed> {
    let mut rest = Cursor::new(body);
    let mut ack = Ack {
        packet_id: rest.packet_id()?,
        reason: Reason::Success,
        reason_string: None,
        user_properties: UserProperties::default(),
    };
    if version.has_properties() && !rest.is_empty() {
        let code = rest.u8(Field::ReasonCode)?;
        ack.reason = Reason::from_code(code)
            .filter(|&reason| is_allowed(packet_type, reason))
            .ok_or(Malformed::ReasonNotAllowed { code })?;
        // Without a single property their length may be left out too [section 3.4.2.2.1].
        if !rest.is_empty() {
            let mut section = Section::open(&mut rest)?;
            while let Some(property) = section.next()? {
                match property {
                    Property::ReasonString => ack.reason_string = Some(section.text()?),
                    _ => return Err(section.misplaced()),
                }
            }
            ack.user_properties = section.user_properties();
        }
    }
    rest.finish()?;
    Ok(ack)
}

/// The reasons of each kind of acknowledgement [sections 3.4.2.1, 3.5.2.1, 3.6.2.1, 3.7.2.1].
fn is_allowed(packet_type: PacketType, reason: Reason) -> bool {
    match packet_type {
        PacketType::PubRel | PacketType::PubComp => {
            matches!(reason, Reason::Success | Reason::PacketIdentifierNotFound)
        }
        _ => matches!(
            reason,
            Reason::Success
                | Reason::NoMatchingSubscribers
                | Reason::UnspecifiedError
                | Reason::ImplementationSpecificError
                | Reason::NotAuthorized
                | Reason::TopicNameInvalid
                | Reason::PacketIdentifierInUse
                | Reason::QuotaExceeded
                | Reason::PayloadFormatInvalid
        ),
    }
}
