//! What the specification wants in answer to some bytes, and whether it came.

use crate::wire::*;
use std::fmt;

/// A packet that is to come.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) kind: u8,
    /// `None` where the packet has none.
    pub(crate) id: Option<u16>,
    /// One of these codes in MQTT 5, and in every version for CONNACK and SUBACK, whose codes are
    /// compared one by one.
    pub(crate) codes: Codes,
}

#[derive(Clone, Debug)]
pub(crate) enum Codes {
    /// Any one of these.
    One(Vec<u8>),
    /// Exactly these, filter by filter.
    Each(Vec<u8>),
}

/// What is to happen.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These packets come, and the connection goes on.
    Goes(Vec<Wanted>),
    /// The connection ends: in MQTT 5 by a DISCONNECT with one of these reasons.
    Ends(Vec<u8>),
    /// A CONNACK with one of these codes, then the end.
    Refused(Vec<u8>),
    /// The end without a word.
    Closes,
    /// The specification leaves a choice.
    AnyOf(Vec<Answer>),
}

/// What came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Without the answer to the ping that was sent behind the bytes.
    pub(crate) packets: Vec<Packet>,
    pub(crate) ping_answered: bool,
    pub(crate) closed: bool,
}

/// How what came compares with what was wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Right,
    /// Not yet, but more may come.
    Open,
    Wrong,
}

impl Answer {
    /// `silence_is_fine`: a server may leave out the packet that says why it closes
    /// [MQTT-4.13.1-1]; ours never does.
    pub(crate) fn judge(&self, version: u8, seen: &Seen, silence_is_fine: bool) -> Verdict {
        let silent = seen.closed && seen.packets.is_empty();
        match self {
            Answer::Goes(wanted) => goes(wanted, version, seen),
            Answer::Closes => ends(seen, |_| false, silent),
            Answer::Ends(_) if version < V5 => ends(seen, |_| false, silent),
            Answer::Ends(reasons) => {
                let last_word = |packet: &Packet| {
                    packet.kind() == DISCONNECT && reasons.contains(&packet.reason())
                };
                ends(seen, last_word, silent && silence_is_fine)
            }
            Answer::Refused(codes) => {
                let last_word = |packet: &Packet| {
                    packet.kind() == CONNACK
                        && packet.body.first() == Some(&0)
                        && codes.contains(&packet.reason())
                };
                ends(seen, last_word, silent && silence_is_fine)
            }
            Answer::AnyOf(answers) => {
                let verdicts = answers.iter();
                let mut verdicts = verdicts.map(|a| a.judge(version, seen, silence_is_fine));
                verdicts
                    .try_fold(Verdict::Wrong, |best, verdict| match verdict {
                        Verdict::Right => Err(Verdict::Right),
                        Verdict::Open => Ok(Verdict::Open),
                        Verdict::Wrong => Ok(best),
                    })
                    .unwrap_or_else(|right| right)
            }
        }
    }
}

fn goes(wanted: &[Wanted], version: u8, seen: &Seen) -> Verdict {
    let right = seen.packets.len() <= wanted.len()
        && seen
            .packets
            .iter()
            .zip(wanted)
            .all(|(packet, wanted)| wanted.is(version, packet));
    match right && !seen.closed {
        false => Verdict::Wrong,
        true if seen.packets.len() == wanted.len() && seen.ping_answered => Verdict::Right,
        true => Verdict::Open,
    }
}

/// One last word and the end, or the end alone where that is `fine_already`.
fn ends(seen: &Seen, last_word: impl Fn(&Packet) -> bool, fine_already: bool) -> Verdict {
    match &seen.packets[..] {
        _ if fine_already => Verdict::Right,
        _ if seen.ping_answered => Verdict::Wrong,
        [] if seen.closed => Verdict::Wrong,
        [] => Verdict::Open,
        [only] if last_word(only) && seen.closed => Verdict::Right,
        [only] if last_word(only) => Verdict::Open,
        _ => Verdict::Wrong,
    }
}

impl Wanted {
    pub(crate) fn new(kind: u8, id: u16, codes: &[u8]) -> Wanted {
        Wanted {
            kind,
            id: Some(id),
            codes: Codes::One(codes.to_vec()),
        }
    }

    pub(crate) fn connack() -> Wanted {
        Wanted {
            kind: CONNACK,
            id: None,
            codes: Codes::One(vec![0]),
        }
    }

    pub(crate) fn suback(id: u16, codes: &[u8]) -> Wanted {
        Wanted {
            kind: SUBACK,
            id: Some(id),
            codes: Codes::Each(codes.to_vec()),
        }
    }

    /// Before MQTT 5 an UNSUBACK has no codes.
    pub(crate) fn unsuback(version: u8, id: u16, codes: &[u8]) -> Wanted {
        let codes = if version == V5 { codes } else { &[] };
        Wanted {
            kind: UNSUBACK,
            id: Some(id),
            codes: Codes::Each(codes.to_vec()),
        }
    }

    fn is(&self, version: u8, packet: &Packet) -> bool {
        let flags = if self.kind == PUBREL { 0b0010 } else { 0 };
        packet.first_byte == self.kind << 4 | flags
            && self.id.is_none_or(|id| packet.id() == id)
            && match &self.codes {
                Codes::Each(codes) => packet.codes(version) == codes,
                Codes::One(codes) if version == V5 || self.kind == CONNACK => {
                    codes.contains(&packet.reason())
                }
                // Nothing but the id is in an acknowledgement of earlier versions.
                Codes::One(_) => packet.body.len() == 2,
            }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for packet in &self.packets {
            write!(f, "{:02x}[{}] ", packet.first_byte, hex(&packet.body))?;
        }
        f.write_str(match (self.closed, self.ping_answered) {
            (true, _) => "and the end",
            (false, true) => "and the ping's answer",
            (false, false) => "and then nothing",
        })
    }
}

/// Bytes as hexadecimal digits, the middle of long ones left out.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = |part: &[u8]| {
        part.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    match bytes.len() {
        ..=96 => digits(bytes),
        length => format!(
            "{}..({length} bytes)..{}",
            digits(&bytes[..48]),
            digits(&bytes[length - 16..])
        ),
    }
}
