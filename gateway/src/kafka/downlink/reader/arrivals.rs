//! Answers shards that ask when everything is read that there was when a device came to them.
//!
//! Where the newest state counts, the device may have been told a newer one by another gateway than
//! the newest that was read here. Whatever it was told then lies before the end that the topic has
//! now; so once that end is reached, nothing older goes out.
//!
//! ```text
//!  shard: ask, number n --> asked --> Ends: where do the partitions end? --> surveyed
//!  shard <-- caught up, n <-- all of it was read and left with the shards <--'
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Party, Reader};
use crate::kafka::downlink::command::CaughtUp;
use crate::kafka::downlink::consumer::Client;
use crate::kafka::downlink::ends::Ends;

/// Between two questions to Kafka: one answers all shards that have asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(20);
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How far the questions of shards are answered.
pub(super) struct Survey {
    ends: Ends,
    /// What Kafka is asked for.
    asking: Option<u64>,
    /// Where the partitions ended, by their index.
    surveyed: Option<(u64, Vec<(u32, i64)>)>,
    answered: u64,
    ask_at: Instant,
}

impl Survey {
    pub(super) fn start(client: &Arc<Client>) -> io::Result<Self> {
        Ok(Self {
            ends: Ends::start(Arc::clone(client))?,
            asking: None,
            surveyed: None,
            answered: 0,
            ask_at: Instant::now(),
        })
    }

    /// Takes an answer of Kafka's in.
    fn look(&mut self, now: Instant) {
        let Some(number) = self.asking else {
            return;
        };
        let Some(answer) = self.ends.take_answer() else {
            return;
        };
        self.asking = None;
        match answer {
            Some(ends) => self.surveyed = Some((number, ends)),
            None => self.ask_at = now + ASK_AGAIN,
        }
    }

    fn may_ask(&self, now: Instant) -> bool {
        self.asking.is_none() && self.surveyed.is_none() && now >= self.ask_at
    }
}

impl Reader {
    /// Goes on with the answer to shards that have asked.
    pub(super) fn answer_arrivals(&mut self, now: Instant) {
        let Party::Several(others) = &mut self.party else {
            return;
        };
        let survey = &mut others.survey;
        survey.look(now);
        // Whoever asks from here on is told of later ends.
        let asked = self.post.asked.load(Ordering::SeqCst);
        if asked > survey.answered && survey.may_ask(now) {
            let states = self.feeds.iter().filter(|feed| feed.rule.terms.latest);
            if states.clone().any(|feed| feed.partition_count == 0) {
                return; // Others may have read it for long.
            }
            let partitions = (0..).zip(&self.partitions);
            let states = partitions.filter(|(_, one)| self.feeds[one.feed].rule.terms.latest);
            let questions = states.map(|(index, one)| {
                let topic = Arc::clone(&self.feeds[one.feed].topic);
                (index, topic, one.number)
            });
            survey.ask_at = now + ASK_EVERY;
            survey.asking = Some(asked);
            survey.ends.ask(questions.collect());
        }
        self.tell_caught_up();
    }

    /// Tells the shards, if everything they wait for was left with them.
    fn tell_caught_up(&mut self) {
        let Party::Several(others) = &mut self.party else {
            return;
        };
        let survey = &mut others.survey;
        let is_held = |(index, _): &(u32, i64)| {
            let place = self.partitions[*index as usize].feed;
            self.feeds[place].catch_up.is_some()
        };
        let is_read = |(index, end): &(u32, i64)| {
            let partition = &self.partitions[*index as usize];
            // The last offsets before the end may be markers, which are no records.
            partition.ledger.next_offset().max(partition.quiet_to) >= *end
        };
        let is_done = self.stash.is_empty()
            && survey
                .surveyed
                .as_ref()
                .is_some_and(|(_, ends)| ends.iter().all(|end| is_read(end) && !is_held(end)));
        if is_done && let Some((asked, _)) = survey.surveyed.take() {
            survey.answered = asked;
            for shard in 0..self.sink.shards() {
                self.sink
                    .tell_caught_up(shard, CaughtUp::new(&self.post, asked));
            }
        }
    }
}
