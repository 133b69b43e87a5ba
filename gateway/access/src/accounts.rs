//! Accounts of those who have several connections: how many there are, how often new ones come, and
//! what all of them send.
//!
//! An account exists while it counts a connection or owes something. When there is no room for one
//! more, its owner goes unbounded: to turn away everyone unknown then would let an attack from many
//! addresses shut out the fleet.

use std::hash::Hash;

use crate::bucket::{Bucket, Take};
use crate::meter::{self, Meter, Short, Tokens};
use crate::rate::Rate;
use crate::table::Table;

/// What an owner may take. What has no bound here costs nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// Connections at one time.
    pub connections_max: Option<u32>,
    pub connects: Option<Rate>,
    /// What all its connections send together.
    pub meter: meter::Terms,
}

/// What became of a connection that wants to come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Entry {
    /// It counts: say [`Accounts::leave`] when it goes.
    Counted,
    /// It is let in and does not count, since connections are not bounded.
    Free,
    /// The same, since there was no room for its account.
    Unknown,
    /// Its owner has all the connections that it may have.
    TooMany,
    /// Its owner's connections come too fast.
    TooFast,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    connections: u32,
    connects: Bucket,
    meter: Meter,
}

const _: () = assert!(size_of::<Account>() == 32);

impl Account {
    fn is_spent(&self, now_millis: u64, terms: &Terms) -> bool {
        let connects = terms.connects.as_ref();
        self.connections == 0
            && connects.is_none_or(|rate| self.connects.is_full(now_millis, rate))
            && self.meter.is_full(now_millis, &terms.meter)
    }

    fn enter(&mut self, now_millis: u64, has_place: bool, terms: &Terms) -> Entry {
        let max = terms.connections_max;
        if max.is_some_and(|max| !has_place && self.connections >= max) {
            return Entry::TooMany;
        }
        if let Some(rate) = &terms.connects
            && self.connects.take(now_millis, 1, rate) != Take::Taken
        {
            return Entry::TooFast;
        }
        if max.is_none() {
            return Entry::Free;
        }
        self.connections += 1;
        Entry::Counted
    }
}

/// The accounts of many owners under one set of terms.
#[derive(Debug)]
pub struct Accounts<K> {
    terms: Terms,
    table: Table<K, Account>,
}

impl<K: Hash + Eq> Accounts<K> {
    /// Accounts of at most so many owners. Nobody outside should know `hash_key`.
    pub fn new(terms: Terms, keys_max: usize, hash_key: u64) -> Accounts<K> {
        Accounts {
            terms,
            table: Table::new(keys_max, hash_key),
        }
    }

    /// A connection wants to come in. One that takes the place of another of the same owner
    /// `has_place`: that one still has to leave.
    pub fn enter(&mut self, now_millis: u64, key: K, has_place: bool) -> Entry {
        let terms = self.terms;
        self.change(
            now_millis,
            key,
            |account| account.enter(now_millis, has_place, &terms),
            Entry::Unknown,
        )
    }

    /// A connection that counted has gone.
    pub fn leave(&mut self, now_millis: u64, key: &K) {
        let Some(account) = self.table.find_mut(key) else {
            return;
        };
        debug_assert!(account.connections > 0, "who leaves has entered");
        account.connections = account.connections.saturating_sub(1);
        if account.is_spent(now_millis, &self.terms) {
            self.table.forget(key);
        }
    }

    /// See [`Meter::grab`]; an owner for whom there is no room gets all that it wants.
    pub fn grab(
        &mut self,
        now_millis: u64,
        key: K,
        least: Tokens,
        want: Tokens,
    ) -> Result<Tokens, Short> {
        let terms = self.terms.meter;
        self.change(
            now_millis,
            key,
            |account| account.meter.grab(now_millis, least, want, &terms),
            Ok(want),
        )
    }

    /// See [`Meter::give_back`].
    pub fn give_back(&mut self, key: &K, tokens: Tokens) {
        if let Some(account) = self.table.find_mut(key) {
            account.meter.give_back(tokens, &self.terms.meter);
        }
    }

    /// Forgets accounts with nothing in them among the next `count`, and says how many were.
    pub fn sweep(&mut self, now_millis: u64, count: usize) -> usize {
        let terms = self.terms;
        self.table
            .sweep(count, |account| account.is_spent(now_millis, &terms))
    }

    /// Connections of one owner that count.
    pub fn connections(&self, key: &K) -> u32 {
        self.table
            .find(key)
            .map_or(0, |account| account.connections)
    }

    /// Owners with an account.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nobody has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }

    fn change<T>(
        &mut self,
        now_millis: u64,
        key: K,
        change: impl FnOnce(&mut Account) -> T,
        unknown: T,
    ) -> T {
        if let Some(account) = self.table.find_mut(&key) {
            return change(account);
        }
        let mut account = Account::default();
        let changed = change(&mut account);
        let terms = self.terms;
        if account.is_spent(now_millis, &terms) {
            return changed;
        }
        let is_spent = |account: &Account| account.is_spent(now_millis, &terms);
        match self.table.insert(key, account, is_spent) {
            Ok(()) => changed,
            Err(_) => unknown,
        }
    }
}

#[cfg(test)]
mod tests;
