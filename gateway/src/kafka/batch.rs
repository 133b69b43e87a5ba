//! What one shard gives one lane in one turn: records written one behind the other into one arena.

use super::limits;
use super::policy::Policy;

/// Where a record lies in the bytes of its [`Batch`] or block: key, headers and payload in this
/// order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    pub(super) ticket: u64,
    pub(super) start: u32,
    pub(super) key_bytes: u32,
    pub(super) headers_bytes: u32,
    pub(super) payload_bytes: u32,
    /// Index into the topics of the batch; means nothing in a block.
    pub(super) topic: u32,
    pub(super) policy: Policy,
    /// It comes out of the spool: its ticket is the spool's number, and it claims no room.
    pub(super) is_replayed: bool,
}

const _: () = assert!(size_of::<Record>() == 32);
const _: () = assert!(limits::PENDING_BYTES_CEILING < u32::MAX as u64);

impl Record {
    /// Key, headers and payload together.
    pub(super) fn bytes(&self) -> usize {
        (self.key_bytes + self.headers_bytes + self.payload_bytes) as usize
    }

    /// What the record has claimed of the lane's room: records and bytes.
    pub(super) fn claim(&self) -> (u64, u64) {
        match self.is_replayed {
            true => (0, 0),
            false => (1, (self.bytes() + limits::RECORD_OVERHEAD_BYTES) as u64),
        }
    }

    pub(super) fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..][..self.key_bytes as usize]
    }

    pub(super) fn headers<'a>(&self, bytes: &'a [u8]) -> Headers<'a> {
        Headers(&bytes[(self.start + self.key_bytes) as usize..][..self.headers_bytes as usize])
    }

    pub(super) fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.start + self.key_bytes + self.headers_bytes;
        &bytes[start as usize..][..self.payload_bytes as usize]
    }

    pub(super) fn whole<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..][..self.bytes()]
    }
}

/// The headers of one record, name and value, as [`RecordWriter`] wrote them.
///
/// ```text
/// [ name length 2 ][ value length 4 ][ name ][ value ] ...     little endian
/// ```
#[derive(Clone)]
pub(super) struct Headers<'a>(&'a [u8]);

const HEADER_FRONT_BYTES: usize = 6;

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (front, rest) = self.0.split_first_chunk::<HEADER_FRONT_BYTES>()?;
        let name_bytes = u16::from_le_bytes([front[0], front[1]]) as usize;
        let value_bytes = u32::from_le_bytes([front[2], front[3], front[4], front[5]]) as usize;
        let (name, rest) = rest.split_at_checked(name_bytes)?;
        let (value, rest) = rest.split_at_checked(value_bytes)?;
        self.0 = rest;
        Some((std::str::from_utf8(name).ok()?, value))
    }
}

/// What one shard gives one lane in one turn.
///
/// One arena for all bytes; a batch that has been handed over comes back empty with its memory
/// ([`super::Lane::submit`]), so that in the steady state a record costs no allocation.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    records: Vec<Record>,
    topics: Vec<(u32, u32)>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Records in it.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Starts a record at the end; it counts when [`RecordWriter::finish`] is called.
    pub fn open(&mut self) -> RecordWriter<'_> {
        let start = self.bytes.len();
        RecordWriter {
            batch: self,
            start,
            topic: 0,
            key_end: start,
            policy: Policy::default(),
        }
    }

    /// The room that a header of this size takes in a record.
    pub fn header_bytes(name_bytes: usize, value_bytes: usize) -> usize {
        HEADER_FRONT_BYTES + name_bytes + value_bytes
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &[u8]> {
        self.topics.iter().map(|topic| self.topic_name(*topic))
    }

    /// The name behind [`Record::topic`].
    pub(super) fn topic(&self, index: u32) -> &[u8] {
        self.topic_name(self.topics[index as usize])
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.topics.clear();
        self.bytes.shrink_to(limits::SPARE_BYTES_MAX);
        self.records
            .shrink_to(limits::SPARE_BYTES_MAX / size_of::<Record>());
    }

    fn topic_name(&self, (start, bytes): (u32, u32)) -> &[u8] {
        &self.bytes[start as usize..][..bytes as usize]
    }
}

/// One record of a batch in words, for tests of those who write them.
#[cfg(test)]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: String,
    pub(crate) ticket: u64,
    pub(crate) bytes: usize,
}

#[cfg(test)]
impl Batch {
    pub(crate) fn written(&self) -> Vec<Written> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let topics: Vec<_> = self.topics().map(text).collect();
        let written = |record: &Record| Written {
            topic: topics[record.topic as usize].clone(),
            key: text(record.key(&self.bytes)),
            headers: (record.headers(&self.bytes))
                .map(|(name, value)| (name.to_owned(), text(value)))
                .collect(),
            payload: text(record.payload(&self.bytes)),
            ticket: record.ticket,
            bytes: record.bytes(),
        };
        self.records.iter().map(written).collect()
    }
}

/// Writes one record: topic, key, headers, payload, in this order.
#[must_use = "a record counts when it is finished"]
pub struct RecordWriter<'a> {
    batch: &'a mut Batch,
    start: usize,
    topic: u32,
    key_end: usize,
    policy: Policy,
}

impl RecordWriter<'_> {
    /// Appends the topic's name; a name that the batch knows already is not kept twice.
    pub fn topic(mut self, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let batch = &mut *self.batch;
        write(&mut batch.bytes);
        let name = &batch.bytes[self.start..];
        // The last topic is the likeliest, so look from the end.
        let known = batch.topics.iter().rev().take(limits::BATCH_TOPICS_MAX);
        match known
            .zip(0u32..)
            .find(|(topic, _)| batch.topic_name(**topic) == name)
        {
            Some((_, from_end)) => {
                self.topic = batch.topics.len() as u32 - 1 - from_end;
                batch.bytes.truncate(self.start);
            }
            None => {
                self.topic = batch.topics.len() as u32;
                batch.topics.push((self.start as u32, name.len() as u32));
            }
        }
        self.start = batch.bytes.len();
        self.key_end = self.start;
        self
    }

    /// Appends the key; a record without one goes to any partition.
    pub fn key(mut self, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        write(&mut self.batch.bytes);
        self.key_end = self.batch.bytes.len();
        self
    }

    /// Appends one header. `name` is at most 65,535 bytes.
    pub fn header(self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        debug_assert!(name.len() <= u16::MAX as usize);
        let bytes = &mut self.batch.bytes;
        let front = bytes.len();
        bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(name.as_bytes());
        let value = bytes.len();
        write(bytes);
        let value_bytes = (bytes.len() - value) as u32;
        bytes[front + 2..front + HEADER_FRONT_BYTES].copy_from_slice(&value_bytes.to_le_bytes());
        self
    }

    /// Says what is to become of the record when Kafka is away.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Appends the payload: the record is whole.
    pub fn finish(self, payload: &[u8], ticket: u64) {
        self.push(payload, ticket, false);
    }

    /// Appends headers and payload as the spool has them: the record is whole, and `number` is its
    /// ticket.
    pub(super) fn finish_replay(self, headers: &[u8], payload: &[u8], number: u64) {
        self.batch.bytes.extend_from_slice(headers);
        self.push(payload, number, true);
    }

    fn push(self, payload: &[u8], ticket: u64, is_replayed: bool) {
        let batch = self.batch;
        let headers_bytes = (batch.bytes.len() - self.key_end) as u32;
        batch.bytes.extend_from_slice(payload);
        batch.records.push(Record {
            ticket,
            start: self.start as u32,
            key_bytes: (self.key_end - self.start) as u32,
            headers_bytes,
            payload_bytes: payload.len() as u32,
            topic: self.topic,
            policy: self.policy,
            is_replayed,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(batch: &mut Batch, topic: &str, key: &str, headers: &[(&str, &str)], payload: &str) {
        let ticket = batch.len() as u64;
        let mut record = batch
            .open()
            .topic(|into| into.extend_from_slice(topic.as_bytes()))
            .key(|into| into.extend_from_slice(key.as_bytes()));
        for (name, value) in headers {
            record = record.header(name, |into| into.extend_from_slice(value.as_bytes()));
        }
        record.finish(payload.as_bytes(), ticket);
    }

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        let mut batch = Batch::default();
        write(
            &mut batch,
            "a",
            "key-0",
            &[("mqtt.topic", "x/y"), ("empty", "")],
            "payload-0",
        );
        write(&mut batch, "b", "", &[], "");
        write(&mut batch, "a", "key-2", &[("h", "v")], "payload-2");
        let bytes = batch.bytes();
        let topics: Vec<_> = batch.topics().collect();
        assert_eq!(topics, [b"a", b"b"], "a topic stands in a batch once");
        let [first, second, third] = batch.records() else {
            panic!("three records")
        };
        assert_eq!((first.topic, second.topic, third.topic), (0, 1, 0));
        assert_eq!((first.ticket, second.ticket, third.ticket), (0, 1, 2));
        assert_eq!(first.key(bytes), b"key-0");
        let headers: Vec<_> = first.headers(bytes).collect();
        assert_eq!(headers, [("mqtt.topic", &b"x/y"[..]), ("empty", b"")]);
        assert_eq!(first.payload(bytes), b"payload-0");
        assert_eq!((second.bytes(), second.headers(bytes).count()), (0, 0));
        assert_eq!(
            (third.key(bytes), third.payload(bytes)),
            (&b"key-2"[..], &b"payload-2"[..])
        );
    }

    #[test]
    fn a_cleared_batch_keeps_its_memory_and_nothing_else() {
        let mut batch = Batch::default();
        write(&mut batch, "a", "key", &[("h", "v")], "payload");
        let room = batch.bytes.capacity();
        batch.clear();
        assert!(batch.is_empty());
        assert_eq!((batch.topics().count(), batch.bytes.capacity()), (0, room));
    }
}
