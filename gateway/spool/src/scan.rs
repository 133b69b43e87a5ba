//! Reads the records of one segment in order, and finds the next one behind damage.

use std::io;

use memchr::memmem;

use crate::disk::{DiskFile, read_full};
use crate::limits::READ_BYTES;
use crate::record::{self, HEAD_BYTES, Head, Salt};
use crate::segment::RECORDS_AT;

/// A place in a segment, and the bytes around it.
pub(crate) struct Scan {
    file: Box<dyn DiskFile>,
    salt: Salt,
    /// No record reaches beyond.
    end: u64,
    /// No record has this index or a higher one.
    index_end: u32,
    /// Where the next record should begin, and which it should be.
    at: u64,
    index: u32,
    /// Bytes of the file from `window_at` on.
    window: Vec<u8>,
    window_at: u64,
}

/// Where a whole record lies.
pub(crate) struct Frame {
    at: u64,
    pub(crate) index: u32,
    /// With its head.
    bytes: usize,
}

impl Frame {
    pub(crate) fn record_bytes(&self) -> usize {
        self.bytes - HEAD_BYTES
    }
}

impl Scan {
    pub(crate) fn new(file: Box<dyn DiskFile>, salt: Salt, end: u64, index_end: u32) -> Scan {
        Scan {
            file,
            salt,
            end,
            index_end,
            at: RECORDS_AT,
            index: 0,
            window: Vec::new(),
            window_at: RECORDS_AT,
        }
    }

    /// The index that the next record should have; when [`Scan::find`] finds a higher one, those
    /// between are lost.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Behind the last record that was passed.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// More has become durable.
    pub(crate) fn extend(&mut self, end: u64) {
        self.end = end;
    }

    pub(crate) fn into_file(self) -> Box<dyn DiskFile> {
        self.file
    }

    /// The next whole record, which is found again until it is passed. An error leaves the place
    /// as it was.
    pub(crate) fn find(&mut self) -> io::Result<Option<Frame>> {
        match self.frame(self.at)? {
            Some(frame) => Ok(Some(frame)),
            None => self.search(),
        }
    }

    pub(crate) fn pass(&mut self, frame: &Frame) {
        self.at = frame.at + frame.bytes as u64;
        self.index = frame.index + 1;
    }

    /// The bytes of a record that was found last.
    pub(crate) fn record(&self, frame: &Frame) -> &[u8] {
        let start = (frame.at - self.window_at) as usize;
        &self.window[start + HEAD_BYTES..start + frame.bytes]
    }

    /// How much of a record that is not whole stands where the next one should: what is known to
    /// be torn off, 0 at a clean end.
    pub(crate) fn torn_bytes(&mut self) -> io::Result<u64> {
        let (at, end, salt) = (self.at, self.end, self.salt);
        let head = self.peek(at, HEAD_BYTES)?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(0);
        }
        let bytes = Head::parse(head, salt).map_or(head.len(), |head| head.bytes);
        Ok((bytes as u64).min(end - at))
    }

    /// The whole record that begins at `at`, unless none does.
    fn frame(&mut self, at: u64) -> io::Result<Option<Frame>> {
        let salt = self.salt;
        let Some(head) = Head::parse(self.peek(at, HEAD_BYTES)?, salt) else {
            return Ok(None);
        };
        let bytes = self.peek(at, head.bytes)?;
        if bytes.len() < head.bytes || !record::is_whole(bytes, salt) {
            return Ok(None);
        }
        let is_next = (self.index..self.index_end).contains(&head.index);
        Ok(is_next.then_some(Frame {
            at,
            index: head.index,
            bytes: head.bytes,
        }))
    }

    /// Looks for a whole record behind the place where one should be.
    fn search(&mut self) -> io::Result<Option<Frame>> {
        let mark = self.salt.mark();
        let finder = memmem::Finder::new(&mark);
        let mut at = self.at + 1;
        loop {
            let window = self.peek(at, READ_BYTES)?;
            if window.len() < HEAD_BYTES {
                return Ok(None);
            }
            match finder.find(window) {
                Some(offset) => {
                    at += offset as u64;
                    if let Some(frame) = self.frame(at)? {
                        return Ok(Some(frame));
                    }
                    at += 1;
                }
                // A mark may begin with the window's last bytes.
                None => at += (window.len() - (mark.len() - 1)) as u64,
            }
        }
    }

    /// The bytes from `at` on, so many of them or up to the end.
    fn peek(&mut self, at: u64, bytes: usize) -> io::Result<&[u8]> {
        let window_end = self.window_at + self.window.len() as u64;
        let end = self.end.min(at + bytes as u64).max(at);
        if at < self.window_at || window_end < end {
            self.fill(at, (end - at) as usize)?;
        }
        let start = (at - self.window_at) as usize;
        let bytes = (end - at) as usize;
        let window = self.window.get(start..).unwrap_or_default();
        Ok(&window[..bytes.min(window.len())])
    }

    /// Moves the window to `at`, keeping what it has of that, and reads ahead.
    fn fill(&mut self, at: u64, bytes: usize) -> io::Result<()> {
        let passed = at.checked_sub(self.window_at);
        match passed.filter(|passed| *passed <= self.window.len() as u64) {
            Some(passed) => drop(self.window.drain(..passed as usize)),
            None => self.window.clear(),
        }
        self.window_at = at;
        let kept = self.window.len();
        let ahead = self.end.saturating_sub(at).min(READ_BYTES as u64) as usize;
        self.window.resize(bytes.max(ahead).max(kept), 0);
        let answer = read_full(&*self.file, &mut self.window[kept..], at + kept as u64);
        let read = *answer.as_ref().unwrap_or(&0);
        self.window.truncate(kept + read);
        answer.map(drop)
    }
}
