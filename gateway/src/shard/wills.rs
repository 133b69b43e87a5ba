//! What is published without a client's PUBLISH: wills that are due, and what the server says.

use std::rc::Rc;
use std::sync::Arc;

use tributary_proto::message::Message;

use super::offer::{Carried, carry_up};
use super::world::World;
use crate::kafka::Ticket;
use crate::limits::WILLS_DUE_MAX;
use crate::route::{Context, Local};
use crate::store::Op;

/// A will that is due, with what its route may ask for.
pub(super) struct DueWill {
    client_id: Box<str>,
    user: Option<Box<str>>,
    message: Arc<Message>,
}

impl World {
    /// The client will not come back in time: its will is due \[MQTT-3.1.2-8\].
    pub(super) fn release_will(&mut self, index: u32) {
        let now_sec = self.wall_sec();
        let Some(client) = self.clients.at(index) else {
            return;
        };
        let number = client.number();
        let Some(extra) = client.extra.as_mut() else {
            return;
        };
        let Some(will) = extra.will.take() else {
            return;
        };
        let due = DueWill {
            client_id: client.id.clone(),
            user: extra.user.clone(),
            message: will.publish(now_sec),
        };
        if let Some(session) = number {
            self.keeper.write(Op::WillDelete { session });
        }
        self.owe_will(due);
    }

    /// A will of a session that ended while the gateway was down.
    pub(super) fn owe_recovered_will(&mut self, message: Arc<Message>) {
        self.owe_will(DueWill {
            client_id: "".into(),
            user: None,
            message,
        });
    }

    fn owe_will(&mut self, due: DueWill) {
        if self.wills.len() >= WILLS_DUE_MAX {
            self.book().bounds_hit.add(crate::bound::WILLS, 1);
            return;
        }
        self.wills.push_back(due);
    }

    /// The client said goodbye, or is back in time: its will is forgotten \[MQTT-3.1.2-10\].
    pub(super) fn forget_will(&mut self, index: u32) {
        let Some(client) = self.clients.at(index) else {
            return;
        };
        let number = client.number();
        let had = client.extra.as_mut().and_then(|extra| extra.will.take());
        if let (Some(_), Some(session)) = (had, number) {
            self.keeper.write(Op::WillDelete { session });
        }
    }

    /// Publishes the wills that are due, as far as there is room for them.
    pub(super) fn publish_wills(&mut self) {
        while let Some(due) = self.wills.pop_front() {
            let user = due.user.as_deref().unwrap_or("");
            if !self.publish_own(&due.client_id, user, &due.message) {
                self.wills.push_front(due);
                return;
            }
            self.book().wills_published.add(1);
        }
    }

    /// Publishes a message that no client waits for; false when there was no room.
    fn publish_own(&mut self, client_id: &str, user: &str, message: &Arc<Message>) -> bool {
        let routes = Rc::clone(&self.routes);
        let route = routes.find(&message.topic);
        let is_local = route.is_none_or(|route| route.local() != Local::No);
        if is_local {
            self.find_reach(&message.topic);
            if !self.has_room(&message.topic, message.bytes(), message.retain) {
                return false;
            }
        }
        if let Some(route) = route {
            let context = Context {
                client_id,
                topic: &message.topic,
                user,
                qos: message.qos as u8,
                // A will is no request: nobody is there to hear an answer.
                response_topic: "",
                correlation_data: &[],
            };
            let ticket = Ticket {
                shard: self.index as u8,
                generation: 0,
                slot: 0,
                packet_id: 0,
            };
            match carry_up(
                &mut self.desks,
                route,
                &context,
                &message.payload,
                ticket.word(),
            ) {
                Carried::Full => return false,
                // Nobody waits for the answer: to the books it is a message of QoS 0.
                Carried::Yes => self.book().publishes.on_received(0),
                Carried::Nowhere | Carried::Refused(_) => {}
            }
        }
        if is_local {
            self.spread(message, None);
        }
        true
    }
}
