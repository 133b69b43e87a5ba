//! Retained messages: kept on the home shard of their topic, found for new subscribers there.

use std::num::NonZeroU64;
use std::sync::Arc;

use tributary_proto::message::Message;
use tributary_proto::reason::Reason;
use tributary_proto::retained::{Cursor, Kept};
use tributary_proto::session::Delivery;
use tributary_proto::subscriptions::Grant;
use tributary_proto::topic;
use tributary_proto::version::Qos;

use super::clients::ClientRef;
use super::spread::SYS_PREFIX;
use super::world::World;
use crate::kafka::Ticket;
use crate::limits::{RETAINED_EXPIRED_PER_TICK, RETAINED_STEPS, RETAINED_WAITING_MAX};
use crate::mailbox::{Note, Search};
use crate::store::Op;

impl World {
    /// Takes a message to where its topic's retained message is kept. Says whether an answer to
    /// `claim` will come from there.
    pub(super) fn retain(&mut self, message: &Arc<Message>, claim: Option<NonZeroU64>) -> bool {
        let home = self.topic_home(&message.topic);
        if home == self.index {
            // What is written down here is answered for with the rest of the turn.
            return match (self.keep_retained(message), claim) {
                (true, _) | (false, None) => false,
                (false, Some(claim)) => {
                    self.later.push((claim, Reason::QuotaExceeded));
                    true
                }
            };
        }
        let message = Arc::clone(message);
        self.leave(home, Note::Retain { message, claim });
        claim.is_some()
    }

    /// Keeps a topic's message or forgets it when the new one is empty \[MQTT-3.3.1-6\]; false when
    /// there was no room.
    pub(super) fn keep_retained(&mut self, message: &Arc<Message>) -> bool {
        let lasts = !message.topic.starts_with(SYS_PREFIX);
        let before = self.retained_publisher(&message.topic);
        if message.payload.is_empty() {
            self.keep_no_more(before, None);
            if self.retained.clear(&message.topic) && lasts {
                let topic = message.topic.clone();
                self.keeper.write(Op::RetainedDelete { topic });
            }
            self.count_retained();
            return true;
        }
        let publisher = message.publisher;
        if !self.may_keep(publisher, before) {
            return false;
        }
        if self.retained.set(Arc::clone(message)) == Kept::Full {
            self.keep_no_more(Some(publisher), before);
            self.book().bounds_hit.add(crate::bound::RETAINED, 1);
            return false;
        }
        self.keep_no_more(before, Some(publisher));
        if lasts {
            let message = Arc::clone(message);
            self.keeper.write(Op::RetainedPut { message });
        }
        self.count_retained();
        true
    }

    /// Forgets retained messages whose time is over.
    pub(super) fn expire_retained(&mut self) {
        let now_sec = self.wall_sec();
        for _ in 0..RETAINED_EXPIRED_PER_TICK {
            let Some(message) = self.retained.expire(now_sec) else {
                return;
            };
            self.keep_no_more(Some(message.publisher), None);
            let topic = message.topic.clone();
            self.keeper.write(Op::RetainedDelete { topic });
            self.count_retained();
        }
    }

    /// The books say how much is retained before any publisher is answered.
    pub(super) fn count_retained(&self) {
        let book = self.book();
        book.retained_messages.set(self.retained.count() as u64);
        book.retained_bytes.set(self.retained.bytes() as u64);
    }

    /// Begins to look for the retained messages of a new subscription.
    pub(super) fn begin_search(&mut self, at: ClientRef, filter: &str, grant: Grant) {
        let asker = Ticket {
            shard: self.index as u8,
            generation: at.generation,
            slot: at.index,
            packet_id: 0,
        };
        let is_exact = !filter.contains(['+', '#']);
        let search = Search {
            asker: asker.word(),
            filter: filter.into(),
            from: Cursor::default(),
            qos_bits: grant.qos as u8,
            identifier: grant.identifier,
            shard: if is_exact {
                self.topic_home(filter) as u8
            } else {
                0
            },
            is_exact,
        };
        self.searches.push_back(search);
    }

    /// Sends searches on whose subscribers can take what they bring.
    pub(super) fn continue_searches(&mut self) {
        for _ in 0..self.searches.len() {
            let Some(search) = self.searches.pop_front() else {
                return;
            };
            let Some(client) = self.clients.find(asker_of(&search)) else {
                continue;
            };
            if !client.session.is_connected() {
                continue;
            }
            if client.session.undelivered_count() > RETAINED_WAITING_MAX || client.room_bytes() == 0
            {
                self.searches.push_back(search);
                continue;
            }
            let shard = usize::from(search.shard);
            if shard == self.index {
                self.search(search);
            } else {
                self.leave(shard, Note::Search(search));
            }
        }
    }

    /// Looks for one step's worth of retained messages here.
    pub(super) fn search(&mut self, mut search: Search) {
        let mut messages = Vec::new();
        let next = self.retained.find(
            &search.filter,
            &search.from,
            RETAINED_STEPS,
            self.wall_sec(),
            &mut messages,
        );
        debug_assert!(messages.len() <= RETAINED_STEPS);
        let is_last_here = next.is_none();
        search.from = next.unwrap_or_default();
        let asker = Ticket::from_word(search.asker);
        if usize::from(asker.shard) == self.index {
            return self.on_found(messages, search, is_last_here);
        }
        let found = Note::Found {
            messages,
            search,
            is_last: is_last_here,
        };
        self.leave(usize::from(asker.shard), found);
    }

    /// Retained messages for one of our subscribers came in \[MQTT-3.3.1-9\].
    pub(super) fn on_found(
        &mut self,
        messages: Vec<Arc<Message>>,
        mut search: Search,
        is_last_here: bool,
    ) {
        let at = asker_of(&search);
        if self.clients.find(at).is_none() {
            return;
        }
        let qos = Qos::from_bits(search.qos_bits).unwrap_or_default();
        if self.still_granted(at.index, &search.filter, qos).is_none() {
            return; // Other rules have come while it was looked for.
        }
        let identifiers: &[u32] = match &search.identifier {
            0 => &[],
            one => std::slice::from_ref(one),
        };
        let delivery = Delivery {
            qos,
            retain: true,
            identifiers,
            group: 0,
            receipt: None,
        };
        for message in &messages {
            debug_assert!(topic::matches(&search.filter, &message.topic));
            self.deliver(at.index, message, delivery);
        }
        if is_last_here {
            search.shard += 1;
            if search.is_exact || usize::from(search.shard) >= self.shard_count {
                return;
            }
        }
        self.searches.push_back(search);
        self.is_restless = true;
    }
}

fn asker_of(search: &Search) -> ClientRef {
    let asker = Ticket::from_word(search.asker);
    ClientRef {
        index: asker.slot,
        generation: asker.generation,
    }
}
