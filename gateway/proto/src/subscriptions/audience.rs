//! Who subscribed to one filter.

use hashbrown::HashTable;

use super::grant::{GRANT_BITS, Grant};
use super::hasher::spread;
use super::limits;

/// A client and what it was granted, in one word.
///
/// ```text
///   31  29 28   24 23       0
/// [   0   | grant | client   ]
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Subscriber(u32);

const GRANT_AT: u32 = 24;
const CLIENT: u32 = (1 << GRANT_AT) - 1;

const _: () = assert!(limits::CLIENTS_PER_SHARD_MAX == 1 << GRANT_AT);
const _: () = assert!(GRANT_AT + GRANT_BITS <= u32::BITS);

impl Subscriber {
    /// A client with its grant.
    pub(super) fn new(client: u32, grant: Grant) -> Subscriber {
        Subscriber::with_bits(client, grant.bits())
    }

    /// A client with the bits of its grant.
    #[inline]
    pub(super) fn with_bits(client: u32, bits: u32) -> Subscriber {
        debug_assert!(client <= CLIENT);
        Subscriber(bits << GRANT_AT | client & CLIENT)
    }

    /// Whose place in the slab this is.
    #[inline]
    pub(super) fn client(self) -> u32 {
        self.0 & CLIENT
    }

    /// The bits of its grant.
    #[inline]
    pub(super) fn grant_bits(self) -> u32 {
        self.0 >> GRANT_AT
    }
}

/// The subscribers of a filter, and the groups on it.
///
/// Most filters have one subscriber. Where there are many, each is found and removed in one step,
/// however many there are: a million of them may leave at once.
#[derive(Debug)]
pub(super) enum Audience {
    /// Nobody yet, or nobody any more.
    Nobody,
    /// One subscriber, no group.
    One(Subscriber),
    /// Any number of either.
    Crowd(Box<Crowd>),
    /// The owners of a template, who are found by their client ids.
    Owners {
        /// How many they are.
        count: u32,
        /// The level that is the client id.
        level: u8,
    },
}

const _: () = assert!(size_of::<Audience>() == 16);

/// Many subscribers, or groups.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// The subscribers.
    pub(super) members: HashTable<Subscriber>,
    /// The groups by their numbers.
    pub(super) groups: Vec<u32>,
}

impl Audience {
    /// Adds a subscriber that is not here yet; says whether it is the first.
    pub(super) fn insert(&mut self, subscriber: Subscriber) -> bool {
        match self {
            Audience::Nobody => {
                *self = Audience::One(subscriber);
                true
            }
            Audience::One(_) => self.crowd().insert(subscriber),
            Audience::Crowd(crowd) => crowd.insert(subscriber),
            Audience::Owners { count, .. } => {
                *count += 1;
                *count == 1
            }
        }
    }

    /// Gives a subscriber that is here another grant.
    pub(super) fn replace(&mut self, subscriber: Subscriber) {
        match self {
            Audience::One(only) => *only = subscriber,
            Audience::Crowd(crowd) => {
                let is_client = |other: &Subscriber| other.client() == subscriber.client();
                if let Some(old) = crowd
                    .members
                    .find_mut(spread(subscriber.client()), is_client)
                {
                    *old = subscriber;
                }
            }
            Audience::Nobody | Audience::Owners { .. } => {}
        }
    }

    /// Removes a subscriber that is here; says whether it was the last.
    pub(super) fn remove(&mut self, client: u32) -> bool {
        match self {
            Audience::Nobody => false,
            Audience::One(_) => {
                *self = Audience::Nobody;
                true
            }
            Audience::Crowd(crowd) => {
                let was_last = crowd.remove(client);
                self.settle();
                was_last
            }
            Audience::Owners { count, .. } => {
                *count -= 1;
                *count == 0
            }
        }
    }

    /// This audience as a crowd.
    pub(super) fn crowd(&mut self) -> &mut Crowd {
        if !matches!(self, Audience::Crowd(_)) {
            let mut crowd = Box::<Crowd>::default();
            if let Audience::One(only) = *self {
                crowd.insert(only);
            }
            *self = Audience::Crowd(crowd);
        }
        match self {
            Audience::Crowd(crowd) => crowd,
            _ => unreachable!("it was made one above"),
        }
    }

    /// Gives a crowd's memory back where less will do.
    pub(super) fn settle(&mut self) {
        if let Audience::Crowd(crowd) = self
            && crowd.groups.is_empty()
        {
            match crowd.members.len() {
                0 => *self = Audience::Nobody,
                1 => {
                    let only = crowd.members.iter().next().copied();
                    *self = only.map_or(Audience::Nobody, Audience::One);
                }
                _ => {}
            }
        }
    }

    /// Whether there is neither subscriber nor group.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Audience::Nobody | Audience::Owners { count: 0, .. })
    }
}

impl Crowd {
    fn insert(&mut self, subscriber: Subscriber) -> bool {
        let hash = |subscriber: &Subscriber| spread(subscriber.client());
        self.members
            .insert_unique(hash(&subscriber), subscriber, hash);
        self.members.len() == 1
    }

    fn remove(&mut self, client: u32) -> bool {
        let is_client = |other: &Subscriber| other.client() == client;
        let Ok(entry) = self.members.find_entry(spread(client), is_client) else {
            return false;
        };
        entry.remove();
        let (count, room) = (self.members.len(), self.members.capacity());
        if count * 4 < room {
            self.members
                .shrink_to(count * 2, |other| spread(other.client()));
        }
        count == 0
    }
}
