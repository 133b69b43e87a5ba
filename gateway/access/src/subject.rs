//! Who asks, and what the placeholders of a rule stand for in that client's case.

use std::net::IpAddr;

/// The two names that differ from client to client of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject<'a> {
    pub client: &'a str,
    /// `None` for an anonymous client.
    pub user: Option<&'a str>,
}

/// What is known of a client once it has proven who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity<'a> {
    pub subject: Subject<'a>,
    pub groups: &'a [&'a str],
    /// By name; of two with one name the first counts.
    pub claims: &'a [(&'a str, &'a str)],
    /// Where it comes from; `None` where that is not known, as of a peer of a Unix socket.
    pub address: Option<IpAddr>,
}

/// What a placeholder stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Placeholder {
    Client,
    User,
    /// The place of its name among the claims that the list's placeholders name.
    Claim(u8),
}

/// The values of one client.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) subject: Subject<'a>,
    /// By [`Placeholder::Claim`]; the client may have no such claim.
    pub(crate) claims: &'a [Option<Box<str>>],
}

impl<'a> Values<'a> {
    /// What stands for the placeholder, if it can stand inside one level of a topic.
    ///
    /// Nothing, an empty text, a separator, a wildcard or NUL cannot: the client chose its id and
    /// must not choose how far a rule reaches. Nor may it lead a topic into the server's own
    /// [MQTT-4.7.2-1], hence no `$` where a topic begins.
    #[inline]
    pub(crate) fn usable(&self, placeholder: Placeholder, begins_topic: bool) -> Option<&'a str> {
        let value = match placeholder {
            Placeholder::Client => self.subject.client,
            Placeholder::User => self.subject.user?,
            Placeholder::Claim(slot) => self.claims[usize::from(slot)].as_deref()?,
        };
        let bytes = value.as_bytes();
        let is_level = !bytes.is_empty()
            && memchr::memchr3(b'/', b'+', b'#', bytes).is_none()
            && memchr::memchr(0, bytes).is_none();
        (is_level && !(begins_topic && bytes[0] == b'$')).then_some(value)
    }
}
