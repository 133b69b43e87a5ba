//! Remembers what a client's topic aliases stand for on this connection (MQTT 5, 3.3.2.3.4).

/// Topic aliases a client has set; an entry costs memory only once it is used.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    topics: Vec<Option<Box<str>>>,
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
