//! What is known of the partitions that a group shares out: what could be committed of each, what
//! is committed, and whether that is ours to do.
//!
//! ```text
//!  nobody's --assigned--> await committed --asked--> await reader --adopted--> full: committed
//!     ^                                                                          |
//!     '------------------------ revoked, lost, fenced ---------------------------'
//! ```

use std::collections::HashMap;

/// An offset, and what stands beside it.
pub(in crate::kafka::downlink) type Place = (i64, String);
/// A partition of a topic.
pub(super) type Name = (String, i32);

#[derive(Debug, Default)]
pub(super) struct Desk {
    partitions: HashMap<Name, Partition>,
}

#[derive(Debug, Default)]
struct Partition {
    said: Option<Place>,
    confirmed: Option<Place>,
    ownership: Ownership,
}

/// Whether and how a partition is ours.
#[derive(Debug, Default, PartialEq, Eq)]
enum Ownership {
    #[default]
    None,
    /// What its last owner has committed must be asked for.
    AwaitCommitted,
    /// The reader must hear of that before anything is committed over it.
    AwaitReader(Option<Place>),
    Full,
}

impl Desk {
    fn partition(&mut self, (topic, number): &Name) -> &mut Partition {
        let name = (topic.clone(), *number);
        self.partitions.entry(name).or_default()
    }

    /// The reader says what can be committed, whoever owns the partition.
    pub(super) fn say(&mut self, name: &Name, place: Place) {
        self.partition(name).said = Some(place);
    }

    /// Whether a partition is ours.
    pub(super) fn owns(&self, name: &Name) -> bool {
        let found = self.partitions.get(name);
        found.is_some_and(|partition| partition.ownership != Ownership::None)
    }

    /// How many partitions of a topic are ours.
    pub(super) fn owned_count(&self, topic: &str) -> usize {
        let names = self.partitions.keys();
        names
            .filter(|name| name.0 == topic && self.owns(name))
            .count()
    }

    /// The group has given us a partition.
    pub(super) fn on_assigned(&mut self, name: &Name) {
        let partition = self.partition(name);
        partition.ownership = Ownership::AwaitCommitted;
        partition.confirmed = None;
    }

    /// These are no longer ours.
    pub(super) fn on_revoked(&mut self, is_meant: impl Fn(&Name) -> bool) {
        let partitions = self.partitions.iter_mut();
        let revoked = partitions.filter(|(name, _)| is_meant(name));
        revoked.for_each(|(_, partition)| partition.ownership = Ownership::None);
    }

    /// Partitions of which must be asked what their last owner has committed.
    pub(super) fn unasked(&self) -> Vec<Name> {
        let partitions = self.partitions.iter();
        let unasked = partitions.filter(|(_, one)| one.ownership == Ownership::AwaitCommitted);
        unasked.map(|(name, _)| name.clone()).collect()
    }

    /// Kafka has told what is committed, if anything is.
    pub(super) fn on_committed(&mut self, name: &Name, place: Option<Place>) {
        let partition = self.partition(name);
        if partition.ownership == Ownership::AwaitCommitted {
            partition.ownership = Ownership::AwaitReader(place);
        }
    }

    /// What the last owners of partitions have committed that are ours now; whoever takes it says
    /// anew what can be committed.
    pub(super) fn take_inherited(&mut self) -> Vec<(Name, Place)> {
        let mut inherited = Vec::new();
        for (name, partition) in &mut self.partitions {
            if let Ownership::AwaitReader(place) = &mut partition.ownership {
                let place = place.take();
                partition.ownership = Ownership::Full;
                // What was said before knows less than what stands committed.
                partition.said = None;
                inherited.extend(place.map(|place| (name.clone(), place)));
            }
        }
        inherited
    }

    /// What is to be committed of the partitions that are ours and meant.
    pub(super) fn due(&self, is_meant: impl Fn(&Name) -> bool) -> Vec<(Name, Place)> {
        let partitions = self.partitions.iter();
        let ours = partitions
            .filter(|(name, partition)| partition.ownership == Ownership::Full && is_meant(name));
        let news = ours.filter_map(|(name, partition)| {
            let said = partition.said.as_ref()?;
            (partition.confirmed.as_ref() != Some(said)).then(|| (name.clone(), said.clone()))
        });
        news.collect()
    }

    /// Kafka has this as committed.
    pub(super) fn on_confirmed(&mut self, name: &Name, place: Place) {
        self.partition(name).confirmed = Some(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: i32) -> Name {
        ("commands".to_owned(), number)
    }

    fn place(offset: i64) -> Place {
        (offset, format!("@{offset}"))
    }

    #[test]
    fn nothing_is_committed_that_is_not_ours_or_not_news() {
        let mut desk = Desk::default();
        desk.say(&name(0), place(5));
        assert_eq!(desk.due(|_| true), []);
        desk.on_assigned(&name(0));
        desk.on_committed(&name(0), None);
        assert_eq!(desk.take_inherited(), []);
        desk.say(&name(0), place(6));
        assert_eq!(desk.due(|_| true), [(name(0), place(6))]);
        assert_eq!(desk.due(|name| name.1 == 1), []);
        desk.on_confirmed(&name(0), place(6));
        assert_eq!(desk.due(|_| true), []);
        desk.say(&name(0), place(7));
        desk.on_revoked(|name| name.1 == 0);
        assert_eq!(desk.due(|_| true), []);
    }

    #[test]
    fn nothing_is_committed_over_what_the_last_owner_has_before_the_reader_knows_it() {
        let mut desk = Desk::default();
        desk.on_assigned(&name(3));
        assert!(desk.owns(&name(3)) && !desk.owns(&name(4)));
        assert_eq!(
            (desk.owned_count("commands"), desk.owned_count("other")),
            (1, 0)
        );
        desk.say(&name(3), place(5));
        assert_eq!(desk.due(|_| true), []);
        assert_eq!(desk.unasked(), [name(3)]);
        desk.on_committed(&name(3), Some(place(9)));
        assert_eq!((desk.unasked(), desk.due(|_| true)), (vec![], vec![]));
        assert_eq!(desk.take_inherited(), [(name(3), place(9))]);
        assert_eq!(desk.due(|_| true), [], "what was said before is older");
        desk.say(&name(3), place(10));
        assert_eq!(desk.due(|_| true), [(name(3), place(10))]);
    }

    #[test]
    fn an_answer_that_comes_after_the_partition_went_gives_it_back_to_nobody() {
        let mut desk = Desk::default();
        desk.on_assigned(&name(0));
        desk.on_revoked(|_| true);
        desk.on_committed(&name(0), Some(place(9)));
        assert!(!desk.owns(&name(0)));
        assert_eq!(desk.take_inherited(), []);
    }
}
