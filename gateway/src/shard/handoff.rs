//! Hand-off: records of Kafka topics for the devices of this shard, until each has them.
//!
//! ```text
//!  reader --command--> tray of the device --give--> session --PUBLISH--> device
//!    ^                  ^   waits, offline       |        <--PUBACK, PUBREC--'
//!    |                  '-------- back ----------+   the session ended, or dropped it
//!    '---- fate: handed off, or dropped and why -'
//! ```
//!
//! Only a device for which something waits has a tray: an idle client costs nothing here.

mod arrivals;
mod tray;

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::num::NonZeroU32;
use std::sync::Arc;

use tributary_proto::session::{Delivered, Delivery, Handed, Loss};
use tributary_proto::version::Qos;

use super::offer::HANDOFF_SLOT;
use super::world::World;
use crate::kafka::Ticket;
use crate::kafka::downlink::{CaughtUp, Command, Dropped, Fate, Origin, Withdrawal};
use arrivals::Arrivals;
use tray::Tray;

/// What waits for the devices of one shard.
#[derive(Default)]
pub(super) struct Handoff {
    trays: HashMap<Arc<str>, Tray>,
    /// Whose commands are with sessions, by the numbers that these tell of them.
    given: HashMap<NonZeroU32, Arc<str>>,
    last_number: u32,
    /// Devices to look at when the turn ends.
    due: Vec<Arc<str>>,
    /// Devices whose session took no more.
    blocked: Vec<Arc<str>>,
    arrivals: Arrivals,
    /// Devices that have come too recently for what waits.
    held: Vec<Arc<str>>,
    /// When commands expire, and whose.
    expiries: BTreeMap<u32, Vec<Arc<str>>>,
    /// Commands for everyone that are not safe with the store yet.
    unsafe_yet: HashMap<u64, Origin>,
    unsafe_count: u32,
}

impl Handoff {
    /// Whether nothing is kept for anyone.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.trays.is_empty() && self.given.is_empty() && self.unsafe_yet.is_empty()
    }

    fn arrive(&mut self, device: Arc<str>, command: Command, now_sec: u32) {
        self.arrivals.meet(&command);
        let expires_at_sec = command.message.expires_at_sec;
        if expires_at_sec != tributary_proto::message::Message::NEVER {
            let expiring = self.expiries.entry(expires_at_sec).or_default();
            expiring.push(Arc::clone(&device));
        }
        let tray = self.trays.entry(Arc::clone(&device)).or_default();
        tray.arrive(command, now_sec);
        self.look_at(&device);
    }

    /// Looks at a device when the turn ends.
    fn look_at(&mut self, device: &Arc<str>) {
        let Some(tray) = self.trays.get_mut(device) else {
            return;
        };
        if !mem::replace(&mut tray.is_due, true) {
            self.due.push(Arc::clone(device));
        }
    }

    /// Looks anew at a device that has come, or has subscribed.
    fn welcome(&mut self, device: &str) {
        let Some((device, tray)) = self.trays.get_key_value(device) else {
            return;
        };
        let device = Arc::clone(device);
        debug_assert!(!tray.is_empty());
        if let Some(tray) = self.trays.get_mut(&device) {
            tray.look_anew();
        }
        self.look_at(&device);
    }

    /// A number for a command that goes to a session.
    fn take_number(&mut self) -> NonZeroU32 {
        loop {
            self.last_number = self.last_number.wrapping_add(1);
            if let Some(number) = NonZeroU32::new(self.last_number)
                && !self.given.contains_key(&number)
            {
                return number;
            }
        }
    }

    /// What became of a command that went to a session.
    fn on_handed(&mut self, number: NonZeroU32, handed: Handed) {
        let Some(device) = self.given.remove(&number) else {
            return;
        };
        if let Some(tray) = self.trays.get_mut(&device) {
            tray.on_handed(number, fate(handed));
        }
        self.look_at(&device);
    }

    /// Forgets a command that its reader has given up.
    pub(super) fn on_withdrawal(&mut self, withdrawal: &Withdrawal) {
        if let Some(tray) = self.trays.get_mut(&withdrawal.device) {
            tray.withdraw(&withdrawal.origin);
        }
        self.look_at(&withdrawal.device);
    }

    /// What waits for devices that came a while ago may go to them.
    pub(super) fn on_caught_up(&mut self, caught_up: &CaughtUp) {
        self.arrivals.on_caught_up(caught_up);
        for device in mem::take(&mut self.held) {
            if let Some(tray) = self.trays.get_mut(&device) {
                tray.is_held = false;
            }
            self.look_at(&device);
        }
    }

    /// Holds what waits for a device back until a reader has caught up.
    fn hold(&mut self, device: &Arc<str>) {
        if let Some(tray) = self.trays.get_mut(device)
            && !mem::replace(&mut tray.is_held, true)
        {
            self.held.push(Arc::clone(device));
        }
    }

    /// Sessions that took no more may do so again.
    pub(super) fn on_tick(&mut self) {
        for device in mem::take(&mut self.blocked) {
            if let Some(tray) = self.trays.get_mut(&device) {
                tray.is_blocked = false;
            }
            self.look_at(&device);
        }
    }

    /// A command for everyone is safe with the store.
    pub(super) fn on_safe(&mut self, word: u64) {
        if let Some(origin) = self.unsafe_yet.remove(&word) {
            origin.tell(Fate::HandedOff);
        }
    }

    fn expire(&mut self, now_sec: u32) {
        while let Some(entry) = self.expiries.first_entry()
            && *entry.key() <= now_sec
        {
            for device in entry.remove() {
                if let Some(tray) = self.trays.get_mut(&device) {
                    tray.expire(now_sec);
                }
                self.look_at(&device);
            }
        }
    }
}

impl World {
    /// A record for a device of ours, or for everyone.
    pub(super) fn on_command(&mut self, command: Command) {
        let now_sec = self.wall_sec();
        match command.device.clone() {
            Some(device) => self.handoff.arrive(device, command, now_sec),
            None => self.on_broadcast(command),
        }
    }

    /// A record for everyone goes to our own subscribers as any message does; every shard gets it.
    fn on_broadcast(&mut self, command: Command) {
        let message = command.message;
        if command.is_tombstone {
            return command.origin.tell(Fate::Dropped(Dropped::Tombstone));
        }
        self.find_reach(&message.topic);
        self.deliver_found(&message);
        // One member of each group gets it, so one shard sees to that.
        if command.origin.partition() % self.shard_count == self.index {
            let groups = mem::take(&mut self.reach.groups);
            for group in &groups {
                self.spread_to_group(&message, *group, None);
            }
            self.reach.groups = groups;
        }
        if !self.keeper.is_waiting() {
            return command.origin.tell(Fate::HandedOff);
        }
        let word = self.next_unsafe_word();
        if let Some(claim) = std::num::NonZeroU64::new(word) {
            self.handoff.unsafe_yet.insert(word, command.origin);
            self.keeper.settle_with_batch(claim);
        }
    }

    /// A ticket for a command that the store must have first.
    fn next_unsafe_word(&mut self) -> u64 {
        self.handoff.unsafe_count = self.handoff.unsafe_count.wrapping_add(1);
        let count = self.handoff.unsafe_count;
        Ticket {
            shard: self.index as u8,
            generation: (count >> 16) as u16,
            slot: HANDOFF_SLOT,
            packet_id: count as u16,
        }
        .word()
    }

    /// A client has come, or has subscribed: it gets what waits for it when the turn ends.
    pub(super) fn await_hand_off(&mut self, index: u32) {
        self.handoff.arrivals.on_arrival(index);
        if self.handoff.trays.is_empty() {
            return;
        }
        if let Some(client) = self.clients.look(index) {
            self.handoff.welcome(&client.id);
        }
    }

    /// Takes in what became of commands with sessions, and gives them what waits.
    pub(super) fn hand_off(&mut self) {
        self.take_handed();
        while let Some(device) = self.handoff.due.pop() {
            self.hand_off_to(&device);
            self.take_handed();
        }
    }

    fn take_handed(&mut self) {
        while let Some((number, handed)) = self.commons.handed.pop() {
            self.handoff.on_handed(number, handed);
        }
    }

    fn hand_off_to(&mut self, device: &Arc<str>) {
        let now_sec = self.wall_sec();
        let Some(tray) = self.handoff.trays.get_mut(device) else {
            return;
        };
        tray.is_due = false;
        tray.expire(now_sec);
        if let Some(index) = self.clients.by_id(device) {
            let mut from = 0;
            while let Some(next) = self.hand_off_one(index, device, from) {
                from = next;
            }
        }
        let trays = &mut self.handoff.trays;
        if trays.get(device).is_some_and(Tray::is_empty) {
            trays.remove(device);
        }
    }

    /// Gives the next command from a place on to its session; says where to go on.
    fn hand_off_one(&mut self, index: u32, device: &Arc<str>, from: usize) -> Option<usize> {
        let client = self.clients.look(index)?;
        if !client.session.is_connected() {
            return None;
        }
        let (place, command) = self.handoff.trays.get(device)?.next_from(from)?;
        if !self.handoff.arrivals.may_have(index, command) {
            self.handoff.hold(device);
            return Some(place + 1);
        }
        let message = Arc::clone(&command.message);
        self.find_own(&message.topic);
        let found = mem::take(&mut self.found);
        let mut receivers = found.receivers();
        let next = match receivers.find(|receiver| receiver.client == index) {
            None => {
                self.handoff.trays.get_mut(device)?.pass_over(place);
                Some(place + 1)
            }
            Some(receiver) => {
                let number = self.handoff.take_number();
                self.handoff.trays.get_mut(device)?.give(place, number);
                self.handoff.given.insert(number, Arc::clone(device));
                let delivery = Delivery {
                    qos: receiver.qos,
                    retain: false,
                    identifiers: receiver.identifiers,
                    group: 0,
                    receipt: Some(number),
                };
                let delivered = self.try_deliver(index, &message, delivery);
                let is_loose = receiver.qos.min(message.qos) == Qos::AtMostOnce;
                self.on_delivered(device, number, delivered, is_loose);
                Some(place)
            }
        };
        drop(receivers);
        self.found = found;
        next
    }

    /// What a session has said at once of a command that it was given.
    fn on_delivered(
        &mut self,
        device: &Arc<str>,
        number: NonZeroU32,
        delivered: Delivered,
        is_loose: bool,
    ) {
        let handed = match delivered {
            Delivered::Sent if is_loose => Handed::Over,
            Delivered::Sent | Delivered::Queued => return,
            Delivered::Dropped(loss) => Handed::Lost(loss),
            Delivered::Full => Handed::Back,
        };
        self.handoff.on_handed(number, handed);
        if fate(handed).is_none()
            && let Some(tray) = self.handoff.trays.get_mut(device)
        {
            tray.is_blocked = true;
            self.handoff.blocked.push(Arc::clone(device));
        }
    }

    /// Drops commands whose time is over, whether or not their device is there.
    pub(super) fn expire_commands(&mut self) {
        let now_sec = self.wall_sec();
        self.handoff.expire(now_sec);
    }
}

/// What the origin of a command is told; nothing when it goes again.
fn fate(handed: Handed) -> Option<Fate> {
    let loss = match handed {
        Handed::Over => return Some(Fate::HandedOff),
        Handed::Back => return None,
        Handed::Lost(loss) => loss,
    };
    match loss {
        Loss::Expired => Some(Fate::Dropped(Dropped::Expired)),
        Loss::TooLarge => Some(Fate::Dropped(Dropped::TooLarge)),
        Loss::Refused => Some(Fate::Dropped(Dropped::Refused)),
        // The session had no room, or no connection: it may have later.
        Loss::QueueFull | Loss::Offline | Loss::Slow | Loss::Ended => None,
    }
}
