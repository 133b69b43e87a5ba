//! What waits for one device: its commands in the order in which they came, and those that are with
//! its session.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use crate::kafka::downlink::{Command, Dropped, Fate, Origin};
use crate::limits::COMMANDS_WITH_SESSION_MAX;

/// What waits for one device. There is one only while something does.
#[derive(Debug, Default)]
pub(super) struct Tray {
    waiting: VecDeque<Item>,
    /// Given to the session and not acknowledged, under the numbers by which it tells of them.
    given: Vec<(NonZeroU32, Item)>,
    /// The place of the next that comes.
    next_place: u64,
    /// Looked at again at the next tick, and not before.
    pub(super) is_blocked: bool,
    /// Looked at again when a reader has caught up.
    pub(super) is_held: bool,
    /// It stands in the list of those that are looked at when the turn ends.
    pub(super) is_due: bool,
}

/// A command in its place.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) command: Command,
    place: u64,
    /// The device was there and had no subscription for it.
    is_unwanted: bool,
    /// A newer one came, or its fate is told already: it never goes again.
    is_void: bool,
}

impl Tray {
    /// Whether there is no reason to keep it.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.given.is_empty()
    }

    /// Takes a command in; one or more may have to go for it, which their origins are told.
    pub(super) fn arrive(&mut self, command: Command, now_sec: u32) {
        let terms = command.terms.clone();
        if terms.latest {
            self.drop_where(Dropped::Superseded, |item| item.is_of(&command));
            let given = self.given.iter_mut().map(|(_, item)| item);
            let older = given.filter(|item| item.is_of(&command));
            older.for_each(|item| item.is_void = true);
        }
        if command.is_tombstone {
            return drop_one(&command.origin, Dropped::Tombstone);
        }
        self.expire(now_sec);
        let is_of_rule = |item: &&Item| item.command.terms.rule == terms.rule;
        let given = self.given.iter().map(|(_, item)| item);
        let count = self.waiting.iter().chain(given).filter(is_of_rule).count();
        if count >= terms.waiting_max {
            let oldest = self.waiting.iter().position(|item| is_of_rule(&item));
            let oldest = oldest.filter(|_| !terms.drops_newest);
            // What is with the session cannot be taken back.
            let Some(oldest) = oldest.and_then(|oldest| self.waiting.remove(oldest)) else {
                return drop_one(&command.origin, Dropped::Queue);
            };
            drop_one(&oldest.command.origin, Dropped::Queue);
        }
        self.waiting.push_back(Item {
            command,
            place: self.next_place,
            is_unwanted: false,
            is_void: false,
        });
        self.next_place += 1;
    }

    /// The first command from `from` on that the session may have now, as a place to
    /// [`Tray::give`] or [`Tray::pass_over`].
    pub(super) fn next_from(&self, from: usize) -> Option<(usize, &Command)> {
        if self.is_blocked || self.given.len() >= COMMANDS_WITH_SESSION_MAX {
            return None;
        }
        let may_go = |item: &Item| {
            // Where the newest counts, nothing newer is sent before the older was acknowledged:
            // repeating the older one [MQTT-4.4.0-1] would make it the last.
            let waits = item.command.terms.latest
                && self
                    .given
                    .iter()
                    .any(|(_, given)| given.is_of(&item.command));
            !item.is_unwanted && !waits
        };
        let mut items = self.waiting.iter().enumerate().skip(from);
        let (place, item) = items.find(|(_, item)| may_go(item))?;
        Some((place, &item.command))
    }

    /// The command at this place goes to the session.
    pub(super) fn give(&mut self, place: usize, number: NonZeroU32) {
        if let Some(item) = self.waiting.remove(place) {
            self.given.push((number, item));
        }
    }

    /// The device has no subscription for the command at this place.
    pub(super) fn pass_over(&mut self, place: usize) {
        if let Some(item) = self.waiting.get_mut(place) {
            item.is_unwanted = true;
        }
    }

    /// The device has come, or has subscribed: everything is worth another look.
    pub(super) fn look_anew(&mut self) {
        self.waiting
            .iter_mut()
            .for_each(|item| item.is_unwanted = false);
    }

    /// The session has told what became of a command: `None` when it has let go of it.
    pub(super) fn on_handed(&mut self, number: NonZeroU32, fate: Option<Fate>) {
        let mut given = self.given.iter();
        let Some(place) = given.position(|(other, _)| *other == number) else {
            return;
        };
        let (_, item) = self.given.remove(place);
        match fate {
            Some(fate) => item.command.origin.tell(fate),
            None => self.put_back(item),
        }
    }

    /// A command that the device may have seen goes again, in its old place; unless a newer one has
    /// come, which it must not come behind, though that one may be with the device by another way.
    fn put_back(&mut self, item: Item) {
        if item.is_void {
            return drop_one(&item.command.origin, Dropped::Superseded);
        }
        let place = self
            .waiting
            .partition_point(|other| other.place < item.place);
        self.waiting.insert(place, item);
    }

    /// Drops what waits and whose time is over.
    pub(super) fn expire(&mut self, now_sec: u32) {
        self.drop_where(Dropped::Expired, |item| {
            item.command.message.is_expired(now_sec)
        });
    }

    /// Forgets a command whose fate is told already.
    pub(super) fn withdraw(&mut self, origin: &Origin) {
        self.waiting.retain(|item| !item.command.origin.is(origin));
        self.given.retain_mut(|(_, item)| {
            // A state that is with the session holds newer ones up until it is done there.
            item.is_void |= item.command.origin.is(origin);
            !item.is_void || item.command.terms.latest
        });
    }

    fn drop_where(&mut self, why: Dropped, is_meant: impl Fn(&Item) -> bool) {
        self.waiting.retain(|item| {
            let goes = is_meant(item);
            if goes {
                drop_one(&item.command.origin, why);
            }
            !goes
        });
    }
}

impl Item {
    /// Whether it is of the same rule and has the same topic.
    fn is_of(&self, command: &Command) -> bool {
        self.command.terms.rule == command.terms.rule
            && self.command.message.topic == command.message.topic
    }
}

fn drop_one(origin: &Origin, why: Dropped) {
    origin.tell(Fate::Dropped(why));
}

#[cfg(test)]
mod tests;
