//! Quotas at the door: connections of a user and of an address, how fast they come, and clients
//! that come over and over.

use std::hash::BuildHasher;
use std::net::IpAddr;

use tributary_access::accounts::Entry;
use tributary_access::address::AddressGroup;
use tributary_access::holdoffs::Note;
use tributary_proto::close::Close;
use tributary_proto::packet::Connect;
use tributary_proto::reason::Reason;
use tributary_proto::session;

use super::lots::Lots;
use super::owner::{Owner, Owners};
use super::{Quota, Rules, millis};
use crate::bound;
use crate::limits::TICKS_PER_SEC;
use crate::quota::{Hit, Level};
use crate::shard::admit::Entrance;
use crate::shard::prove::Proof;
use crate::shard::world::{Order, Socket, World};

impl Quota {
    /// Whether it must be known from where connections come.
    pub(in crate::shard) fn asks_address(&self) -> bool {
        self.0.as_ref().is_some_and(|rules| rules.address.is_some())
    }

    /// The newcomer that was let in last has this place.
    pub(in crate::shard) fn seat(&mut self, index: u32) {
        let Some(rules) = &mut self.0 else {
            return;
        };
        let place = index as usize;
        let claim = std::mem::take(&mut rules.claim);
        if claim != Owners::default() && rules.owners.len() <= place {
            rules.owners.resize(place + 1, Owners::default());
        }
        if let Some(owners) = rules.owners.get_mut(place) {
            *owners = claim;
        }
    }

    /// A client has gone.
    pub(in crate::shard) fn leave(&mut self, index: u32, now_tick: u32) {
        let Some(rules) = &mut self.0 else {
            return;
        };
        if let Some(owners) = rules.owners.get_mut(index as usize) {
            let owners = std::mem::take(owners);
            rules.release(owners, now_tick);
        }
    }

    /// A stranger has gone or was turned away, though it may have counted already.
    pub(in crate::shard) fn drop_claim(&mut self, now_tick: u32) {
        if let Some(rules) = &mut self.0 {
            let claim = std::mem::take(&mut rules.claim);
            rules.release(claim, now_tick);
        }
    }
}

impl World {
    /// Turns a newcomer away that is over a quota; else it counts from now on, and takes its place
    /// or is turned away for another reason within this turn. `earlier` has the same client id.
    pub(in crate::shard) fn turn_away_over_quota(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        proof: &Option<Proof>,
        earlier: Option<u32>,
        address: Option<IpAddr>,
    ) -> Option<Entrance> {
        let proven = proof.as_ref().and_then(|proof| proof.user.as_deref());
        let user = proven.or(connect.user_name);
        let now_tick = self.now_tick;
        self.quota.drop_claim(now_tick);
        let rules = self.quota.0.as_mut()?;
        let connected = earlier.filter(|index| {
            let client = self.clients.look(*index);
            client.is_some_and(|client| client.session.is_connected())
        });
        let entered = rules.enter(address, connect.client_id, user, connected, now_tick);
        if let Ok(unknown_count @ 1..) = entered {
            self.book().bounds_hit.add(bound::QUOTA, unknown_count);
        }
        let hit = entered.err()?;
        self.book().quota_hits.add(hit.index(), 1);
        if self.lines.budget.allows(now_tick / TICKS_PER_SEC) {
            let (client, quota, shard) = (connect.client_id, hit.name(), self.index);
            let address = self.whence_stranger(socket);
            let address = address.as_deref();
            tracing::info!(
                quota,
                client,
                user,
                address,
                shard,
                "turned away over a quota"
            );
        }
        let mut last_words = Vec::new();
        session::turn_away(connect.version, told(hit), None, &mut last_words);
        let entrance = self.turn_away(socket, Close::ConnectRefused, last_words);
        // Whoever waits for its CONNACK needs no time to read it; the slot is needed at once.
        if let Some(Order::Close { linger, .. }) = self.orders.last_mut() {
            *linger = false;
        }
        Some(entrance)
    }
}

/// What CONNACK says.
fn told(hit: Hit) -> Reason {
    match hit {
        Hit::Connects(_) | Hit::Flapping => Reason::ConnectionRateExceeded,
        _ => Reason::QuotaExceeded,
    }
}

impl Rules {
    fn owner_of(&self, group: AddressGroup) -> Owner {
        Owner::of(&self.hasher, group.first().to_string().as_bytes())
    }

    /// Asks every quota that a newcomer is under; says how many had no room for its account.
    fn enter(
        &mut self,
        address: Option<IpAddr>,
        client_id: &str,
        user: Option<&str>,
        connected: Option<u32>,
        now_tick: u32,
    ) -> Result<u64, Hit> {
        let address = address.filter(|_| self.address.is_some());
        let address = address.map(|address| self.owner_of(self.grouping.of(address)));
        let user = user.filter(|_| self.user.is_some());
        let user = user.map(|user| Owner::of(&self.hasher, user.as_bytes()));
        let unknown_count = self.watch(client_id, now_tick)?;
        let earlier = connected.and_then(|index| self.owners.get(index as usize));
        let earlier = earlier.copied().unwrap_or_default();
        let unknown = |entry| u64::from(entry == Entry::Unknown);
        let level = (Level::Address, &self.address);
        let (address, entry) = ask(
            level,
            address.unwrap_or_default(),
            earlier.address,
            now_tick,
        )?;
        self.claim.address = address;
        let unknown_count = unknown_count + unknown(entry);
        let level = (Level::User, &self.user);
        let (user, entry) = ask(level, user.unwrap_or_default(), earlier.user, now_tick)?;
        self.claim.user = user;
        Ok(unknown_count + unknown(entry))
    }

    /// Notes that a client comes; says 1 when there is no room to watch it.
    fn watch(&mut self, client_id: &str, now_tick: u32) -> Result<u64, Hit> {
        let Some(holdoffs) = self.flapping.as_mut().filter(|_| !client_id.is_empty()) else {
            return Ok(0);
        };
        match holdoffs.note(millis(now_tick), self.hasher.hash_one(client_id)) {
            Ok(Note::Fine) => Ok(0),
            Ok(Note::Held(_)) => Err(Hit::Flapping),
            // Whoever is watched already stays so; to turn all others away would be worse.
            Err(_) => Ok(1),
        }
    }

    fn release(&mut self, owners: Owners, now_tick: u32) {
        let levels = [(&self.user, owners.user), (&self.address, owners.address)];
        for (lots, owner) in levels {
            if let (Some(lots), Some(key)) = (lots, owner.counted_key()) {
                lots.shared.leave(millis(now_tick), key);
            }
        }
    }
}

/// A connection of an owner wants to come in; `before` owns the one whose place it takes.
fn ask(
    (level, lots): (Level, &Option<Lots>),
    owner: Owner,
    before: Owner,
    now_tick: u32,
) -> Result<(Owner, Entry), Hit> {
    let (Some(lots), Some(key)) = (lots, owner.key()) else {
        return Ok((owner, Entry::Free));
    };
    let has_place = before.counted_key() == Some(key);
    match lots.shared.enter(millis(now_tick), key, has_place) {
        Entry::Counted => Ok((owner.counting(), Entry::Counted)),
        entry @ (Entry::Free | Entry::Unknown) => Ok((owner, entry)),
        Entry::TooMany => Err(Hit::Connections(level)),
        Entry::TooFast => Err(Hit::Connects(level)),
    }
}
