//! User properties, which a gateway carries along and never reads itself.

use std::fmt;

use super::{Property, Shape};
use crate::cursor::Cursor;
use crate::malformed::Field;

/// The user properties of a packet, in their order [MQTT-3.3.2-18].
#[derive(Clone, Copy, Default)]
pub struct UserProperties<'a> {
    source: Source<'a>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    /// A section of a packet that was checked when the packet was decoded, from its first user
    /// property on; other properties may stand between.
    Section(&'a [u8]),
    Pairs(&'a [(&'a str, &'a str)]),
}

impl Default for Source<'_> {
    fn default() -> Self {
        Source::Pairs(&[])
    }
}

impl<'a> UserProperties<'a> {
    /// User properties inside a section whose every property has been checked.
    pub(super) fn from_checked(section: &'a [u8]) -> UserProperties<'a> {
        UserProperties {
            source: Source::Section(section),
        }
    }

    /// User properties that did not come from the wire.
    pub fn from_pairs(pairs: &'a [(&'a str, &'a str)]) -> UserProperties<'a> {
        UserProperties {
            source: Source::Pairs(pairs),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self.source {
            Source::Section(section) => section.is_empty(),
            Source::Pairs(pairs) => pairs.is_empty(),
        }
    }

    /// Names and values, in order; a name may come more than once.
    pub fn iter(&self) -> UserPropertiesIter<'a> {
        UserPropertiesIter {
            source: self.source,
        }
    }
}

impl<'a> IntoIterator for UserProperties<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = UserPropertiesIter<'a>;

    fn into_iter(self) -> UserPropertiesIter<'a> {
        self.iter()
    }
}

impl PartialEq for UserProperties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for UserProperties<'_> {}

impl fmt::Debug for UserProperties<'_> {
    /// Prints how many there are and not what they say: they are the sender's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserProperties({})", self.iter().count())
    }
}

/// Walks over [`UserProperties`].
#[derive(Clone)]
pub struct UserPropertiesIter<'a> {
    source: Source<'a>,
}

impl<'a> Iterator for UserPropertiesIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        match &mut self.source {
            Source::Pairs(pairs) => {
                let (&first, rest) = pairs.split_first()?;
                *pairs = rest;
                Some(first)
            }
            Source::Section(section) => {
                let mut rest = Cursor::new(section);
                let pair = next_pair(&mut rest);
                *section = rest.rest();
                pair
            }
        }
    }
}

/// Skips to the next user property of a section that was checked before, so that every `None`
/// here means its end.
fn next_pair<'a>(rest: &mut Cursor<'a>) -> Option<(&'a str, &'a str)> {
    const FIELD: Field = Field::Property(Property::UserProperty as u8);
    loop {
        let id = rest.u8(FIELD).ok()?;
        match Property::from_id(u32::from(id))?.shape() {
            Shape::TextPair => return Some((rest.text(FIELD).ok()?, rest.text(FIELD).ok()?)),
            Shape::Byte => drop(rest.take(1, FIELD).ok()?),
            Shape::TwoBytes => drop(rest.take(2, FIELD).ok()?),
            Shape::FourBytes => drop(rest.take(4, FIELD).ok()?),
            Shape::Varint => drop(rest.varint(FIELD).ok()?),
            Shape::Text | Shape::Binary => drop(rest.binary(FIELD).ok()?),
        }
    }
}
