//! Seals: what stands between a socket and its bytes where a listener takes TLS.
//!
//! ```text
//!   Awaited ──first bytes──> Begun ──Finished──> Agreed     Agreed: 4 bytes here, and a place
//!                              └──any fault──> Over         of 80 (112) bytes or of 2.4 KB
//! ```
//!
//! Where nobody comes by TLS there is no table. What is cut or owed stands apart, so that an idle
//! client has none of it.

mod kept;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use tributary_proto::close::Close;
use tributary_tls::frame::{self, Front};
use tributary_tls::{Burst, Fault, Handshake, Opened, Records, Spent};

use kept::{Kept, Packed, Seal};

use super::buffers::Spares;
use super::sparse::BySocket;
use super::thrift::shrink_map;
use super::world::Socket;

/// How far a socket under TLS is.
pub(super) enum Phase {
    /// Nothing has come.
    Awaited,
    /// In its handshake.
    Begun(Box<Begun>),
    /// It has a record layer.
    Agreed,
    /// It has none and will have none.
    Over,
}

/// A handshake that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub handshake: Handshake,
    /// Its place among those that have.
    pub number: u64,
    /// It was let begin as one that is resumed.
    pub claims_ticket: bool,
}

/// A handshake that has not ended.
struct HalfOpen {
    socket: Socket,
    deadline_tick: u32,
}

/// What travels with a socket to its home shard.
pub(super) struct Sealed {
    records: Records,
    /// Records that were not sent yet.
    owed: Vec<u8>,
    /// The first part of a record.
    cut: Vec<u8>,
    /// Why nothing comes behind what was read.
    end: Option<Close>,
}

/// How the records of one connection end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The peer has said so.
    Closed,
    /// One of them was wrong.
    Failed(Fault),
}

/// What one read held.
#[derive(Debug)]
pub(super) struct Unsealed {
    /// Where what was sealed stands now, without gaps.
    pub data: Range<usize>,
    /// How much of what was read is done with; the rest is no whole record.
    pub used_bytes: usize,
    /// Nothing comes behind that.
    pub end: Option<End>,
}

/// The seals of a shard's sockets.
#[derive(Default)]
pub(super) struct Seals {
    /// Empty where nobody comes by TLS.
    slots: BySocket<Packed>,
    kept: Kept,
    /// Records that were cut by the end of a read.
    cut: HashMap<Socket, Vec<u8>>,
    /// Records that wait for the next send.
    owed: HashMap<Socket, Vec<u8>>,
    /// Why nothing comes behind what was read of those who are not let in yet.
    ended: HashMap<Socket, Close>,
    /// Handshakes that have not ended, in the order in which they began.
    half_open: BTreeMap<u64, HalfOpen>,
    begun_count: u64,
}

impl Seals {
    /// A socket has come by a door that takes TLS.
    pub(super) fn begin(&mut self, socket: Socket) {
        self.put(socket, Seal::Awaited);
    }

    /// How far a socket is. The handshake that it is in comes out, and is over unless it is put
    /// back.
    pub(super) fn take_phase(&mut self, socket: Socket) -> Phase {
        match self.seal_of(socket) {
            Seal::Awaited => Phase::Awaited,
            Seal::Lean(_) | Seal::LeanWide(_) | Seal::Rustls(_) => Phase::Agreed,
            seal @ Seal::Begun(_) => {
                self.slots.put(socket, Seal::Over.pack());
                self.kept.take_begun(seal).map_or(Phase::Over, Phase::Begun)
            }
            Seal::Absent | Seal::Over => Phase::Over,
        }
    }

    /// A handshake goes on with what comes next.
    pub(super) fn put_begun(&mut self, socket: Socket, begun: Box<Begun>) {
        let seal = self.kept.put_begun(begun);
        self.put(socket, seal);
    }

    /// A handshake has come to its good end.
    pub(super) fn put_records(&mut self, socket: Socket, records: Records) {
        let seal = self.kept.put(records);
        self.put(socket, seal);
    }

    /// Nothing can be opened or sealed any more.
    pub(super) fn give_up(&mut self, socket: Socket) {
        self.put(socket, Seal::Over);
    }

    /// Whether the bytes of a socket are not as they are.
    pub(super) fn is_sealed(&self, socket: Socket) -> bool {
        self.seal_of(socket) != Seal::Absent
    }

    /// The name of a socket's record layer, as settings have it; none where it has none.
    pub(super) fn layer(&self, socket: Socket) -> Option<&'static str> {
        match self.seal_of(socket) {
            Seal::Lean(_) | Seal::LeanWide(_) => Some("lean"),
            Seal::Rustls(_) => Some("rustls"),
            _ => None,
        }
    }

    /// Whether the handshake of a socket has begun and not ended.
    pub(super) fn is_half_open(&self, socket: Socket) -> bool {
        matches!(self.seal_of(socket), Seal::Begun(_))
    }

    /// A handshake begins; its number among those that have.
    pub(super) fn open_half(&mut self, socket: Socket, deadline_tick: u32) -> u64 {
        self.begun_count += 1;
        let half_open = HalfOpen {
            socket,
            deadline_tick,
        };
        self.half_open.insert(self.begun_count, half_open);
        self.begun_count
    }

    /// A handshake has ended.
    pub(super) fn close_half(&mut self, number: u64) {
        self.half_open.remove(&number);
    }

    /// How many handshakes have begun and not ended.
    pub(super) fn half_open_count(&self) -> usize {
        self.half_open.len()
    }

    /// Forgets the handshake that has waited longest, and says whose it was.
    pub(super) fn pop_half_open(&mut self) -> Option<Socket> {
        self.half_open.pop_first().map(|(_, oldest)| oldest.socket)
    }

    /// Forgets the handshakes whose time is over, and says whose they were.
    pub(super) fn overdue(&mut self, now_tick: u32) -> Vec<Socket> {
        let is_late = |one: &HalfOpen| one.deadline_tick <= now_tick;
        if !self.half_open.values().any(is_late) {
            return Vec::new();
        }
        let late = self.half_open.extract_if(.., |_, one| is_late(one));
        late.map(|(_, one)| one.socket).collect()
    }

    /// Opens all records that came whole, in place.
    pub(super) fn unseal(
        &mut self,
        socket: Socket,
        bytes: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Unsealed {
        match self.burst(socket) {
            Some(burst) => unseal(burst, bytes, out),
            // Whatever comes behind the end is nobody's.
            None => Unsealed {
                data: 0..0,
                used_bytes: bytes.len(),
                end: Some(End::Closed),
            },
        }
    }

    /// Puts what is to be sent into records, as few as it takes, behind those that are owed.
    pub(super) fn seal(
        &mut self,
        socket: Socket,
        words: Vec<u8>,
        spares: &mut Spares,
    ) -> Result<Vec<u8>, Spent> {
        if !self.is_sealed(socket) {
            return Ok(words);
        }
        let owed = self.owed.remove(&socket);
        let mut sealed = owed.unwrap_or_else(|| spares.lend());
        let done = match self.burst(socket) {
            Some(mut burst) => burst.seal(&words, &mut sealed),
            None => Err(Spent),
        };
        spares.give_back(words);
        match done {
            Ok(()) => Ok(sealed),
            Err(Spent) => {
                self.owe(socket, sealed); // An alert may be in there.
                Err(Spent)
            }
        }
    }

    /// The same with the last words of a connection, and close_notify behind them if there is
    /// someone to read it [RFC 8446 6.1]. Says whether the peer needs time to read an alert.
    pub(super) fn seal_last_words(
        &mut self,
        socket: Socket,
        words: Vec<u8>,
        is_heard: bool,
        spares: &mut Spares,
    ) -> (Vec<u8>, bool) {
        if !self.is_sealed(socket) {
            return (words, false);
        }
        let has_alert = self.owed.contains_key(&socket);
        let is_heard = is_heard || !words.is_empty();
        let sealed = self.seal(socket, words, spares);
        let mut sealed = match sealed {
            Ok(sealed) => sealed,
            Err(Spent) => self.owed.remove(&socket).unwrap_or_default(),
        };
        if is_heard && let Some(mut burst) = self.burst(socket) {
            burst.close(&mut sealed);
        }
        (sealed, has_alert)
    }

    /// Records that go before whatever is sent next.
    pub(super) fn owe(&mut self, socket: Socket, mut records: Vec<u8>) {
        if records.is_empty() {
            return;
        }
        match self.owed.get_mut(&socket) {
            Some(owed) => owed.append(&mut records),
            None => {
                self.owed.insert(socket, records);
            }
        }
    }

    /// Whether there are any.
    pub(super) fn owes(&self, socket: Socket) -> bool {
        !self.owed.is_empty() && self.owed.contains_key(&socket)
    }

    /// What is owed, to be sent now.
    pub(super) fn take_owed(&mut self, socket: Socket) -> Option<Vec<u8>> {
        self.owed.remove(&socket)
    }

    /// Keeps the first part of a record.
    pub(super) fn put_cut(&mut self, socket: Socket, bytes: Vec<u8>) {
        self.cut.insert(socket, bytes);
    }

    /// The first part of a record, if one was kept.
    pub(super) fn take_cut(&mut self, socket: Socket) -> Option<Vec<u8>> {
        match self.cut.is_empty() {
            true => None,
            false => self.cut.remove(&socket),
        }
    }

    /// The records of someone who is not let in yet have come to their end.
    pub(super) fn note_end(&mut self, socket: Socket, close: Close) {
        self.ended.insert(socket, close);
    }

    /// Why they have, if they have.
    pub(super) fn take_end(&mut self, socket: Socket) -> Option<Close> {
        match self.ended.is_empty() {
            true => None,
            false => self.ended.remove(&socket),
        }
    }

    /// What goes along with a socket that leaves.
    pub(super) fn take(&mut self, socket: Socket) -> Option<Sealed> {
        let (owed, cut) = (self.owed.remove(&socket), self.take_cut(socket));
        let end = self.take_end(socket);
        let seal = self.slots.put(socket, Packed::default()).seal();
        if let Some(begun) = self.kept.take_begun(seal) {
            self.close_half(begun.number);
        }
        Some(Sealed {
            records: self.kept.take(seal)?,
            owed: owed.unwrap_or_default(),
            cut: cut.unwrap_or_default(),
            end,
        })
    }

    /// What came along with a socket; says how much of it is the first part of a record.
    pub(super) fn put_sealed(&mut self, socket: Socket, sealed: Sealed) -> usize {
        let cut_bytes = sealed.cut.len();
        self.put_records(socket, sealed.records);
        self.owe(socket, sealed.owed);
        self.ended.extend(sealed.end.map(|close| (socket, close)));
        if cut_bytes > 0 {
            self.put_cut(socket, sealed.cut);
        }
        cut_bytes
    }

    /// Gives back the memory of a storm that is over.
    pub(super) fn shrink(&mut self) {
        shrink_map(&mut self.cut);
        shrink_map(&mut self.owed);
        shrink_map(&mut self.ended);
    }

    fn burst(&mut self, socket: Socket) -> Option<Burst<'_>> {
        self.kept.burst(self.seal_of(socket))
    }

    /// Whoever had the slot before may have left something in it.
    fn seal_of(&self, socket: Socket) -> Seal {
        self.slots.of(socket).seal()
    }

    fn put(&mut self, socket: Socket, seal: Seal) {
        let before = self.slots.put(socket, seal.pack()).seal();
        if before != Seal::Absent {
            drop((self.kept.take_begun(before), self.kept.take(before)));
        }
    }
}

impl Sealed {
    /// Bytes that wait for the rest of a record.
    pub(super) fn cut_bytes(&self) -> usize {
        self.cut.len()
    }
}

/// Opens all whole records and moves what they held together: it is MQTT that records do not cut.
fn unseal(mut burst: Burst<'_>, bytes: &mut [u8], out: &mut Vec<u8>) -> Unsealed {
    let (mut used_bytes, mut data) = (0, 0..0);
    let end = loop {
        let length = match frame::front(&bytes[used_bytes..]) {
            Front::Record { bytes } => bytes,
            Front::Short { .. } => break None,
            Front::Refused(fault) => {
                burst.refuse(fault, out);
                break Some(End::Failed(fault));
            }
        };
        match burst.open(&mut bytes[used_bytes..used_bytes + length], out) {
            Opened::Data(range) => {
                let range = used_bytes + range.start..used_bytes + range.end;
                if data.is_empty() {
                    data = range;
                } else {
                    let after = data.end + range.len();
                    bytes.copy_within(range, data.end);
                    data.end = after;
                }
            }
            Opened::Control => {}
            Opened::Closed => {
                burst.close(out);
                break Some(End::Closed);
            }
            Opened::Failed(fault) => break Some(End::Failed(fault)),
        }
        used_bytes += length;
    };
    Unsealed {
        data,
        used_bytes,
        end,
    }
}

#[cfg(test)]
mod tests;
