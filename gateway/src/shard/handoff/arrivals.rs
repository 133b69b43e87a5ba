//! Keeps states from devices that have just come, until all that another gateway may have told them
//! was read here.
//!
//! A device that comes from another gateway may know a newer state than the one that waits for it
//! here. So when it comes, its reader is asked; when the reader has caught up with that moment,
//! what waits is not older than what the device knows.
//!
//! Only devices that came since the last answer are kept account of: an idle client costs nothing.

use std::collections::HashMap;

use crate::kafka::downlink::{CaughtUp, Command, Desk};

/// Who has come since the readers have caught up last.
#[derive(Default)]
pub(super) struct Arrivals {
    readers: Vec<Reader>,
}

struct Reader {
    desk: Desk,
    /// Asked when its first command came: answers for all clients that were there by then.
    first_asked: u64,
    answered: u64,
    /// By the index of a client, what was asked when it came.
    asked: HashMap<u32, u64>,
}

impl Arrivals {
    /// A command came; what it takes to know its reader, once.
    pub(super) fn meet(&mut self, command: &Command) {
        if !is_guarded(command) {
            return;
        }
        let desk = command.origin.desk();
        if !self.readers.iter().any(|reader| reader.desk.is(&desk)) {
            self.readers.push(Reader {
                first_asked: desk.ask(),
                desk,
                answered: 0,
                asked: HashMap::new(),
            });
        }
    }

    /// A client has come.
    pub(super) fn on_arrival(&mut self, client: u32) {
        for reader in &mut self.readers {
            reader.asked.insert(client, reader.desk.ask());
        }
    }

    /// A reader has caught up with a question, and with all before it.
    pub(super) fn on_caught_up(&mut self, caught_up: &CaughtUp) {
        let mut readers = self.readers.iter_mut();
        if let Some(reader) = readers.find(|reader| reader.desk.is(&caught_up.desk)) {
            reader.answered = caught_up.asked;
            reader.asked.retain(|_, asked| *asked > caught_up.asked);
        }
    }

    /// Whether a client may have this command already.
    pub(super) fn may_have(&self, client: u32, command: &Command) -> bool {
        if !is_guarded(command) {
            return true;
        }
        let mut readers = self.readers.iter();
        let desk = command.origin.desk();
        readers
            .find(|reader| reader.desk.is(&desk))
            .is_some_and(|reader| {
                let asked = reader.asked.get(&client).unwrap_or(&reader.first_asked);
                *asked <= reader.answered
            })
    }
}

fn is_guarded(command: &Command) -> bool {
    command.terms.several && command.terms.latest
}
