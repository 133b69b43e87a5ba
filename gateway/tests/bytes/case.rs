//! One row of the tables: bytes, and the answer that the specification wants for them.

use crate::answer::{Answer, Seen, Verdict, hex};
use crate::connect::Connect;
use crate::harness::{Outcome, Trial};
use crate::peer::Peer;
use crate::target::Target;
use crate::wire::*;

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// `version::packet::what`, unique.
    pub(crate) name: String,
    /// Where the specification says so.
    pub(crate) spec: &'static str,
    pub(crate) version: u8,
    /// Whether a CONNECT was accepted before; else the bytes are the first of the connection.
    pub(crate) welcomed: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) answer: Answer,
}

/// The name of a version in the names of cases.
pub(crate) fn version_name(version: u8) -> &'static str {
    match version {
        V31 => "v31",
        V311 => "v311",
        _ => "v5",
    }
}

impl Case {
    /// Bytes of a client that was let in.
    pub(crate) fn said(
        version: u8,
        what: &str,
        spec: &'static str,
        bytes: Vec<u8>,
        answer: Answer,
    ) -> Case {
        Case {
            name: format!("{}::{what}", version_name(version)),
            spec,
            version,
            welcomed: true,
            bytes,
            answer,
        }
    }

    /// The first bytes of a connection.
    pub(crate) fn first(
        version: u8,
        what: &str,
        spec: &'static str,
        bytes: Vec<u8>,
        answer: Answer,
    ) -> Case {
        Case {
            welcomed: false,
            ..Case::said(version, what, spec, bytes, answer)
        }
    }

    fn run(&self, target: &Target) -> Outcome {
        let mut peer = Peer::dial(target, self.version);
        if self.welcomed {
            let id = target.unique("case");
            peer.send(&Connect::new(self.version, &id).encode());
            let connack = peer.expect(CONNACK);
            assert_eq!(connack.reason(), 0, "a plain CONNECT is accepted");
        }
        // A server that has closed already need not read the ping.
        peer.send_unless_closed(&[&self.bytes[..], &PINGREQ_BYTES].concat());
        let mut seen = Seen::default();
        loop {
            match self.answer.judge(self.version, &seen, target.is_foreign()) {
                Verdict::Right => {
                    peer.leave();
                    return Ok(());
                }
                Verdict::Open if !seen.closed => {}
                _ => break,
            }
            match peer.packet_or_silence() {
                Ok(Some(packet)) if packet.kind() == PINGRESP => seen.ping_answered = true,
                // What others publish meanwhile, where a filter asks for all of it.
                Ok(Some(packet)) if packet.kind() == PUBLISH => {}
                Ok(Some(packet)) => seen.packets.push(packet),
                Ok(None) => seen.closed = true,
                Err(_) => break,
            }
        }
        Err(format!(
            "{}\n    sent   {}\n    wanted {:x?}\n    came   {seen}",
            self.spec,
            hex(&self.bytes),
            self.answer
        ))
    }
}

impl From<Case> for Trial {
    fn from(case: Case) -> Trial {
        Trial {
            name: case.name.clone(),
            spec: case.spec,
            run: Box::new(move |target| case.run(target)),
        }
    }
}
