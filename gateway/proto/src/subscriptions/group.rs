//! Groups that share a subscription [section 4.8.2]: each message goes to one member, in turn.

use hashbrown::HashTable;

use super::audience::Subscriber;
use super::hasher::spread;
use super::limits;

/// Which group of a shard is meant; holds until the group's last member has gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupKey(pub(super) u32);

/// Whether a member could take a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// At once.
    Ready,
    /// Not at once, but it could wait for it: offline, or as many in flight as it allows.
    Later,
    /// Not at all.
    No,
}

/// Up to this many members every change is told; beyond, a change by an eighth.
const TOLD_EXACTLY_MAX: u32 = 16;

/// The clients that share one subscription.
#[derive(Debug)]
pub(super) struct Group {
    /// `$share/{name}/{filter}`.
    pub(super) key: Box<str>,
    /// The filter it is on.
    pub(super) filter: u32,
    /// Its place among the groups on that filter.
    pub(super) place: u32,
    /// Those before `turn` had their turn in this round.
    members: Vec<Subscriber>,
    turn: usize,
    /// Where each client stands in `members`.
    places: HashTable<u32>,
    /// How many members the other shards were told of.
    told: u32,
}

impl Group {
    /// A group without members on a filter.
    pub(super) fn new(key: &str, filter: u32, place: u32) -> Group {
        Group {
            key: key.into(),
            filter,
            place,
            members: Vec::new(),
            turn: 0,
            places: HashTable::new(),
            told: 0,
        }
    }

    /// How many members there are.
    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    /// Adds a member that is not here yet; its turn is still to come in this round.
    pub(super) fn insert(&mut self, member: Subscriber) {
        let place = self.members.len() as u32;
        self.members.push(member);
        let members = &self.members;
        self.places
            .insert_unique(spread(member.client()), place, |place| {
                spread(members[*place as usize].client())
            });
    }

    /// Gives a member another grant.
    pub(super) fn replace(&mut self, member: Subscriber) {
        if let Some(place) = self.place_of(member.client()) {
            self.members[place] = member;
        }
    }

    /// Removes a member, in a few steps however many there are; nobody gains or loses a turn by it.
    pub(super) fn remove(&mut self, client: u32) {
        let Some(mut hole) = self.place_of(client) else {
            return;
        };
        let members = &self.members;
        let is_it = |place: &u32| *place as usize == hole;
        if let Ok(entry) = self.places.find_entry(spread(client), is_it) {
            entry.remove();
        }
        if self.places.len() * 4 < self.places.capacity() {
            let count = self.places.len() * 2;
            self.places
                .shrink_to(count, |place| spread(members[*place as usize].client()));
        }
        if hole < self.turn {
            // The last one that had its turn fills the hole, and leaves one at the border.
            self.turn -= 1;
            self.shift(self.turn, hole);
            hole = self.turn;
        }
        self.shift(self.members.len() - 1, hole);
        self.members.pop();
        if self.members.len() * 4 < self.members.capacity() {
            self.members.shrink_to(self.members.len() * 2);
        }
    }

    /// The member whose turn it is among those that can take a message: the next one that is
    /// ready, or else the next that could take it later.
    pub(super) fn pick(&mut self, usable: &mut impl FnMut(u32) -> Fit) -> Option<Subscriber> {
        let count = self.members.len();
        let (mut later, mut looks) = (None, 0);
        while looks < count.min(limits::LOOKS_MAX) {
            let place = (self.turn + looks) % count;
            looks += 1;
            match usable(self.members[place].client()) {
                Fit::Ready => {
                    self.turn = place + 1;
                    return Some(self.members[place]);
                }
                Fit::Later => later = later.or(Some(place)),
                Fit::No => {}
            }
            if later.is_some() && looks >= limits::READY_LOOKS_MAX {
                break;
            }
        }
        match later {
            Some(place) => {
                self.turn = place + 1;
                Some(self.members[place])
            }
            None => {
                self.turn = (self.turn + looks) % count.max(1);
                None
            }
        }
    }

    /// How many members the other shards should be told of now, if they should.
    pub(super) fn news(&mut self) -> Option<u32> {
        let count = self.members.len() as u32;
        let is_news = match (count, self.told) {
            (count, told) if count == told => false,
            (count, told) if count.min(told) <= TOLD_EXACTLY_MAX => true,
            (count, told) => count.abs_diff(told) >= told / 8,
        };
        is_news.then(|| {
            self.told = count;
            count
        })
    }

    fn place_of(&self, client: u32) -> Option<usize> {
        let is_it = |place: &u32| self.members[*place as usize].client() == client;
        let place = self.places.find(spread(client), is_it)?;
        Some(*place as usize)
    }

    /// Puts the member at `from` to the place `to`, whose member is gone or shifted.
    fn shift(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        let member = self.members[from];
        let is_it = |place: &u32| *place as usize == from;
        if let Some(place) = self.places.find_mut(spread(member.client()), is_it) {
            *place = to as u32;
        }
        self.members[to] = member;
    }
}

#[cfg(test)]
mod tests;
