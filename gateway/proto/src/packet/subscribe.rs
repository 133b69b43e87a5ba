//! SUBSCRIBE and UNSUBSCRIBE, whose filters stay in the packet's bytes until they are walked over.

use std::fmt;

use crate::cursor::Cursor;
use crate::malformed::{Field, Malformed};
use crate::property::UserProperties;
use crate::topic;
use crate::version::{Qos, Version};

/// SUBSCRIBE [section 3.8].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscribe<'a> {
    pub packet_id: u16,
    pub subscription_identifier: Option<u32>,
    pub user_properties: UserProperties<'a>,
    /// At least one.
    pub filters: SubscribeFilters<'a>,
}

/// UNSUBSCRIBE [section 3.10].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsubscribe<'a> {
    pub packet_id: u16,
    pub user_properties: UserProperties<'a>,
    /// At least one.
    pub filters: UnsubscribeFilters<'a>,
}

impl Subscribe<'_> {
    /// How many filters there are, and so how many reasons the SUBACK has [MQTT-3.9.3-1].
    pub fn count(&self) -> usize {
        self.filters.count
    }
}

impl Unsubscribe<'_> {
    /// How many filters there are, and so how many reasons the UNSUBACK has [MQTT-3.11.3-1].
    pub fn count(&self) -> usize {
        self.filters.count
    }
}

/// What a subscription asks for [section 3.8.3.1]; only the QoS before MQTT 5.
///
/// ```text
///   7 6    5 4      3        2       1 0
/// [ 0 0 | retain | as      | no    | QoS ]
/// [     | hndlng | publshd | local |     ]
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SubscribeOptions {
    pub qos: Qos,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub retain_handling: RetainHandling,
}

/// When retained messages are sent for a new subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum RetainHandling {
    #[default]
    Send = 0,
    SendIfNew = 1,
    Never = 2,
}

impl SubscribeOptions {
    /// Reads the options byte; the reserved bits are zero [MQTT-3.8.3-5], and before MQTT 5 those
    /// are all but the QoS [MQTT-3.1.1: 3-8.3-4].
    pub(crate) fn from_byte(version: Version, options: u8) -> Result<SubscribeOptions, Malformed> {
        let reserved = if version.has_properties() {
            0b1100_0000
        } else {
            0b1111_1100
        };
        if options & reserved != 0 {
            return Err(Malformed::SubscriptionOptionsReserved { options });
        }
        Ok(SubscribeOptions {
            qos: Qos::from_bits(options & 0b11).ok_or(Malformed::SubscriptionQosReserved)?,
            no_local: options & 0b100 != 0,
            retain_as_published: options & 0b1000 != 0,
            retain_handling: match options >> 4 & 0b11 {
                0 => RetainHandling::Send,
                1 => RetainHandling::SendIfNew,
                2 => RetainHandling::Never,
                _ => return Err(Malformed::RetainHandlingReserved),
            },
        })
    }
}

/// The filters of a SUBSCRIBE with their options, in their order; each is valid.
#[derive(Clone, Copy)]
pub struct SubscribeFilters<'a> {
    version: Version,
    rest: Cursor<'a>,
    count: usize,
}

impl<'a> SubscribeFilters<'a> {
    /// Checks all filters of a body's tail, so that walking over them later cannot fail.
    pub(crate) fn check(version: Version, tail: Cursor<'a>) -> Result<Self, Malformed> {
        let mut unchecked = tail;
        let mut count = 0;
        while !unchecked.is_empty() {
            let (filter, options) = next_subscription(version, &mut unchecked)?;
            topic::check_filter(filter)?;
            if options.no_local && topic::shared(filter).is_some() {
                // [MQTT-3.8.3-4]
                return Err(Malformed::ShareNoLocal);
            }
            count += 1;
        }
        match count {
            // [MQTT-3.8.3-2]
            0 => Err(Malformed::FiltersMissing),
            _ => Ok(SubscribeFilters {
                version,
                rest: tail,
                count,
            }),
        }
    }
}

fn next_subscription<'a>(
    version: Version,
    rest: &mut Cursor<'a>,
) -> Result<(&'a str, SubscribeOptions), Malformed> {
    let filter = rest.text(Field::Filter)?;
    let options = rest.u8(Field::SubscriptionOptions)?;
    Ok((filter, SubscribeOptions::from_byte(version, options)?))
}

impl<'a> Iterator for SubscribeFilters<'a> {
    type Item = (&'a str, SubscribeOptions);

    fn next(&mut self) -> Option<(&'a str, SubscribeOptions)> {
        self.count = self.count.checked_sub(1)?;
        // Checked as a whole before: an error here is the end of the list and nothing else.
        next_subscription(self.version, &mut self.rest).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for SubscribeFilters<'_> {}

/// The filters of an UNSUBSCRIBE, in their order; each is valid.
#[derive(Clone, Copy)]
pub struct UnsubscribeFilters<'a> {
    rest: Cursor<'a>,
    count: usize,
}

impl<'a> UnsubscribeFilters<'a> {
    /// Checks all filters of a body's tail, so that walking over them later cannot fail.
    pub(crate) fn check(tail: Cursor<'a>) -> Result<Self, Malformed> {
        let mut unchecked = tail;
        let mut count = 0;
        while !unchecked.is_empty() {
            topic::check_filter(unchecked.text(Field::Filter)?)?;
            count += 1;
        }
        match count {
            // [MQTT-3.10.3-2]
            0 => Err(Malformed::FiltersMissing),
            _ => Ok(UnsubscribeFilters { rest: tail, count }),
        }
    }
}

impl<'a> Iterator for UnsubscribeFilters<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.count = self.count.checked_sub(1)?;
        // Checked as a whole before: an error here is the end of the list and nothing else.
        self.rest.text(Field::Filter).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for UnsubscribeFilters<'_> {}

impl PartialEq for SubscribeFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        Iterator::eq(*self, *other)
    }
}

impl Eq for SubscribeFilters<'_> {}

impl PartialEq for UnsubscribeFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        Iterator::eq(*self, *other)
    }
}

impl Eq for UnsubscribeFilters<'_> {}

impl fmt::Debug for SubscribeFilters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl fmt::Debug for UnsubscribeFilters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}
