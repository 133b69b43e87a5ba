//! The tables: every packet that a client may send, in every version, right and wrong.

mod acknowledge;
mod connect;
mod filter;
mod flags;
mod leave;
mod properties;
mod publish;
mod strings;
mod subscribe;

use crate::answer::{Answer, Wanted};
use crate::case::Case;
use crate::wire::*;

/// A packet that could not be read, and one that could and was against the rules: where the
/// specification gives no code for a mistake either of them says it [section 4.13.1].
const MALFORMED: &[u8] = &[0x81];
const ERROR: &[u8] = &[0x81, 0x82];

/// The versions with the codes and options of before MQTT 5, and all of them.
const OASIS: [u8; 2] = [V311, V5];
const VERSIONS: [u8; 3] = [V31, V311, V5];

pub(crate) fn all() -> Vec<Case> {
    let mut cases = flags::cases();
    cases.extend(connect::cases());
    cases.extend(strings::cases());
    cases.extend(properties::cases());
    cases.extend(publish::cases());
    cases.extend(acknowledge::cases());
    cases.extend(subscribe::cases());
    cases.extend(filter::cases());
    cases.extend(leave::cases());
    cases
}

fn ends(reasons: &[u8]) -> Answer {
    Answer::Ends(reasons.to_vec())
}

/// The end of a connection that never was: MQTT 5 says why, earlier versions have no word for it
/// [MQTT-3.1.4-1].
fn refused(version: u8, codes: &[u8]) -> Answer {
    match version {
        V5 => Answer::Refused(codes.to_vec()),
        _ => Answer::Closes,
    }
}

fn accepted() -> Answer {
    Answer::Goes(vec![Wanted::connack()])
}

/// Nothing is answered, and the connection goes on.
fn ignored() -> Answer {
    Answer::Goes(Vec::new())
}

/// A PUBLISH of QoS 1 is taken, with subscribers or without [section 3.4.2.1].
fn puback(id: u16) -> Answer {
    Answer::Goes(vec![Wanted::new(PUBACK, id, &[0x00, 0x10])])
}

fn pubrec(id: u16) -> Answer {
    Answer::Goes(vec![Wanted::new(PUBREC, id, &[0x00, 0x10])])
}
