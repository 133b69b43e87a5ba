//! The session's rules once more, as plainly as they can be said.

use std::collections::{BTreeSet, VecDeque};

use tributary_proto::version::{Qos, Version};

use crate::said::{PUBACK, PUBCOMP, PUBREC, Said};

/// What the model expects of a PUBLISH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    Done,
    Offer,
    Wait,
    TooMany,
}

/// One client, as the model sees it.
pub(crate) struct Model {
    pub(crate) version: Version,
    pub(crate) receive_max: usize,
    /// Acknowledgements owed, oldest first: which one, packet id, reason when it is known.
    pub(crate) owed: VecDeque<(u8, u16, Option<u8>)>,
    /// QoS 2 packet ids taken and not released.
    pub(crate) taken: BTreeSet<u16>,
    /// What the client must have been told.
    pub(crate) told: Vec<Said>,
}

impl Model {
    pub(crate) fn new(version: Version, receive_max: u16) -> Model {
        Model {
            version,
            receive_max: usize::from(receive_max),
            owed: VecDeque::new(),
            taken: BTreeSet::new(),
            told: Vec::new(),
        }
    }

    pub(crate) fn on_publish(&mut self, id: u16, qos: Qos) -> Expected {
        if qos == Qos::AtMostOnce {
            return Expected::Offer;
        }
        if qos == Qos::ExactlyOnce && self.taken.contains(&id) {
            if self
                .owed
                .iter()
                .any(|(kind, other, _)| (*kind, *other) == (PUBREC, id))
            {
                return Expected::Done;
            }
            if self.owed.len() >= self.receive_max {
                return Expected::Wait;
            }
            self.owed.push_back((PUBREC, id, Some(0)));
            self.tell();
            return Expected::Done;
        }
        let at_least_once = self
            .owed
            .iter()
            .filter(|(kind, ..)| *kind == PUBACK)
            .count();
        let held = match self.version {
            Version::V5 => self.owed.len().max(at_least_once + self.taken.len()),
            _ => self.owed.len(),
        };
        match (held >= self.receive_max, self.version) {
            (false, _) => Expected::Offer,
            (true, Version::V5) => Expected::TooMany,
            (true, _) => Expected::Wait,
        }
    }

    /// An offer was taken, or answered with `reason` at once.
    pub(crate) fn on_offered(&mut self, id: u16, qos: Qos, reason: Option<u8>) {
        let kind = match qos {
            Qos::AtMostOnce => return,
            Qos::AtLeastOnce => PUBACK,
            Qos::ExactlyOnce => PUBREC,
        };
        if qos == Qos::ExactlyOnce && !reason.is_some_and(is_failure) {
            self.taken.insert(id);
        }
        self.owed.push_back((kind, id, reason));
        self.tell();
    }

    /// Says whether a PUBLISH with this id waited for its answer.
    pub(crate) fn on_settled(&mut self, id: u16, reason: u8) -> bool {
        let waiting = self
            .owed
            .iter_mut()
            .find(|one| one.1 == id && one.2.is_none());
        let Some((kind, _, answer)) = waiting else {
            return false;
        };
        *answer = Some(reason);
        if *kind == PUBREC && is_failure(reason) {
            self.taken.remove(&id);
        }
        self.tell();
        true
    }

    pub(crate) fn on_release(&mut self, id: u16) {
        let known = self.taken.remove(&id);
        if known {
            self.owed
                .retain(|one| (one.0, one.1) != (PUBREC, id) || one.2.is_none());
        }
        let not_found = if self.version == Version::V5 && !known {
            0x92
        } else {
            0
        };
        self.told.push((PUBCOMP, id, not_found));
    }

    fn tell(&mut self) {
        while let Some((kind, id, Some(reason))) = self.owed.front().copied() {
            self.told.push((kind, id, reason));
            self.owed.pop_front();
        }
    }
}

pub(crate) fn is_failure(reason: u8) -> bool {
    reason >= 0x80
}
