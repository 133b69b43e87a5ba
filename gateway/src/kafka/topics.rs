//! What the lane knows of its topics: partitions to send to, a question under way, or a refusal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::batch::Record;
use super::block::Block;
use super::limits;
use super::lines::{Lines, PartitionIndex};
use super::outcome::Refusal;
use super::partition;
use super::shared::Answer;
use super::topic_name;

/// Names a topic inside one lane, until the next [`Topics::find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TopicIndex(u32);

/// Between two questions about a topic that is refused.
const ASK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
enum State {
    /// The scout is asking; what comes meanwhile waits, bounded by the lane's room.
    Asked(Vec<Block>),
    Known,
    Refused {
        why: Refusal,
        ask_again: Instant,
    },
}

#[derive(Debug)]
struct Topic {
    name: Arc<str>,
    state: State,
    /// Every partition there ever was; `count` of them are there now.
    partitions: Vec<PartitionIndex>,
    count: u32,
    /// Where records without a key go in this batch.
    sticky: u32,
    /// Before this nobody asks again because Kafka has refused a record.
    doubt_again: Instant,
    /// Since when records wait for the scout; means nothing unless `Asked`.
    waiting_since: Option<Instant>,
}

/// A topic that records of a batch go to.
pub(super) struct Found {
    pub(super) topic: TopicIndex,
    /// The name, when the scout is to be asked.
    pub(super) ask: Option<Arc<str>>,
}

#[derive(Debug, Default)]
pub(super) struct Topics {
    by_name: FxHashMap<Arc<str>, u32>,
    topics: Vec<Topic>,
}

impl Topics {
    /// Finds a topic by the name that a batch has for it.
    pub(super) fn find(&mut self, name: &[u8], now: Instant) -> Result<Found, Refusal> {
        let name = std::str::from_utf8(name).map_err(|_| Refusal::TopicIllegal)?;
        let Some(index) = self.by_name.get(name).copied() else {
            let topic = self.insert(name, now)?;
            let ask = Some(Arc::clone(&self.topics[topic.0 as usize].name));
            return Ok(Found { topic, ask });
        };
        let topic = &mut self.topics[index as usize];
        topic.sticky = topic.sticky.wrapping_add(1);
        let mut ask = None;
        if let State::Refused { ask_again, .. } = &mut topic.state
            && *ask_again <= now
        {
            *ask_again = now + ASK_AGAIN;
            ask = Some(Arc::clone(&topic.name));
        }
        Ok(Found {
            topic: TopicIndex(index),
            ask,
        })
    }

    fn insert(&mut self, name: &str, now: Instant) -> Result<TopicIndex, Refusal> {
        if !topic_name::is_legal(name) {
            return Err(Refusal::TopicIllegal);
        }
        let name: Arc<str> = name.into();
        let topic = Topic {
            name: Arc::clone(&name),
            state: State::Asked(Vec::new()),
            partitions: Vec::new(),
            count: 0,
            sticky: 0,
            doubt_again: now,
            waiting_since: None,
        };
        let index = if self.topics.len() < limits::TOPICS_MAX {
            self.topics.push(topic);
            self.topics.len() - 1
        } else {
            // Devices can name topics through a template: a missing one must not keep a good one
            // out.
            let index = self.topics.iter().position(Topic::is_forgettable);
            let index = index.ok_or(Refusal::TopicsTooMany)?;
            self.by_name.remove(&self.topics[index].name);
            self.topics[index] = topic;
            index
        };
        self.by_name.insert(name, index as u32);
        Ok(TopicIndex(index as u32))
    }

    /// Puts a record where it waits for its turn.
    pub(super) fn push(
        &mut self,
        topic: TopicIndex,
        record: &Record,
        bytes: &[u8],
        lines: &mut Lines,
    ) -> Result<(), Refusal> {
        let topic = &mut self.topics[topic.0 as usize];
        match &mut topic.state {
            State::Known => topic.queue(record, bytes, lines),
            State::Asked(waiting) => {
                if !waiting
                    .last()
                    .is_some_and(|block| block.fits(record.bytes()))
                {
                    topic.waiting_since.get_or_insert_with(Instant::now);
                    waiting.push(lines.open_block());
                }
                if let Some(block) = waiting.last_mut() {
                    block.push(record, bytes);
                }
            }
            State::Refused { why, .. } => return Err(*why),
        }
        Ok(())
    }

    /// Kafka has refused a record for its topic, though it was thought to be there: gives the name
    /// when the scout is to be asked.
    pub(super) fn doubt(&mut self, name: &str, now: Instant) -> Option<Arc<str>> {
        let index = *self.by_name.get(name)?;
        let topic = &mut self.topics[index as usize];
        if topic.doubt_again > now {
            return None;
        }
        topic.doubt_again = now + ASK_AGAIN;
        Some(Arc::clone(&topic.name))
    }

    /// Why records of this topic are refused, if they are.
    pub(super) fn refusal(&self, topic: TopicIndex) -> Option<Refusal> {
        match self.topics[topic.0 as usize].state {
            State::Refused { why, .. } => Some(why),
            State::Asked(_) | State::Known => None,
        }
    }

    /// Since when a record waits for the scout at all.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let waiting = self.topics.iter().filter(|topic| topic.has_waiting());
        waiting.filter_map(|topic| topic.waiting_since).min()
    }

    /// Takes out what waits for the scout and may go to the spool, in order within each topic.
    pub(super) fn take_spoolable(&mut self, mut each: impl FnMut(&str, &Record, &[u8])) {
        for topic in &mut self.topics {
            let Topic { name, state, .. } = topic;
            let State::Asked(waiting) = state else {
                continue;
            };
            for block in waiting.iter_mut() {
                block.take_spoolable(|record, bytes| each(name, record, bytes));
            }
            waiting.retain(|block| !block.records.is_empty());
            if waiting.is_empty() {
                topic.waiting_since = None;
            }
        }
    }

    /// Takes what the scout has found. Gives back the records that nobody will take.
    pub(super) fn learn(&mut self, answer: Answer, lines: &mut Lines, now: Instant) -> Vec<Block> {
        let Some(index) = self.by_name.get(&answer.topic) else {
            return Vec::new();
        };
        let topic = &mut self.topics[*index as usize];
        let state = match answer.leaders {
            Ok(leaders) => {
                topic.note(&leaders, lines);
                State::Known
            }
            Err(why) => State::Refused {
                why,
                ask_again: now + ASK_AGAIN,
            },
        };
        let before = std::mem::replace(&mut topic.state, state);
        let State::Asked(waiting) = before else {
            return Vec::new();
        };
        if matches!(topic.state, State::Refused { .. }) {
            return waiting;
        }
        for block in waiting {
            for record in &block.records {
                topic.queue(record, &block.bytes, lines);
            }
            lines.recycle(block);
        }
        Vec::new()
    }
}

impl Topic {
    fn has_waiting(&self) -> bool {
        matches!(&self.state, State::Asked(waiting) if !waiting.is_empty())
    }

    fn is_forgettable(&self) -> bool {
        self.partitions.is_empty() && matches!(self.state, State::Refused { .. })
    }

    fn queue(&self, record: &Record, bytes: &[u8], lines: &mut Lines) {
        let key = record.key(bytes);
        let chosen = if key.is_empty() {
            self.sticky % self.count
        } else {
            partition::choose(key, self.count)
        };
        lines.push(self.partitions[chosen as usize], record, bytes);
    }

    fn note(&mut self, leaders: &[i32], lines: &mut Lines) {
        for (number, leader) in (0i32..).zip(leaders) {
            match self.partitions.get(number as usize) {
                Some(partition) => lines.lead(*partition, *leader),
                None => self
                    .partitions
                    .push(lines.add(Arc::clone(&self.name), number, *leader)),
            }
        }
        let count = leaders.len() as u32;
        if self.count != 0 && self.count != count {
            let (topic, before) = (&*self.name, self.count);
            tracing::warn!(
                topic,
                before,
                now = count,
                "the number of partitions has changed: keys move, order holds only within each"
            );
        }
        self.count = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(topics: &mut Topics, lines: &mut Lines, topic: TopicIndex) -> Result<(), Refusal> {
        let record = Record {
            ticket: 1,
            start: 0,
            key_bytes: 3,
            headers_bytes: 0,
            payload_bytes: 0,
            ..Record::default()
        };
        topics.push(topic, &record, b"abc", lines)
    }

    fn find(topics: &mut Topics, name: &str, now: Instant) -> (TopicIndex, bool) {
        match topics.find(name.as_bytes(), now) {
            Ok(found) => (found.topic, found.ask.is_some()),
            Err(refusal) => panic!("{name}: {}", refusal.name()),
        }
    }

    #[test]
    fn records_wait_until_the_partitions_are_known_and_then_stand_in_line() {
        let (mut topics, mut lines, now) = (Topics::default(), Lines::default(), Instant::now());
        let (topic, ask) = find(&mut topics, "t", now);
        assert!(ask);
        assert_eq!(push(&mut topics, &mut lines, topic), Ok(()));
        assert!(!find(&mut topics, "t", now).1, "asked already");
        assert!(!lines.is_ready());
        let answer = Answer {
            topic: "t".into(),
            leaders: Ok(vec![1; 12]),
        };
        assert!(topics.learn(answer, &mut lines, now).is_empty());
        let Some(departure) = lines.depart() else {
            panic!("the record waits")
        };
        assert_eq!(lines.name(departure.partition), ("t", 479470107 % 12));
    }

    #[test]
    fn a_missing_topic_refuses_what_waited_and_what_comes_until_it_is_there() {
        let (mut topics, mut lines, now) = (Topics::default(), Lines::default(), Instant::now());
        let (topic, _) = find(&mut topics, "t", now);
        assert_eq!(push(&mut topics, &mut lines, topic), Ok(()));
        let answer = Answer {
            topic: "t".into(),
            leaders: Err(Refusal::TopicMissing),
        };
        let refused = topics.learn(answer, &mut lines, now);
        assert_eq!(
            refused
                .iter()
                .map(|block| block.records.len())
                .sum::<usize>(),
            1
        );
        assert_eq!(
            push(&mut topics, &mut lines, topic),
            Err(Refusal::TopicMissing)
        );
        assert!(!find(&mut topics, "t", now).1);
        assert!(
            find(&mut topics, "t", now + ASK_AGAIN).1,
            "asked again now and then"
        );
        let answer = Answer {
            topic: "t".into(),
            leaders: Ok(vec![1]),
        };
        assert!(topics.learn(answer, &mut lines, now).is_empty());
        assert_eq!(push(&mut topics, &mut lines, topic), Ok(()));
        assert!(lines.is_ready());
    }

    #[test]
    fn a_topic_that_kafka_refuses_is_asked_about_now_and_then() {
        let (mut topics, now) = (Topics::default(), Instant::now());
        find(&mut topics, "t", now);
        assert_eq!(topics.doubt("t", now).as_deref(), Some("t"));
        assert_eq!(topics.doubt("t", now + ASK_AGAIN / 2), None);
        assert_eq!(topics.doubt("t", now + ASK_AGAIN).as_deref(), Some("t"));
        assert_eq!(topics.doubt("other", now), None);
    }

    #[test]
    fn missing_topics_make_room_for_others_and_known_ones_do_not() {
        let (mut topics, mut lines, now) = (Topics::default(), Lines::default(), Instant::now());
        for number in 0..limits::TOPICS_MAX {
            find(&mut topics, &format!("t{number}"), now);
            let leaders = if number == 7 {
                Err(Refusal::TopicMissing)
            } else {
                Ok(vec![1])
            };
            let answer = Answer {
                topic: format!("t{number}").into(),
                leaders,
            };
            topics.learn(answer, &mut lines, now);
        }
        assert_eq!(find(&mut topics, "one-more", now), (TopicIndex(7), true));
        let refused = topics.find(b"and-another", now).map(|found| found.topic);
        assert_eq!(refused, Err(Refusal::TopicsTooMany));
    }
}
