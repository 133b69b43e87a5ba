//! Topic aliases on one connection, one table for each direction (MQTT 5, 3.3.2.3.4).

use crate::encode::Topic;

/// Topic aliases a client has set; an entry costs memory only once it is used.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    topics: Vec<Option<Box<str>>>,
}

/// Topic aliases the server has set towards a client; the least recently used makes room.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    topics: Vec<SpokenTopic>,
    uses: u64,
}

/// What an alias costs in a packet; a topic not longer than that is shorter in full.
const ALIAS_BYTES: usize = 3;

#[derive(Debug)]
struct SpokenTopic {
    topic: Box<str>,
    last_use: u64,
}

impl Aliases {
    /// Sets what `alias` stands for; the caller has checked it against the Topic Alias Maximum.
    pub(super) fn set(&mut self, alias: u16, topic: &str) {
        let place = usize::from(alias);
        if self.topics.len() <= place {
            self.topics.resize(place + 1, None);
        }
        if self.topics[place].as_deref() != Some(topic) {
            self.topics[place] = Some(topic.into());
        }
    }

    /// The topic that `alias` stands for.
    pub(super) fn topic(&self, alias: u16) -> Option<&str> {
        self.topics.get(usize::from(alias))?.as_deref()
    }

    /// Whether no alias was ever set.
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Forgets all of them, and gives memory back that few clients need.
    pub(super) fn clear(&mut self, entries_kept: usize) {
        self.topics.clear();
        self.topics.shrink_to(entries_kept);
    }
}

impl Spoken {
    /// How a topic is said now: by its alias, or with a new one, at most `alias_max`
    /// \[MQTT-3.1.2-26\]; in full when there are none \[MQTT-3.1.2-27\].
    pub(super) fn say(&mut self, topic: &str, alias_max: u16) -> Topic {
        if alias_max == 0 || topic.len() <= ALIAS_BYTES {
            return Topic::Full;
        }
        self.uses += 1;
        let known = self.topics.iter().position(|said| &*said.topic == topic);
        if let Some(place) = known {
            self.topics[place].last_use = self.uses;
            return Topic::Alias(place as u16 + 1);
        }
        let said = SpokenTopic {
            topic: topic.into(),
            last_use: self.uses,
        };
        let oldest = || (0..self.topics.len()).min_by_key(|place| self.topics[*place].last_use);
        let place = match oldest() {
            Some(place) if self.topics.len() >= usize::from(alias_max) => {
                self.topics[place] = said;
                place
            }
            _ => {
                self.topics.push(said);
                self.topics.len() - 1
            }
        };
        Topic::Introduced(place as u16 + 1)
    }

    /// What was to be said was not: the client knows nothing of a new alias.
    pub(super) fn unsay(&mut self, topic: Topic) {
        if let Topic::Introduced(alias) = topic {
            let said = &mut self.topics[usize::from(alias) - 1];
            // No topic is empty, so this one is never found, and the first to be replaced.
            said.topic = Box::default();
            said.last_use = 0;
        }
    }

    /// Whether no alias was ever set.
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Forgets all of them; few are allowed, so their places are kept.
    pub(super) fn clear(&mut self) {
        self.topics.clear();
        self.uses = 0;
    }
}
