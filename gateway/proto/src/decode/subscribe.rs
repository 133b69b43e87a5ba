//! SUBSCRIBE and UNSUBSCRIBE: what stands before the filters, which check themselves.

use crate::cursor::Cursor;
use crate::malformed::Malformed;
use crate::packet::{Subscribe, SubscribeFilters, Unsubscribe, UnsubscribeFilters};
use crate::property::{Property, Section, UserProperties};
use crate::version::Version;

pub(super) fn subscribe(version: Version, body: &[u8]) -> Result<Subscribe<'_>, Malformed> {
    let mut rest = Cursor::new(body);
    let packet_id = rest.packet_id()?;
    let mut subscription_identifier = None;
    let mut user_properties = UserProperties::default();
    if version.has_properties() {
        let mut section = Section::open(&mut rest)?;
        while let Some(property) = section.next()? {
            match property {
                Property::SubscriptionIdentifier => match section.varint()? {
                    0 => return Err(Malformed::SubscriptionIdentifierZero),
                    identifier => subscription_identifier = Some(identifier),
                },
                _ => return Err(section.misplaced()),
            }
        }
        user_properties = section.user_properties();
    }
    let filters = SubscribeFilters::check(version, rest)?;
    Ok(Subscribe {
        packet_id,
        subscription_identifier,
        user_properties,
        filters,
    })
}

pub(super) fn unsubscribe(version: Version, body: &[u8]) -> Result<Unsubscribe<'_>, Malformed> {
    let mut rest = Cursor::new(body);
    let packet_id = rest.packet_id()?;
    let mut user_properties = UserProperties::default();
    if version.has_properties() {
        let mut section = Section::open(&mut rest)?;
        if section.next()?.is_some() {
            return Err(section.misplaced());
        }
        user_properties = section.user_properties();
    }
    Ok(Unsubscribe {
        packet_id,
        user_properties,
        filters: UnsubscribeFilters::check(rest)?,
    })
}
