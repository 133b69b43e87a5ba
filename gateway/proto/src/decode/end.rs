//! DISCONNECT and AUTH from a client: the packets in which it says how to go, or go on.

use crate::cursor::Cursor;
use crate::malformed::{Field, Malformed};
use crate::packet::{Auth, Disconnect};
use crate::property::{Property, Section, UserProperties};
use crate::reason::Reason;
use crate::version::Version;

pub(super) fn disconnect(version: Version, body: &[u8]) -> Result<Disconnect<'_>, Malformed> {
    let mut rest = Cursor::new(body);
    let mut to = Disconnect {
        reason: Reason::Success,
        session_expiry_secs: None,
        server_reference: None,
        reason_string: None,
        user_properties: UserProperties::default(),
    };
    if version.has_properties() && !rest.is_empty() {
        let code = rest.u8(Field::ReasonCode)?;
        to.reason = Reason::from_code(code)
            .filter(|&reason| may_disconnect(reason))
            .ok_or(Malformed::ReasonNotAllowed { code })?;
        // Without a single property their length may be left out too [section 3.14.2.2.1].
        if !rest.is_empty() {
            let mut section = Section::open(&mut rest)?;
            while let Some(property) = section.next()? {
                match property {
                    Property::SessionExpiry => to.session_expiry_secs = Some(section.u32()?),
                    Property::ReasonString => to.reason_string = Some(section.text()?),
                    Property::ServerReference => to.server_reference = Some(section.text()?),
                    _ => return Err(section.misplaced()),
                }
            }
            to.user_properties = section.user_properties();
        }
    }
    rest.finish()?;
    Ok(to)
}

/// The reasons that section 3.14.2.1 lets a client disconnect with.
fn may_disconnect(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Success
            | Reason::DisconnectWithWill
            | Reason::UnspecifiedError
            | Reason::MalformedPacket
            | Reason::ProtocolError
            | Reason::ImplementationSpecificError
            | Reason::TopicNameInvalid
            | Reason::ReceiveMaximumExceeded
            | Reason::TopicAliasInvalid
            | Reason::PacketTooLarge
            | Reason::MessageRateTooHigh
            | Reason::QuotaExceeded
            | Reason::AdministrativeAction
            | Reason::PayloadFormatInvalid
    )
}

pub(super) fn auth(body: &[u8]) -> Result<Auth<'_>, Malformed> {
    let mut rest = Cursor::new(body);
    // An empty AUTH stands for Success without properties, which only a server says
    // [section 3.15.2.1].
    let code = if rest.is_empty() {
        0
    } else {
        rest.u8(Field::ReasonCode)?
    };
    let reason = Reason::from_code(code)
        .filter(|r| matches!(r, Reason::ContinueAuthentication | Reason::Reauthenticate))
        .ok_or(Malformed::ReasonNotAllowed { code })?;
    let mut section = Section::open(&mut rest)?;
    let mut authentication_method = None;
    let mut authentication_data = None;
    let mut reason_string = None;
    while let Some(property) = section.next()? {
        match property {
            Property::AuthenticationMethod => authentication_method = Some(section.text()?),
            Property::AuthenticationData => authentication_data = Some(section.binary()?),
            Property::ReasonString => reason_string = Some(section.text()?),
            _ => return Err(section.misplaced()),
        }
    }
    rest.finish()?;
    Ok(Auth {
        reason,
        // [section 3.15.2.2.2]
        authentication_method: authentication_method.ok_or(Malformed::AuthMethodMissing)?,
        authentication_data,
        reason_string,
        user_properties: section.user_properties(),
    })
}
