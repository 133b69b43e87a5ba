//! Down: a message to every subscriber of this shard, and what that leads to for each.

use std::mem;
use std::sync::Arc;

use tributary_proto::close::Close;
use tributary_proto::message::Message;
use tributary_proto::session::{Delivered, Delivery, Loss};

use super::world::{World, context};

impl World {
    /// Gives a message to everyone on this shard whose own subscriptions match.
    pub(super) fn fan_out(&mut self, message: &Arc<Message>) {
        self.find_own(&message.topic);
        self.deliver_found(message);
    }

    /// Finds our own subscribers of a topic.
    pub(super) fn find_own(&mut self, topic: &str) {
        let (clients, subscriptions) = (&self.clients, &mut self.subscriptions);
        let mut owner = |id: &str| {
            let index = clients.by_id(id)?;
            Some((index, &clients.look(index)?.held))
        };
        subscriptions.find(topic, &mut owner, &mut self.found);
    }

    /// Gives a message to the subscribers that were found.
    pub(super) fn deliver_found(&mut self, message: &Arc<Message>) {
        let found = mem::take(&mut self.found);
        for receiver in found.receivers() {
            if receiver.no_local && self.is_publisher(receiver.client, message) {
                continue; // [MQTT-3.8.3-3]
            }
            let delivery = Delivery {
                qos: receiver.qos,
                retain: message.retain && receiver.retain_as_published,
                identifiers: receiver.identifiers,
                group: 0,
                receipt: None,
            };
            self.deliver(receiver.client, message, delivery);
        }
        self.found = found;
    }

    /// Gives a message to one client.
    pub(super) fn deliver(&mut self, index: u32, message: &Arc<Message>, delivery: Delivery<'_>) {
        if self.try_deliver(index, message, delivery) == Delivered::Full {
            // Whoever reads too slowly is told so; a session that stays takes it for later.
            self.end(index, Close::OutQueueFull);
            self.try_deliver(index, message, delivery);
        }
    }

    /// The same where the giver looks after what is not taken.
    pub(super) fn try_deliver(
        &mut self,
        index: u32,
        message: &Arc<Message>,
        delivery: Delivery<'_>,
    ) -> Delivered {
        self.delivered_count += 1;
        if !self.may_receive(index, message, delivery.qos) {
            return Delivered::Dropped(Loss::Refused);
        }
        let Some(client) = self.clients.at(index) else {
            return Delivered::Queued;
        };
        let delivered = client
            .session
            .deliver(message, delivery, &mut context!(self, client));
        self.account(index);
        delivered
    }

    /// There may be room again: sends what waits for a client.
    pub(super) fn pump(&mut self, index: u32) {
        let Some(client) = self.clients.at(index) else {
            return;
        };
        if client.session.undelivered_count() == 0 || client.room_bytes() == 0 {
            return;
        }
        client.session.pump(&mut context!(self, client));
        self.account(index);
    }

    /// After any call of a session: its changes go to the store, its words to its account.
    pub(super) fn account(&mut self, index: u32) {
        self.note_changes(index);
        self.owe(index);
    }

    /// A session that ends leaves messages of shared subscriptions behind: others get them.
    pub(super) fn pass_on(&mut self, orphans: Vec<tributary_proto::session::Orphan>) {
        for orphan in orphans {
            let Some(group) = self.group_names.name(orphan.group) else {
                continue;
            };
            self.serve_group(crate::mailbox::ToGroup {
                message: orphan.message,
                group,
                tried: Vec::new(),
                anyone: false,
                claim: None,
            });
        }
    }

    fn is_publisher(&self, index: u32, message: &Message) -> bool {
        let client = self.clients.look(index);
        client.is_some_and(|client| self.publisher(&client.id) == message.publisher)
    }

    /// How a client id stands in the messages that it publishes.
    pub(super) fn publisher(&self, client_id: &str) -> u64 {
        self.clients.hash(client_id).max(Message::NOBODY + 1)
    }
}
