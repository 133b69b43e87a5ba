//! A request in the form that rules read: valid, and without what does not matter to them.

use memchr::{memchr2, memchr3};
use tributary_proto::topic;

use crate::decision::{Ask, Why};
use crate::limits::TOPIC_BYTES_MAX;
use crate::rule::Action;

/// What a rule looks at.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) action: Action,
    pub(crate) qos: u8,
    /// A topic, or a filter without its share.
    pub(crate) topic: &'a str,
    pub(crate) has_wildcard: bool,
}

impl<'a> Request<'a> {
    /// Reads a request, or says why it is none.
    #[inline]
    pub(crate) fn new(ask: &Ask<'a>) -> Result<Request<'a>, Why> {
        let (topic, has_wildcard) = if ask.action == Action::Subscribe {
            let filter = plain_filter(ask.topic).ok_or(Why::NotAFilter)?;
            (filter, memchr2(b'+', b'#', filter.as_bytes()).is_some())
        } else if is_name(ask.topic) {
            (ask.topic, false)
        } else {
            return Err(Why::NotATopic);
        };
        Ok(Request {
            action: ask.action,
            qos: ask.qos as u8,
            topic,
            has_wildcard,
        })
    }
}

/// A filter that may be asked for, without its share: valid, and not a share of a share, which
/// brokers read differently.
fn plain_filter(filter: &str) -> Option<&str> {
    if filter.len() > TOPIC_BYTES_MAX || !topic::is_filter(filter) {
        return None;
    }
    let plain = topic::shared(filter).map_or(filter, |(_, plain)| plain);
    let is_shared_twice = plain.len() < filter.len() && plain.starts_with("$share/");
    (!is_shared_twice).then_some(plain)
}

/// Whether `name` may be published to. One search, where [`topic::is_name`] takes two.
#[inline]
fn is_name(name: &str) -> bool {
    let special = memchr3(0, b'+', b'#', name.as_bytes());
    !name.is_empty() && name.len() <= TOPIC_BYTES_MAX && special.is_none()
}
