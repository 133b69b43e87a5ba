//! The lines of a request's head: a request line, then fields [RFC 9112 3, 5].

use super::Refusal;

/// The first line, cut at its spaces.
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    /// The part of the target in front of its question mark.
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

impl<'a> RequestLine<'a> {
    /// Reads `METHOD /path?query HTTP/1.1`, one space each.
    ///
    /// The forms of a target that only proxies and OPTIONS use are refused, and so is a fragment,
    /// which never leaves a browser.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, Refusal> {
        let mut words = line.split(|byte| *byte == b' ');
        let words = [words.next(), words.next(), words.next(), words.next()];
        let [Some(method), Some(target), Some(version), None] = words else {
            return Err(Refusal::RequestLineMalformed);
        };
        if !is_token(method) {
            return Err(Refusal::RequestLineMalformed);
        }
        if version != b"HTTP/1.1" {
            return Err(Refusal::VersionUnknown);
        }
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'#';
        if !target.starts_with(b"/") || !target.iter().all(is_plain) {
            return Err(Refusal::TargetMalformed);
        }
        let target = std::str::from_utf8(target).map_err(|_| Refusal::TargetMalformed)?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        Ok(RequestLine {
            method,
            path,
            query,
        })
    }
}

/// One field; its value has no space at either end.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Walks the lines behind the request line up to the empty one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, rest) = cut_line(self.0)?;
        self.0 = rest;
        if line.is_empty() {
            return None;
        }
        Some(field(line))
    }
}

/// The first line without its CRLF, and what follows it.
pub(super) fn cut_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

fn field(line: &[u8]) -> Result<Field<'_>, Refusal> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err(Refusal::FieldFolded);
    }
    let colon = line.iter().position(|byte| *byte == b':');
    let (name, value) = line.split_at(colon.ok_or(Refusal::FieldMalformed)?);
    // Also a space in front of the colon, by which one recipient sees a field and another none.
    if !is_token(name) {
        return Err(Refusal::FieldMalformed);
    }
    let value = value[1..].trim_ascii();
    Ok(Field { name, value })
}

/// The members of a list with commas, without the spaces around them [RFC 9110 5.6.1].
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Whether bytes are a token [RFC 9110 5.6.2].
fn is_token(bytes: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_part)
}
