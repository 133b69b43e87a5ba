//! Quotas: how much clients, users, addresses and the node may take, and the accounts of those that
//! several shards have a part in.
//!
//! ```text
//!  client    on its home shard alone          meters by client id, only while something is owed
//!  user      ┐                                ┌ shared accounts, by stripes: connections, rates
//!  address   ┼ on all shards -- small lots -- ┤
//!  node      ┘   of tokens, for 1/10 s        └ one account
//! ```
//!
//! A shard borrows tokens in lots, so that it touches shared memory ten times a second and not with
//! every message.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tributary_access::accounts::{self, Accounts, Entry};
use tributary_access::address::Grouping;
use tributary_access::holdoffs;
use tributary_access::meter::{self, Short, Tokens};

use crate::limits::{QUOTA_KEYS_MAX, QUOTA_STRIPES, QUOTA_SWEEP_PER_TICK};

/// What becomes of a message that is over a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// Its socket is read later.
    #[default]
    Slow,
    /// It is refused with 0x97, or dropped where nothing can be said.
    Refuse,
    /// The connection ends.
    Close,
}

/// How much may be sent, and what becomes of the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    pub meter: meter::Terms,
    pub over: Over,
}

/// What an owner of several connections may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub accounts: accounts::Terms,
    pub over: Over,
}

impl Share {
    /// Whether connections have to be told apart by owner when they come.
    pub fn bounds_connections(&self) -> bool {
        self.accounts.connections_max.is_some() || self.accounts.connects.is_some()
    }
}

/// Every quota there is; what is absent costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    pub client: Option<Flow>,
    /// Retained messages of one client.
    pub retained_max: Option<u32>,
    pub user: Option<Share>,
    pub address: Option<(Grouping, Share)>,
    pub node: Option<Flow>,
    pub flapping: Option<holdoffs::Terms>,
}

impl Terms {
    /// Whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        *self == Terms::default()
    }
}

/// Whose quota it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Client,
    User,
    Address,
    Node,
}

/// A quota that was hit, each with one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    Messages(Level),
    Bytes(Level),
    /// All connections that there may be are there.
    Connections(Level),
    /// Connections come too fast.
    Connects(Level),
    /// One client comes over and over.
    Flapping,
    /// All retained messages that a client may have are there.
    Retained,
}

/// The names of all hits, in the order of [`Hit::index`].
pub const NAMES: &[&str] = &[
    "client_publishes",
    "client_bytes",
    "user_publishes",
    "user_bytes",
    "address_publishes",
    "address_bytes",
    "node_publishes",
    "node_bytes",
    "user_connections",
    "user_connects",
    "address_connections",
    "address_connects",
    "flapping",
    "client_retained",
];

impl Hit {
    /// What a meter was short of.
    pub fn of(short: Short, level: Level) -> Self {
        match short {
            Short::Messages(_) => Self::Messages(level),
            Short::Bytes(_) => Self::Bytes(level),
        }
    }

    /// Place of this hit in [`NAMES`].
    pub fn index(self) -> usize {
        match self {
            Self::Messages(level) => 2 * level as usize,
            Self::Bytes(level) => 2 * level as usize + 1,
            // Only users and addresses have connections to count.
            Self::Connections(Level::Address) => 10,
            Self::Connects(Level::Address) => 11,
            Self::Connections(_) => 8,
            Self::Connects(_) => 9,
            Self::Flapping => 12,
            Self::Retained => 13,
        }
    }

    /// The name of this hit.
    pub fn name(self) -> &'static str {
        NAMES[self.index()]
    }
}

/// The accounts of one level, shared by all shards.
#[derive(Debug)]
pub struct Shared {
    stripes: Box<[Mutex<Accounts<u64>>]>,
}

impl Shared {
    fn new(terms: accounts::Terms, stripes: usize, hash_key: u64) -> Self {
        let keys_max = QUOTA_KEYS_MAX / stripes;
        let stripes = (0..stripes as u64)
            .map(|stripe| Accounts::new(terms, keys_max, hash_key ^ stripe))
            .map(Mutex::new);
        Self {
            stripes: stripes.collect(),
        }
    }

    /// See [`Accounts::enter`].
    pub fn enter(&self, now_millis: u64, key: u64, has_place: bool) -> Entry {
        self.stripe(key).enter(now_millis, key, has_place)
    }

    /// See [`Accounts::leave`].
    pub fn leave(&self, now_millis: u64, key: u64) {
        self.stripe(key).leave(now_millis, &key);
    }

    /// See [`Accounts::grab`].
    pub fn grab(
        &self,
        now_millis: u64,
        key: u64,
        least: Tokens,
        want: Tokens,
    ) -> Result<Tokens, Short> {
        self.stripe(key).grab(now_millis, key, least, want)
    }

    /// See [`Accounts::give_back`].
    pub fn give_back(&self, key: u64, tokens: Tokens) {
        self.stripe(key).give_back(&key, tokens);
    }

    /// Forgets some accounts that nothing is in; each tick looks at another stripe.
    pub fn sweep(&self, now_millis: u64, tick: u32) {
        let stripe = &self.stripes[tick as usize % self.stripes.len()];
        lock(stripe).sweep(now_millis, QUOTA_SWEEP_PER_TICK);
    }

    /// Connections of one owner that count.
    pub fn connections(&self, key: u64) -> u32 {
        self.stripe(key).connections(&key)
    }

    /// Owners with an account.
    pub fn len(&self) -> usize {
        self.stripes.iter().map(|stripe| lock(stripe).len()).sum()
    }

    /// Whether nobody has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn stripe(&self, key: u64) -> MutexGuard<'_, Accounts<u64>> {
        // The table within takes other bits of the hash that it makes of this.
        lock(&self.stripes[(key >> 32) as usize % self.stripes.len()])
    }
}

/// Accounts stay whole whatever happens under the lock: each change is one assignment.
fn lock(stripe: &Mutex<Accounts<u64>>) -> MutexGuard<'_, Accounts<u64>> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The accounts of all levels that several shards have a part in.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub user: Option<Arc<Shared>>,
    pub address: Option<Arc<Shared>>,
    pub node: Option<Arc<Shared>>,
    /// Retained messages, counted as connections are.
    pub kept: Option<Arc<Shared>>,
}

impl Ledger {
    /// Empty accounts; nobody outside should know `hash_key`.
    pub fn new(terms: &Terms, hash_key: u64) -> Self {
        let several = |share: Share| Arc::new(Shared::new(share.accounts, QUOTA_STRIPES, hash_key));
        let kept = terms.retained_max.map(|max| Share {
            accounts: accounts::Terms {
                connections_max: Some(max),
                ..accounts::Terms::default()
            },
            over: Over::Refuse,
        });
        let node = terms.node.map(|flow| accounts::Terms {
            meter: flow.meter,
            ..accounts::Terms::default()
        });
        Self {
            user: terms.user.map(several),
            address: terms.address.map(|(_, share)| several(share)),
            kept: kept.map(several),
            node: node.map(|terms| Arc::new(Shared::new(terms, 1, hash_key))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_access::rate::Rate;

    #[test]
    fn every_hit_has_its_own_place() {
        let levels = [Level::Client, Level::User, Level::Address, Level::Node];
        let flows = levels
            .into_iter()
            .flat_map(|level| [Hit::Messages(level), Hit::Bytes(level)]);
        let owners = [Level::User, Level::Address];
        let owners = owners
            .into_iter()
            .flat_map(|level| [Hit::Connections(level), Hit::Connects(level)]);
        let all: Vec<Hit> = flows
            .chain(owners)
            .chain([Hit::Flapping, Hit::Retained])
            .collect();
        assert_eq!(all.len(), NAMES.len());
        for (place, hit) in all.into_iter().enumerate() {
            assert_eq!(hit.index(), place, "{hit:?}");
        }
        assert_eq!(Hit::Connects(Level::User).name(), "user_connects");
        assert_eq!(Hit::Bytes(Level::Node).name(), "node_bytes");
    }

    #[test]
    fn threads_that_share_an_account_get_no_more_than_it_has_together() {
        let share = Share {
            accounts: accounts::Terms {
                connections_max: Some(100),
                connects: None,
                meter: meter::Terms {
                    messages: Some(Rate::per_sec(1, 1_000).expect("in bounds")),
                    bytes: None,
                },
            },
            over: Over::Slow,
        };
        let terms = Terms {
            user: Some(share),
            ..Terms::default()
        };
        let ledger = Ledger::new(&terms, 7);
        let user = ledger.user.as_ref().expect("it is bounded");
        let one = Tokens {
            messages: 1,
            bytes: 1,
        };
        let work = || {
            let counted = (0..300).filter(|_| user.enter(0, 42, false) == Entry::Counted);
            let counted = counted.count();
            let granted = (0..2_000).filter(|_| user.grab(0, 42, one, one).is_ok());
            (counted, granted.count())
        };
        let sums = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            let done = threads
                .into_iter()
                .map(|thread| thread.join().expect("it ends"));
            done.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
        });
        assert_eq!(sums, (100, 1_000));
        assert_eq!(user.connections(42), 100);
        (0..100).for_each(|_| user.leave(0, 42));
        (0..QUOTA_STRIPES as u32).for_each(|tick| user.sweep(1_000_000, tick));
        assert!(user.is_empty());
    }
}
