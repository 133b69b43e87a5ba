//! The books of one downlink, which balance at every reading.
//!
//! ```text
//! read = handed off + handed off elsewhere + pending + dropped(reason)
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::command::{Dropped, Fate};

/// What one downlink has done, as anyone may read it at any time.
#[derive(Clone, Debug)]
pub struct Reading {
    pub cluster: Arc<str>,
    pub topic: Arc<str>,
    /// Records read.
    pub read: u64,
    /// Records that their device has.
    pub handed_off: u64,
    /// Records that another gateway has announced to be done with.
    pub elsewhere: u64,
    /// Records that go nowhere, in the order of [`Dropped::NAMES`].
    pub dropped: [u64; Dropped::NAMES.len()],
    /// Commits that Kafka has confirmed.
    pub commits: u64,
    /// Partitions that are read.
    pub partitions: u64,
    /// Records that are in Kafka and were not read yet; some seconds old.
    pub lag: u64,
    /// Partitions for which this gateway commits.
    pub owned: u64,
    /// Records that were announced to other gateways.
    pub announced: u64,
    /// Records that any gateway has announced, as heard here.
    pub heard: u64,
}

/// What is not counted record by record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) partitions: u64,
    pub(super) lag: u64,
    pub(super) owned: u64,
}

impl Reading {
    /// Records that are on their way or wait for their device.
    pub fn pending(&self) -> u64 {
        self.read - self.handed_off - self.elsewhere - self.dropped.iter().sum::<u64>()
    }
}

/// The books themselves. Each lock is held for some additions.
#[derive(Debug)]
pub struct Tally(Mutex<Reading>);

impl Tally {
    pub(super) fn new(cluster: Arc<str>, topic: Arc<str>) -> Self {
        Self(Mutex::new(Reading {
            cluster,
            topic,
            read: 0,
            handed_off: 0,
            elsewhere: 0,
            dropped: Default::default(),
            commits: 0,
            partitions: 0,
            lag: 0,
            owned: 0,
            announced: 0,
            heard: 0,
        }))
    }

    /// All of it as of one moment.
    pub fn reading(&self) -> Reading {
        self.write().clone()
    }

    /// A record was read; `fate` is what is known of it already.
    pub(super) fn on_read(&self, fate: Option<Fate>) {
        let mut reading = self.write();
        reading.read += 1;
        reading.count(fate);
    }

    /// A record is no longer pending.
    pub(super) fn on_fate(&self, fate: Fate) {
        self.write().count(Some(fate));
    }

    pub(super) fn on_commit(&self) {
        self.write().commits += 1;
    }

    pub(super) fn on_announced(&self) {
        self.write().announced += 1;
    }

    pub(super) fn on_heard(&self, count: usize) {
        self.write().heard += count as u64;
    }

    pub(super) fn set_levels(&self, levels: Levels) {
        let mut reading = self.write();
        (reading.partitions, reading.lag) = (levels.partitions, levels.lag);
        reading.owned = levels.owned;
    }

    /// Additions cannot be left half done, so poison means nothing here.
    fn write(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    fn count(&mut self, fate: Option<Fate>) {
        match fate {
            None => {}
            Some(Fate::HandedOff) => self.handed_off += 1,
            Some(Fate::Elsewhere) => self.elsewhere += 1,
            Some(Fate::Dropped(why)) => self.dropped[why.index()] += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_pending_until_its_fate_is_known() {
        let tally = Tally::new("main".into(), "commands".into());
        tally.on_read(None);
        tally.on_read(None);
        tally.on_read(None);
        tally.on_read(Some(Fate::Dropped(Dropped::Unaddressable)));
        assert_eq!(tally.reading().pending(), 3);
        tally.on_fate(Fate::HandedOff);
        tally.on_fate(Fate::Elsewhere);
        tally.on_fate(Fate::Dropped(Dropped::Queue));
        let reading = tally.reading();
        assert_eq!(
            (reading.read, reading.handed_off, reading.elsewhere),
            (4, 1, 1)
        );
        assert_eq!(reading.dropped.iter().sum::<u64>(), 2);
        assert_eq!(reading.pending(), 0);
    }
}
