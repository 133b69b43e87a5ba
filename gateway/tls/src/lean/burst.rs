//! Records of one read or one write on an idle connection, under keys derived once for all of them.

use super::control::{self, Control};
use super::keys::Keys;
use super::{Lean, READ_CLOSED, UPDATE_OWED, WRITE_CLOSED};
use crate::fault::Fault;
use crate::limits::{
    HEADER_BYTES, HOLLOW_RECORDS_MAX, PLAIN_BYTES_MAX, RECORDS_PER_KEY_MAX, SEAL_BYTES,
};
use crate::opened::{Opened, Spent};

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const WARNING: u8 = 1;
const FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;

/// Keys are derived when the first record of a direction needs them.
pub struct Burst<'a, const S: usize> {
    lean: &'a mut Lean<S>,
    rx: Option<Keys>,
    tx: Option<Keys>,
}

impl<'a, const S: usize> Burst<'a, S> {
    pub(super) fn new(lean: &'a mut Lean<S>) -> Self {
        Burst {
            lean,
            rx: None,
            tx: None,
        }
    }

    /// Opens one whole record in place. A fault puts its alert into `out` and ends the connection.
    pub fn open(&mut self, record: &mut [u8], out: &mut Vec<u8>) -> Opened {
        if self.lean.is(READ_CLOSED) {
            return self.after_the_end();
        }
        match self.read(record) {
            Ok(opened) => opened,
            Err(fault) => {
                self.refuse(fault, out);
                Opened::Failed(fault)
            }
        }
    }

    /// What comes behind close_notify is ignored [RFC 8446 6.1], behind anything worse refused.
    fn after_the_end(&self) -> Opened {
        if self.lean.is(WRITE_CLOSED) {
            Opened::Failed(Fault::Over)
        } else {
            Opened::Closed
        }
    }

    fn read(&mut self, record: &mut [u8]) -> Result<Opened, Fault> {
        let after = self
            .lean
            .rx_seq
            .checked_add(1)
            .ok_or(Fault::SequenceSpent)?;
        let keys = self.rx.get_or_insert_with(|| self.lean.rx_keys());
        let (kind, length) = keys.open(self.lean.rx_seq, record)?;
        self.lean.rx_seq = after;
        let content = HEADER_BYTES..HEADER_BYTES + length;
        if length > PLAIN_BYTES_MAX {
            return Err(Fault::RecordOverflow);
        }
        // No other record may come between the parts of a handshake message [RFC 8446 5.1].
        if self.lean.pending > 0 && kind != HANDSHAKE {
            return Err(Fault::UnexpectedMessage);
        }
        match kind {
            APPLICATION_DATA if length > 0 => {
                self.lean.hollow = 0;
                return Ok(Opened::Data(content));
            }
            APPLICATION_DATA => {}
            HANDSHAKE => match control::handshake(&record[content], &mut self.lean.pending)? {
                Control::Part => {}
                Control::KeyUpdate { requested } => self.on_key_update(requested),
            },
            ALERT => match control::alert(&record[content])? {
                control::Alert::CloseNotify => {
                    self.lean.flags |= READ_CLOSED;
                    return Ok(Opened::Closed);
                }
                control::Alert::UserCanceled => {}
                control::Alert::Error => return Err(Fault::PeerAlert),
            },
            _ => return Err(Fault::UnexpectedMessage),
        }
        self.lean.hollow += 1;
        if self.lean.hollow > HOLLOW_RECORDS_MAX {
            return Err(Fault::Flood);
        }
        Ok(Opened::Control)
    }

    /// However often it is asked for, one answer is owed, and it waits for our next data
    /// [RFC 8446 4.6.3]: a peer that only asks gets nothing to multiply.
    fn on_key_update(&mut self, requested: bool) {
        self.lean.update_rx();
        self.rx = None;
        if requested {
            self.lean.flags |= UPDATE_OWED;
        }
    }

    /// Appends the records that carry `plain`, and a KeyUpdate before any that must not go under
    /// the old key.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Spent> {
        if self.lean.is(WRITE_CLOSED) {
            return Err(Spent);
        }
        let records = plain.len().div_ceil(PLAIN_BYTES_MAX);
        out.reserve(plain.len() + records * SEAL_BYTES);
        for content in plain.chunks(PLAIN_BYTES_MAX) {
            if self.lean.is(UPDATE_OWED) || self.lean.tx_seq >= RECORDS_PER_KEY_MAX {
                let theirs_is_old = self.lean.rx_seq >= u64::from(RECORDS_PER_KEY_MAX);
                self.update_keys(theirs_is_old, out);
            }
            self.put(APPLICATION_DATA, content, out);
        }
        Ok(())
    }

    /// Appends a KeyUpdate and moves to our next key; `request` asks the peer to do the same.
    pub fn update_keys(&mut self, request: bool, out: &mut Vec<u8>) {
        if self.lean.is(WRITE_CLOSED) {
            return;
        }
        self.put(HANDSHAKE, &control::key_update(request), out);
        self.lean.update_tx();
        self.lean.flags &= !UPDATE_OWED;
        self.tx = None;
    }

    /// Appends close_notify, after which nothing can be sealed [RFC 8446 6.1].
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if !self.lean.is(WRITE_CLOSED) {
            self.put(ALERT, &[WARNING, CLOSE_NOTIFY], out);
            self.lean.flags |= WRITE_CLOSED;
        }
    }

    /// Appends the alert that goes with a fault, if one does, and ends the connection.
    pub fn refuse(&mut self, fault: Fault, out: &mut Vec<u8>) {
        if let Some(description) = fault.alert()
            && !self.lean.is(WRITE_CLOSED)
        {
            self.put(ALERT, &[FATAL, description], out);
        }
        self.lean.end();
        (self.rx, self.tx) = (None, None);
    }

    fn put(&mut self, kind: u8, content: &[u8], out: &mut Vec<u8>) {
        let keys = self.tx.get_or_insert_with(|| self.lean.tx_keys());
        keys.seal(u64::from(self.lean.tx_seq), kind, content, out);
        // It stays near RECORDS_PER_KEY_MAX: data updates the key there, and of alerts and
        // KeyUpdates at most one follows.
        self.lean.tx_seq += 1;
    }
}
