//! The file that says what was sent and acknowledged, so that `verify` can hold Kafka to it.
//!
//! A line of JSON, then records of 12 bytes. A record is written whole or not believed: its check
//! byte tells a torn tail, as a crash leaves it, from a record.
//!
//! ```text
//!  0      1       2        4        8       12
//! [ kind ][ check ][ count ][ device ][ first ]   little endian
//! ```

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

pub const RECORD_BYTES: usize = 12;
const FORMAT: u32 = 1;

/// What all records of a ledger have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub format: u32,
    pub run: String,
    pub clients: u32,
    pub qos: u8,
    pub payload_bytes: usize,
    pub topic: String,
    pub started_unix_ms: u64,
}

impl Header {
    pub fn new(run: &str, clients: u32, qos: u8, payload_bytes: usize, topic: &str) -> Self {
        let started_unix_ms = crate::clock::unix_ms();
        let (run, topic) = (run.to_owned(), topic.to_owned());
        Self {
            format: FORMAT,
            run,
            clients,
            qos,
            payload_bytes,
            topic,
            started_unix_ms,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server took these: PUBACK or PUBREC with a reason below 0x80.
    Acknowledged = b'A' as isize,
    /// The server said no with a reason of 0x80 or more.
    Refused = b'N' as isize,
    /// Sent again after a connection ended: Kafka may hold it twice.
    Resent = b'R' as isize,
    /// How many messages the device sent in all: `first` is the number.
    Sent = b'S' as isize,
    /// Nothing follows.
    Closed = b'C' as isize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: Kind,
    pub device: u32,
    pub first: u32,
    pub count: u16,
}

impl Record {
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[0] = self.kind as u8;
        bytes[2..4].copy_from_slice(&self.count.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.device.to_le_bytes());
        bytes[8..].copy_from_slice(&self.first.to_le_bytes());
        bytes[1] = check(&bytes);
        bytes
    }

    pub fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let kind = match bytes[0] {
            b'A' => Kind::Acknowledged,
            b'N' => Kind::Refused,
            b'R' => Kind::Resent,
            b'S' => Kind::Sent,
            b'C' => Kind::Closed,
            _ => return None,
        };
        let [_, _, c0, c1, d0, d1, d2, d3, f0, f1, f2, f3] = *bytes;
        (bytes[1] == check(bytes)).then(|| Self {
            kind,
            device: u32::from_le_bytes([d0, d1, d2, d3]),
            first: u32::from_le_bytes([f0, f1, f2, f3]),
            count: u16::from_le_bytes([c0, c1]),
        })
    }
}

fn check(bytes: &[u8; RECORD_BYTES]) -> u8 {
    let step = |sum: u8, byte: &u8| sum.rotate_left(3) ^ byte;
    bytes[2..].iter().fold(bytes[0].rotate_left(3) ^ 0x5a, step)
}

/// The open file, shared by the threads of a run.
#[derive(Clone)]
pub struct Ledger {
    file: Arc<Mutex<File>>,
}

impl Ledger {
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let mut file = File::create(path)?;
        let mut line = serde_json::to_vec(header)?;
        line.push(b'\n');
        file.write_all(&line)?;
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
        })
    }

    pub fn pen(&self) -> Pen {
        Pen {
            ledger: self.clone(),
            open: None,
            written: Vec::new(),
            lost: None,
        }
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self
            .file
            .lock()
            .map_err(|_| io::Error::other("a writer panicked"))?;
        file.write_all(bytes)
    }
}

/// One thread's hand on the ledger: joins neighbours to ranges and writes in blocks.
pub struct Pen {
    ledger: Ledger,
    open: Option<Record>,
    written: Vec<u8>,
    lost: Option<io::Error>,
}

impl Pen {
    pub fn note(&mut self, kind: Kind, device: u32, sequence: u32) {
        if let Some(open) = &mut self.open {
            let next = open.first.wrapping_add(u32::from(open.count));
            let same = open.kind == kind && open.device == device && next == sequence;
            if same && open.count < u16::MAX {
                open.count += 1;
                return;
            }
            self.written.extend_from_slice(&open.encode());
        }
        self.open = Some(Record {
            kind,
            device,
            first: sequence,
            count: 1,
        });
    }

    /// Writes what was noted so far; an error is kept and told at the end.
    pub fn flush(&mut self) {
        if let Some(open) = self.open.take() {
            self.written.extend_from_slice(&open.encode());
        }
        if !self.written.is_empty() {
            if let Err(error) = self.ledger.append(&self.written) {
                self.lost.get_or_insert(error);
            }
            self.written.clear();
        }
    }

    /// Flushes and says whether everything since the start was written.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush();
        self.lost.map_or(Ok(()), Err)
    }

    /// Says that nothing follows, after every other pen has finished.
    pub fn close(mut self) -> io::Result<()> {
        self.note(Kind::Closed, 0, 0);
        self.finish()
    }
}

/// Reads a ledger, also while it is written.
pub struct Reader {
    file: BufReader<File>,
    pub header: Header,
    torn: Vec<u8>,
}

impl Reader {
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let mut line = String::new();
        file.read_line(&mut line)?;
        let header: Header = serde_json::from_str(&line)?;
        if header.format != FORMAT {
            let message = format!("format {}, this program reads {FORMAT}", header.format);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(Self {
            file,
            header,
            torn: Vec::new(),
        })
    }

    /// Hands over the records that have been written since the last call. Half a record at the end
    /// waits for its other half.
    ///
    /// # Errors
    /// `InvalidData` where a record in the middle does not match its check byte.
    pub fn read_new(&mut self, mut on_record: impl FnMut(Record)) -> io::Result<()> {
        self.file.read_to_end(&mut self.torn)?;
        let mut records = self.torn.chunks_exact(RECORD_BYTES);
        for chunk in &mut records {
            let record = chunk.try_into().ok().and_then(Record::decode);
            on_record(record.ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a record does not match its check",
                )
            })?);
        }
        self.torn = records.remainder().to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
