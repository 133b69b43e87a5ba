//! The retained messages homed on one shard: at most one per topic, found by filter in steps.
//!
//! One ordered set, which compares topics level by level: what lies under a topic stands right
//! behind it, so a search for a filter can jump over all that it cannot match.
//!
//! ```text
//! filter +/a     topics in order              the search
//!                x                            too short: jump to x/a
//!                x/a        (match)           go on
//!                x/b  x/b/c  x/d  ...         beyond x/a: jump to the level after x
//!                y/a        (match)           ...
//! ```

mod entry;
mod order;
mod search;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::message::Message;

use entry::{Entry, weigh};
use order::{ByTopic, Due, Probe, Topic};
pub use search::Cursor;

/// What the index may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub count_max: usize,
    /// Of [`Retained::bytes`].
    pub bytes_max: usize,
}

/// What became of a message that was to be retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Its topic had none.
    New,
    /// It took the place of another one \[MQTT-3.3.1-5\].
    Replaced,
    /// A bound was hit: what the topic had before, if anything, is still there.
    Full,
}

/// The retained messages of one shard.
#[derive(Debug)]
pub struct Retained {
    by_topic: BTreeSet<ByTopic>,
    /// Only those that expire, the next one first.
    due: BTreeSet<Due>,
    bytes: usize,
    bounds: Bounds,
}

impl Retained {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            by_topic: BTreeSet::new(),
            due: BTreeSet::new(),
            bytes: 0,
            bounds,
        }
    }

    /// Keeps a message for those who subscribe later. An empty payload asks for
    /// [`Retained::clear`] instead \[MQTT-3.3.1-6\].
    pub fn set(&mut self, message: Arc<Message>) -> Kept {
        if !self.has_room(&message) {
            return Kept::Full;
        }
        self.bytes += weigh(&message);
        // Not `insert`, which would leave the old message in place.
        let entry = Entry::new(message.clone());
        let old = self.by_topic.replace(ByTopic(entry));
        let kept = match old {
            None => Kept::New,
            Some(ByTopic(entry)) => {
                self.release(entry);
                Kept::Replaced
            }
        };
        if message.expires_at_sec != Message::NEVER {
            self.due.insert(Due(message));
        }
        kept
    }

    /// Forgets the message of a topic \[MQTT-3.3.1-6\]; false when there is none.
    pub fn clear(&mut self, topic: &str) -> bool {
        match self.by_topic.take(&Probe(topic.as_bytes()) as &dyn Topic) {
            None => false,
            Some(ByTopic(entry)) => {
                self.release(entry);
                true
            }
        }
    }

    /// Takes out one message whose time is over \[MQTT-3.3.2-5\], the longest overdue first. One
    /// per call, so that the caller can stop where its turn must end.
    pub fn expire(&mut self, now_sec: u32) -> Option<Arc<Message>> {
        if !self.due.first()?.0.is_expired(now_sec) {
            return None;
        }
        let Due(message) = self.due.pop_first()?;
        self.by_topic
            .remove(&Probe(message.topic.as_bytes()) as &dyn Topic);
        self.bytes -= weigh(&message);
        Some(message)
    }

    /// The message of a topic, expired or not.
    pub fn find_exact(&self, topic: &str) -> Option<Arc<Message>> {
        self.entry(topic).map(Entry::message)
    }

    /// Appends the messages whose topics match a valid filter (without a `$share` part), in the
    /// order of the topics, from where the cursor stands; [`Cursor::default`] is the beginning.
    ///
    /// Stops after about `budget_steps` (one for a topic looked at, some for a jump) and says where
    /// to go on; `None` when all was seen. What is set or cleared between two calls is found when
    /// it lies ahead; what stays unchanged all the while is found exactly once. Expired messages
    /// are never found. `$`-topics are not matched by a leading wildcard \[MQTT-4.7.2-1\].
    pub fn find(
        &self,
        filter: &str,
        from: &Cursor,
        budget_steps: usize,
        now_sec: u32,
        out: &mut Vec<Arc<Message>>,
    ) -> Option<Cursor> {
        if filter.contains(['+', '#']) {
            return search::find(&self.by_topic, filter, from, budget_steps, now_sec, out);
        }
        let found = self.entry(filter).filter(|_| from.is_beginning());
        let fresh = found.filter(|entry| !entry.is_expired(now_sec));
        out.extend(fresh.map(Entry::message));
        None
    }

    /// Every message, in the order of the topics.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Message>> {
        self.by_topic.iter().map(|ByTopic(entry)| entry.message())
    }

    pub fn count(&self) -> usize {
        self.by_topic.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }

    /// What is held against the bound: the messages, and what the index costs for each.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The old message of the topic is looked for only where it decides.
    fn has_room(&self, message: &Message) -> bool {
        let fits = |count: usize, bytes: usize| {
            count <= self.bounds.count_max && bytes <= self.bounds.bytes_max
        };
        let (count, bytes) = (self.count(), self.bytes + weigh(message));
        fits(count + 1, bytes)
            || self
                .entry(&message.topic)
                .is_some_and(|old| fits(count, bytes - old.bytes()))
    }

    fn entry(&self, topic: &str) -> Option<&Entry> {
        let found = self.by_topic.get(&Probe(topic.as_bytes()) as &dyn Topic);
        found.map(|ByTopic(entry)| entry)
    }

    /// Gives up what an entry took that is no longer in the order of topics.
    fn release(&mut self, entry: Entry) {
        self.bytes -= entry.bytes();
        if let Entry::Shared(message) = entry
            && message.expires_at_sec != Message::NEVER
        {
            self.due.remove(&Due(message));
        }
    }
}

#[cfg(test)]
mod tests;
