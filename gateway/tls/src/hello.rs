//! Looks into a ClientHello before it is worked on: does the client say that it has a ticket?
//!
//! It decides on nothing but a budget; rustls reads the message again, and is the one to judge.

/// Extensions by which a session is resumed [RFC 8446 4.2.11, RFC 5077 3.2].
const PRE_SHARED_KEY: u16 = 41;
const SESSION_TICKET: u16 = 35;
/// Content type of the record, type of the message [RFC 8446 5.1, 4].
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Version and random [RFC 8446 4.1.2].
const BEFORE_SESSION_ID: usize = 2 + 32;

/// Whether these first bytes hold a ClientHello with a ticket in it. One that is not there as a
/// whole, or not right, has none.
pub fn offers_ticket(bytes: &[u8]) -> bool {
    extensions(bytes).is_some_and(|extensions| has_ticket(extensions).unwrap_or(false))
}

fn extensions(bytes: &[u8]) -> Option<&[u8]> {
    let [HANDSHAKE, _, _, record @ ..] = bytes else {
        return None;
    };
    let (record, _) = counted(record, 2)?;
    let [CLIENT_HELLO, message @ ..] = record else {
        return None;
    };
    let (hello, _) = counted(message, 3)?;
    let rest = hello.get(BEFORE_SESSION_ID..)?;
    let (_session_id, rest) = counted(rest, 1)?;
    let (_suites, rest) = counted(rest, 2)?;
    let (_compressions, rest) = counted(rest, 1)?;
    Some(counted(rest, 2)?.0)
}

fn has_ticket(mut extensions: &[u8]) -> Option<bool> {
    while !extensions.is_empty() {
        let (kind, rest) = extensions.split_first_chunk::<2>()?;
        let (body, rest) = counted(rest, 2)?;
        match u16::from_be_bytes(*kind) {
            PRE_SHARED_KEY => return Some(true),
            // An empty one asks for a ticket.
            SESSION_TICKET if !body.is_empty() => return Some(true),
            _ => extensions = rest,
        }
    }
    Some(false)
}

/// What stands behind a length of so many bytes, and the rest.
fn counted(bytes: &[u8], length_bytes: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(length_bytes)?;
    let length = length
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(extensions: &[&[u8]]) -> Vec<u8> {
        let extensions = extensions.concat();
        let mut hello = vec![3; BEFORE_SESSION_ID];
        hello.extend([0, 0, 2, 0x13, 1, 1, 0]);
        hello.extend((extensions.len() as u16).to_be_bytes());
        hello.extend(extensions);
        let mut bytes = vec![HANDSHAKE, 3, 1];
        bytes.extend((hello.len() as u16 + 4).to_be_bytes());
        bytes.extend([CLIENT_HELLO, 0]);
        bytes.extend((hello.len() as u16).to_be_bytes());
        bytes.extend(hello);
        bytes
    }

    #[test]
    fn a_ticket_is_seen_behind_other_extensions_and_a_request_for_one_is_none() {
        let (other, request) = ([0, 10, 0, 1, 9], [0, 35, 0, 0]);
        let (ticket12, ticket13) = ([0, 35, 0, 1, 7], [0, 41, 0, 1, 7]);
        for ticket in [ticket12, ticket13] {
            assert!(offers_ticket(&hello(&[&other, &ticket])));
        }
        assert!(!offers_ticket(&hello(&[&other, &request])));
        assert!(!offers_ticket(&hello(&[])));
    }

    #[test]
    fn what_is_cut_anywhere_has_none() {
        let whole = hello(&[&[0, 41, 0, 1, 7]]);
        for cut in 0..whole.len() {
            assert!(!offers_ticket(&whole[..cut]), "cut at {cut}");
        }
        assert!(offers_ticket(&whole));
    }
}
