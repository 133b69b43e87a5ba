//! How a record for Kafka lies in a record of the spool.
//!
//! ```text
//!  0      1         3       7           11
//!  [ form ][ topic 2 ][ key 4 ][ headers 4 ][ topic ][ key ][ headers ][ payload ... ]
//! ```
//!
//! Lengths are little endian; headers are as [`crate::kafka::Batch`] has them.

use crate::kafka::batch::{Batch, Record};

/// Told apart, so that a version to come can read what this one has left.
const FORM: u8 = 1;
const FRONT_BYTES: usize = 11;

/// A record as it came out of the spool.
pub(super) struct Form<'a> {
    topic: &'a [u8],
    key: &'a [u8],
    headers: &'a [u8],
    payload: &'a [u8],
}

/// Appends a record. `topic` is a legal name, thus shorter than its two bytes can say.
pub(super) fn write(into: &mut Vec<u8>, topic: &[u8], record: &Record, bytes: &[u8]) {
    into.push(FORM);
    into.extend_from_slice(&(topic.len() as u16).to_le_bytes());
    into.extend_from_slice(&record.key_bytes.to_le_bytes());
    into.extend_from_slice(&record.headers_bytes.to_le_bytes());
    into.extend_from_slice(topic);
    into.extend_from_slice(record.whole(bytes));
}

impl<'a> Form<'a> {
    /// `None` for what another version has written.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Form<'a>> {
        let (front, rest) = bytes.split_first_chunk::<FRONT_BYTES>()?;
        let [form, t0, t1, k0, k1, k2, k3, h0, h1, h2, h3] = *front;
        if form != FORM {
            return None;
        }
        let (topic, rest) = rest.split_at_checked(u16::from_le_bytes([t0, t1]).into())?;
        let (key, rest) = rest.split_at_checked(u32::from_le_bytes([k0, k1, k2, k3]) as usize)?;
        let headers = u32::from_le_bytes([h0, h1, h2, h3]) as usize;
        let (headers, payload) = rest.split_at_checked(headers)?;
        Some(Form {
            topic,
            key,
            headers,
            payload,
        })
    }

    /// Writes it for the lane, under its number in the spool.
    pub(super) fn replay(&self, into: &mut Batch, number: u64) {
        into.open()
            .topic(|bytes| bytes.extend_from_slice(self.topic))
            .key(|bytes| bytes.extend_from_slice(self.key))
            .finish_replay(self.headers, self.payload, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_out_of_the_spool_as_it_went_in() {
        let mut batch = Batch::default();
        for (topic, key, payload) in [("a", "key", "payload"), ("b", "", "")] {
            batch
                .open()
                .topic(|into| into.extend_from_slice(topic.as_bytes()))
                .key(|into| into.extend_from_slice(key.as_bytes()))
                .header("h", |into| into.extend_from_slice(b"v"))
                .finish(payload.as_bytes(), 7);
        }
        let mut replayed = Batch::default();
        for record in batch.records() {
            let mut bytes = Vec::new();
            write(&mut bytes, batch.topic(record.topic), record, batch.bytes());
            let form = Form::read(&bytes).expect("it was just written");
            form.replay(&mut replayed, 7);
            assert!(Form::read(&bytes[..FRONT_BYTES - 1]).is_none());
            bytes[0] = FORM + 1;
            assert!(Form::read(&bytes).is_none());
        }
        assert_eq!(replayed.written(), batch.written());
        assert!(replayed.records().iter().all(|record| record.is_replayed));
    }
}
