//! Compares what was acknowledged with what Kafka holds. Pure: ledger records and Kafka records
//! in, a verdict out.

use super::murmur;
use super::track::{SEQUENCE_MAX, Track};
use crate::ledger::{Header, Kind, Record};
use crate::rule::KeyRule;
use crate::stamp::{RunId, Stamp, topic};
use rustc_hash::FxHashMap;
use serde::Serialize;

/// Faults of each kind that are named one by one.
const NAMED_MAX: usize = 20;

/// One record as Kafka holds it.
pub struct Found<'a> {
    pub partition: i32,
    pub partitions: i32,
    pub key: Option<&'a [u8]>,
    pub payload: &'a [u8],
    /// The header `mqtt.topic`.
    pub topic: Option<&'a [u8]>,
}

/// How often something is wrong, and the first few by device and sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub count: u64,
    pub first: Vec<(u32, u32)>,
}

impl Fault {
    fn add(&mut self, device: u32, sequence: u32) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push((device, sequence));
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Kafka records with this run's stamp, and all others.
    pub records: u64,
    pub records_of_others: u64,
    pub sent: u64,
    pub acknowledged: u64,
    /// Different messages of this run in Kafka.
    pub found: u64,
    /// In Kafka twice, or after a later one, since they were sent again: the ledger says so.
    pub duplicates_excused: u64,
    pub reorders_excused: u64,
    /// In Kafka though the server refused them, or never answered.
    pub found_refused: u64,
    pub found_unanswered: u64,
    /// Sent at QoS 0 and not in Kafka: allowed.
    pub missing_qos0: u64,
    pub lost: Fault,
    pub duplicated: Fault,
    pub reordered: Fault,
    pub corrupted: Fault,
    pub wrong_key: Fault,
    pub wrong_partition: Fault,
    pub wrong_topic: Fault,
    /// Stamped with this run, but no device of it sent that.
    pub foreign: Fault,
}

impl Verdict {
    /// All kinds of fault by name.
    pub fn faults(&self) -> [(&'static str, &Fault); 8] {
        [
            ("lost", &self.lost),
            ("duplicated", &self.duplicated),
            ("reordered", &self.reordered),
            ("corrupted", &self.corrupted),
            ("wrong key", &self.wrong_key),
            ("wrong partition", &self.wrong_partition),
            ("wrong topic", &self.wrong_topic),
            ("foreign", &self.foreign),
        ]
    }
}

pub struct Judge {
    run: RunId,
    key_rule: KeyRule,
    /// Absent without a ledger: then only what Kafka itself shows is judged.
    header: Option<Header>,
    tracks: FxHashMap<u32, Track>,
    /// Acknowledged and not yet found.
    outstanding: u64,
    ledger_is_closed: bool,
    so_far: Verdict,
}

impl Judge {
    pub fn new(run: RunId, header: Option<Header>, key_rule: KeyRule) -> Self {
        Self {
            run,
            key_rule,
            header,
            tracks: FxHashMap::default(),
            outstanding: 0,
            ledger_is_closed: false,
            so_far: Verdict::default(),
        }
    }

    pub fn on_ledger(&mut self, record: Record) {
        if record.kind == Kind::Closed {
            self.ledger_is_closed = true;
            return;
        }
        let track = self.tracks.entry(record.device).or_default();
        if record.kind == Kind::Sent {
            track.sent = Some(record.first);
            return;
        }
        for sequence in record.first..record.first.saturating_add(u32::from(record.count)) {
            match record.kind {
                Kind::Acknowledged => {
                    let is_news = !track.acknowledged.set(sequence);
                    self.outstanding += u64::from(is_news && !track.seen.has(sequence));
                }
                Kind::Refused => {
                    track.refused.set(sequence);
                }
                Kind::Resent => {
                    track.resent.set(sequence);
                }
                Kind::Sent | Kind::Closed => {}
            }
        }
    }

    /// Takes one Kafka record; says whether it belongs to this run.
    pub fn on_found(&mut self, found: &Found<'_>) -> bool {
        let Some(stamp) = Stamp::read(found.payload).filter(|stamp| stamp.run == self.run) else {
            self.so_far.records_of_others += 1;
            return false;
        };
        let (device, sequence) = (stamp.device, stamp.sequence);
        self.so_far.records += 1;
        let clients = self
            .header
            .as_ref()
            .map_or(u32::MAX, |header| header.clients);
        if device >= clients || sequence > SEQUENCE_MAX {
            self.so_far.foreign.add(device, sequence);
            return true;
        }
        self.judge_content(found, &stamp);
        let track = self.tracks.entry(device).or_default();
        if track.seen.set(sequence) {
            track.twice.set(sequence);
            return true;
        }
        self.outstanding -= u64::from(track.acknowledged.has(sequence));
        if track.newest_seen.is_some_and(|newest| newest > sequence) {
            track.late.set(sequence);
        }
        track.newest_seen = track.newest_seen.max(Some(sequence));
        true
    }

    /// Judges value, key, partition and header of one record.
    fn judge_content(&mut self, found: &Found<'_>, stamp: &Stamp) {
        let (device, sequence) = (stamp.device, stamp.sequence);
        let client_id = self.run.client_id(device);
        let payload_bytes = self
            .header
            .as_ref()
            .map_or(found.payload.len(), |h| h.payload_bytes);
        if !stamp.fits(found.payload, payload_bytes) {
            self.so_far.corrupted.add(device, sequence);
        }
        let sent_to = self
            .header
            .as_ref()
            .map(|header| topic(&header.topic, &client_id, device));
        let topics = sent_to.as_ref().zip(found.topic);
        if topics.is_some_and(|(sent_to, header)| sent_to.as_bytes() != header) {
            self.so_far.wrong_topic.add(device, sequence);
        }
        let key = match self.key_rule {
            KeyRule::Client => Some(client_id),
            KeyRule::Topic => sent_to,
            KeyRule::Any => None,
        };
        if let Some(key) = key {
            if found.key != Some(key.as_bytes()) {
                self.so_far.wrong_key.add(device, sequence);
            }
            if found.partition != murmur::partition(key.as_bytes(), found.partitions) {
                self.so_far.wrong_partition.add(device, sequence);
            }
        }
    }

    /// Whether the ledger is complete and everything acknowledged was found.
    pub fn is_satisfied(&self) -> bool {
        self.ledger_is_closed && self.outstanding == 0
    }

    pub fn ledger_is_closed(&self) -> bool {
        self.ledger_is_closed
    }

    pub fn outstanding(&self) -> u64 {
        self.outstanding
    }

    pub fn records(&self) -> u64 {
        self.so_far.records
    }

    pub fn records_of_others(&self) -> u64 {
        self.so_far.records_of_others
    }

    /// What can be said when nothing more is to come.
    pub fn verdict(&self) -> Verdict {
        let mut verdict = self.so_far.clone();
        let mut devices: Vec<u32> = self.tracks.keys().copied().collect();
        devices.sort_unstable();
        let is_qos0 = self.header.as_ref().is_some_and(|header| header.qos == 0);
        for device in devices {
            let track = &self.tracks[&device];
            let (resent, seen) = (&track.resent, &track.seen);
            verdict.sent += u64::from(track.sent.unwrap_or(0));
            verdict.acknowledged += track.acknowledged.count();
            verdict.found += seen.count();
            track
                .acknowledged
                .without(seen)
                .for_each(|n| verdict.lost.add(device, n));
            track
                .twice
                .without(resent)
                .for_each(|n| verdict.duplicated.add(device, n));
            track
                .late
                .without(resent)
                .for_each(|n| verdict.reordered.add(device, n));
            verdict.duplicates_excused += track.twice.count();
            verdict.reorders_excused += track.late.count();
            for sequence in seen.without(&track.acknowledged) {
                if track.sent.is_some_and(|sent| sequence >= sent) {
                    verdict.foreign.add(device, sequence);
                } else if track.refused.has(sequence) {
                    verdict.found_refused += 1;
                } else if !is_qos0 && self.header.is_some() {
                    verdict.found_unanswered += 1;
                }
            }
            if let Some(sent) = track.sent.filter(|_| is_qos0) {
                let found = (0..sent).filter(|sequence| seen.has(*sequence)).count();
                verdict.missing_qos0 += u64::from(sent) - found as u64;
            }
        }
        verdict.duplicates_excused -= verdict.duplicated.count;
        verdict.reorders_excused -= verdict.reordered.count;
        verdict
    }
}

#[cfg(test)]
mod tests;
