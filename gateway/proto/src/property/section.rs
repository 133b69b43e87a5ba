//! Reads one property section, holding every packet to the rules that all of them share.

use super::Property;
use super::user::UserProperties;
use crate::cursor::Cursor;
use crate::malformed::{Field, Malformed};
use crate::topic;

/// One property section being read: `next` names a property, the method of its shape takes its
/// value. What a packet does not expect it hands to `misplaced`, so that the `match` over the
/// properties of a packet is also the list of those allowed in it.
pub(crate) struct Section<'a> {
    rest: Cursor<'a>,
    seen: u64,
    current: Property,
    user: UserProperties<'a>,
}

impl<'a> Section<'a> {
    /// Takes a whole section, length first, off the front of `body`.
    pub(crate) fn open(body: &mut Cursor<'a>) -> Result<Section<'a>, Malformed> {
        let count = body.varint(Field::PropertyLength)?;
        let bytes = body.take(count as usize, Field::PropertyLength)?;
        Ok(Section {
            rest: Cursor::new(bytes),
            seen: 0,
            current: Property::UserProperty,
            user: UserProperties::default(),
        })
    }

    /// The next property whose value is to be read. User properties, allowed everywhere and any
    /// number of times, are checked and kept on the way.
    pub(crate) fn next(&mut self) -> Result<Option<Property>, Malformed> {
        while !self.rest.is_empty() {
            let from_here = self.rest.rest();
            let id = self.rest.varint(Field::PropertyId)?;
            let Some(property) = Property::from_id(id) else {
                return Err(Malformed::PropertyUnknown { id });
            };
            self.current = property;
            if property != Property::UserProperty {
                let bit = 1u64 << property.id();
                if self.seen & bit != 0 {
                    return Err(Malformed::PropertyTwice { id: property.id() });
                }
                self.seen |= bit;
                return Ok(Some(property));
            }
            if self.user.is_empty() {
                self.user = UserProperties::from_checked(from_here);
            }
            self.text()?;
            self.text()?;
        }
        Ok(None)
    }

    /// The property just named has no place in this packet.
    pub(crate) fn misplaced(&self) -> Malformed {
        Malformed::PropertyMisplaced {
            id: self.current.id(),
        }
    }

    fn field(&self) -> Field {
        Field::Property(self.current.id())
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.rest.u8(self.field())? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(Malformed::PropertyNotBool {
                id: self.current.id(),
                value,
            }),
        }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.rest.u16(self.field())
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.rest.u32(self.field())
    }

    pub(crate) fn varint(&mut self) -> Result<u32, Malformed> {
        self.rest.varint(self.field())
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        self.rest.text(self.field())
    }

    pub(crate) fn topic_name(&mut self, wildcard: Malformed) -> Result<&'a str, Malformed> {
        let field = self.field();
        topic::read_name(&mut self.rest, field, wildcard)
    }

    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        self.rest.binary(self.field())
    }

    /// The user properties met, complete once `next` has answered `None`.
    pub(crate) fn user_properties(&self) -> UserProperties<'a> {
        self.user
    }
}
