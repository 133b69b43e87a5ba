//! Shared subscriptions: one member of each group gets the message, wherever it lives.
//!
//! The shard of the publisher picks a shard, by how many members each has; that shard picks the
//! member whose turn it is and who is ready. When nobody there is, the note goes on to a shard that
//! was not asked yet, and when nobody is ready anywhere, to one who can take it later.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU64;
use std::sync::Arc;

use tributary_proto::message::Message;
use tributary_proto::session::Delivery;
use tributary_proto::subscriptions::Fit;
use tributary_proto::version::Qos;

use super::client::Client;
use super::world::World;
use crate::interest::{GroupAt, ShardSet};
use crate::limits::GROUP_NAMES_MAX;
use crate::mailbox::{Note, ToGroup};

/// Numbers for groups, to go with a message into a session; the oldest are forgotten.
#[derive(Default)]
pub(super) struct GroupNames {
    by_name: HashMap<Arc<str>, u32>,
    names: VecDeque<Arc<str>>,
    /// The number of the first of `names`.
    first: u32,
}

impl GroupNames {
    /// The number of a group; never 0.
    pub(super) fn number(&mut self, group: &Arc<str>) -> u32 {
        if let Some(number) = self.by_name.get(group) {
            return *number;
        }
        if self.names.len() == GROUP_NAMES_MAX
            && let Some(oldest) = self.names.pop_front()
        {
            self.by_name.remove(&oldest);
            self.first = self.first.wrapping_add(1);
        }
        let number = self
            .first
            .wrapping_add(self.names.len() as u32)
            .wrapping_add(1);
        self.names.push_back(Arc::clone(group));
        self.by_name.insert(Arc::clone(group), number);
        number
    }

    /// The group with this number, unless it was forgotten.
    pub(super) fn name(&self, number: u32) -> Option<Arc<str>> {
        let place = number.wrapping_sub(self.first).checked_sub(1)?;
        self.names.get(place as usize).cloned()
    }
}

impl World {
    /// Takes a message to one member of a group; says whether an answer to `claim` will come.
    pub(super) fn spread_to_group(
        &mut self,
        message: &Arc<Message>,
        group: GroupAt,
        claim: Option<NonZeroU64>,
    ) -> bool {
        let tried = ShardSet::default();
        let (Some(shard), Some(key)) = (
            self.view.pick_shard(group, &tried),
            self.view.group_key(group).cloned(),
        ) else {
            return false;
        };
        let to = ToGroup {
            message: Arc::clone(message),
            group: key,
            tried: Vec::new(),
            anyone: false,
            claim,
        };
        if shard == self.index {
            self.serve_group(to);
        } else {
            self.leave(shard, Note::ToGroup(to));
        }
        claim.is_some()
    }

    /// Gives a message to the member whose turn it is, or passes it on.
    pub(super) fn serve_group(&mut self, mut to: ToGroup) {
        let key = self.subscriptions.group(&to.group);
        let (clients, profiles, anyone) = (&self.clients, &self.commons.profiles, to.anyone);
        let permission = self.permission.as_ref();
        // Another member may have what this one may not; at which QoS is seen when it is given.
        let is_denied = |index, client: &Client| {
            permission.is_some_and(|permission| {
                !permission.may_receive(index, client, &to.message.topic, Qos::AtMostOnce)
            })
        };
        let mut usable = |index: u32| match clients.look(index) {
            Some(client) if is_denied(index, client) => Fit::No,
            Some(client) if client.session.is_ready(profiles) => Fit::Ready,
            Some(client) if anyone && client.session.is_connected() => Fit::Later,
            Some(_) if anyone => Fit::Later,
            _ => Fit::No,
        };
        let picked = key.and_then(|key| self.subscriptions.pick(key, &mut usable));
        let Some((index, grant)) = picked else {
            return self.pass_to_next(to);
        };
        self.book().group_picks.add(1);
        let delivery = Delivery {
            qos: grant.qos,
            retain: to.message.retain && grant.retain_as_published,
            identifiers: match &grant.identifier {
                0 => &[],
                one => std::slice::from_ref(one),
            },
            group: self.group_names.number(&to.group),
            receipt: None,
        };
        let message = Arc::clone(&to.message);
        self.deliver(index, &message, delivery);
        self.settle_when_safe(to.claim.take());
    }

    /// Nobody here can take it: another shard's members may.
    fn pass_to_next(&mut self, mut to: ToGroup) {
        to.tried.push(self.index as u8);
        let next = match self.next_shard(&to) {
            None if !to.anyone => {
                to.anyone = true;
                to.tried.clear();
                self.next_shard(&to)
            }
            next => next,
        };
        match next {
            Some(shard) if shard == self.index => self.serve_group(to),
            Some(shard) => self.leave(shard, Note::ToGroup(to)),
            // The last member has gone meanwhile: there is nobody who subscribes.
            None => self.settle_when_safe(to.claim),
        }
    }

    /// A shard with members of the group that was not asked yet.
    fn next_shard(&mut self, to: &ToGroup) -> Option<usize> {
        self.view.catch_up();
        let group = self.view.group(&to.group)?;
        let mut tried = ShardSet::default();
        to.tried
            .iter()
            .for_each(|shard| tried.insert(usize::from(*shard)));
        self.view.pick_shard(group, &tried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_one_number_and_a_number_one_group() {
        let mut names = GroupNames::default();
        let keys: Vec<Arc<str>> = (0..100).map(|at| format!("$share/{at}/#").into()).collect();
        let numbers: Vec<u32> = keys.iter().map(|key| names.number(key)).collect();
        for (key, number) in keys.iter().zip(&numbers) {
            assert_ne!(*number, 0, "that stands for no group");
            assert_eq!(names.number(key), *number);
            assert_eq!(names.name(*number).as_ref(), Some(key));
        }
        assert_eq!((names.name(0), names.name(101)), (None, None));
    }

    #[test]
    fn the_oldest_names_are_forgotten_and_their_numbers_mean_nobody_else() {
        let mut names = GroupNames::default();
        let key = |at: usize| -> Arc<str> { format!("$share/{at}/#").into() };
        let first = names.number(&key(0));
        for at in 1..=GROUP_NAMES_MAX {
            names.number(&key(at));
        }
        assert_eq!(names.name(first), None);
        assert_eq!(names.names.len(), GROUP_NAMES_MAX);
        assert_eq!(names.by_name.len(), GROUP_NAMES_MAX);
        let again = names.number(&key(0));
        assert_ne!(again, first);
        assert_eq!(names.name(again), Some(key(0)));
        assert_eq!(names.name(first), None);
    }
}
