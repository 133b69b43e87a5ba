//! Topic names and topic filters: which are valid, and which filter matches which name.

use crate::cursor::Cursor;
use crate::malformed::{Field, Malformed};

/// The prefix that makes a filter a shared subscription [section 4.8.2].
const SHARE_PREFIX: &str = "$share/";

/// Whether `name` may be published to: not empty [MQTT-4.7.3-1], no wildcard [MQTT-3.3.2-2].
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !has_wildcard(name) && !name.contains('\0')
}

/// Reads a topic name off a packet, or says that there is a `wildcard` in it. It may be empty: what
/// that means is for the packet to say. One search for all that it must not hold costs every
/// PUBLISH half of what two would.
#[inline]
pub(crate) fn read_name<'a>(
    rest: &mut Cursor<'a>,
    field: Field,
    wildcard: Malformed,
) -> Result<&'a str, Malformed> {
    let name = rest.utf8(field)?;
    match memchr::memchr3(0, b'+', b'#', name.as_bytes()) {
        None => Ok(name),
        Some(_) if name.contains('\0') => Err(Malformed::HasNul { field }),
        Some(_) => Err(wildcard),
    }
}

/// Whether a wildcard character stands anywhere in `name`.
fn has_wildcard(name: &str) -> bool {
    memchr::memchr2(b'+', b'#', name.as_bytes()).is_some()
}

/// Whether `filter` may be subscribed to; see [`check_filter`].
pub fn is_filter(filter: &str) -> bool {
    check_filter(filter).is_ok() && !filter.contains('\0')
}

/// Says what is wrong with a filter, shared or not.
///
/// A wildcard fills its level [MQTT-4.7.1-2] and `#` is the last one [MQTT-4.7.1-1]. Shared
/// filters are held to their own form in every version [MQTT-4.8.2-1] [MQTT-4.8.2-2]: brokers
/// offer them to 3.1.1 clients too, and there `$share` names no topic that anyone publishes to.
pub fn check_filter(filter: &str) -> Result<(), Malformed> {
    match filter.strip_prefix(SHARE_PREFIX) {
        None => check_plain_filter(filter),
        Some(_) => match shared(filter) {
            Some((_, plain)) => check_plain_filter(plain),
            None => Err(Malformed::ShareInvalid),
        },
    }
}

/// Splits `$share/{name}/{filter}` into name and filter; `None` for any other form.
pub fn shared(filter: &str) -> Option<(&str, &str)> {
    let (share, plain) = filter.strip_prefix(SHARE_PREFIX)?.split_once('/')?;
    (!share.is_empty() && !plain.is_empty() && !has_wildcard(share)).then_some((share, plain))
}

fn check_plain_filter(filter: &str) -> Result<(), Malformed> {
    if filter.is_empty() {
        return Err(Malformed::FilterEmpty);
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let is_last = levels.peek().is_none();
        let fits = match level {
            "+" => true,
            "#" => is_last,
            _ => !has_wildcard(level),
        };
        if !fits {
            return Err(Malformed::FilterWildcardMisplaced);
        }
    }
    Ok(())
}

/// Whether a valid filter (without its `$share` part) matches a valid name [section 4.7].
pub fn matches(filter: &str, name: &str) -> bool {
    // `$SYS` and its like are seen only by those who ask by name [MQTT-4.7.2-1].
    if name.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = name.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            // `a/#` includes its parent `a` [section 4.7.1.2].
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests;
