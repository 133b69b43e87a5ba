//! Shows operators who is here, and ends connections for them.
//!
//! ```text
//!  Note::Inquiry --> Order::Show --all addresses known----------------------> Reply
//!                         '--ask_peer_name--> PeerName, or Closed: the last --^
//! ```
//!
//! Where a client comes from is asked when somebody wants to know: an idle client costs nothing by
//! it. Every socket that was asked answers or is closed, so no question stays open.

use std::collections::HashMap;
use std::net::SocketAddr;

use tributary_proto::close::Close;

use super::Shard;
use super::client::Client;
use super::world::{Order, Socket, World};
use crate::limits::{INQUIRY_BYTES_PER_TURN, INQUIRY_CLIENTS_PER_TURN, INQUIRY_PLACES_PER_TURN};
use crate::mailbox::{Answer, Ask, Inquiry, Reply, Sight};

/// An answer that lacks addresses.
pub(super) struct Showing {
    answer: Answer,
    /// Clients by their place in the answer, and whom to ask where they come from.
    silent: Vec<(usize, Socket)>,
    reply: Reply,
}

/// Answers that wait for addresses; nothing most of the time.
#[derive(Default)]
pub(super) struct Inquiries {
    open: HashMap<u32, Open>,
    /// For each socket that was asked, the lines that its address belongs to.
    asked: HashMap<Socket, Vec<Line>>,
    last_number: u32,
}

struct Open {
    answer: Answer,
    /// Addresses that are still missing.
    missing_count: usize,
    reply: Reply,
}

/// A line of an answer.
struct Line {
    number: u32,
    client: usize,
}

impl Shard {
    /// Shows clients to an operator once it is known where they come from.
    pub(super) fn show(&mut self, mut showing: Showing) {
        // Who was told to go in this very turn comes from nowhere any more.
        let is_live = |socket: Socket| {
            let plane = &self.planes[usize::from(socket.ring)];
            plane.ring.is_live(socket.conn)
        };
        showing.silent.retain(|(_, socket)| is_live(*socket));
        for socket in self.inquiries.open(showing) {
            let is_ipv6 = self.world.links.door(socket).is_ipv6().unwrap_or(false);
            self.plane(socket.ring)
                .ring
                .ask_peer_name(socket.conn, is_ipv6);
        }
    }
}

impl Inquiries {
    /// Answers at once if nothing is missing; else says which sockets must be asked.
    pub(super) fn open(&mut self, showing: Showing) -> Vec<Socket> {
        let Showing {
            answer,
            silent,
            reply,
        } = showing;
        if silent.is_empty() {
            reply.give(answer);
            return Vec::new();
        }
        self.last_number = self.last_number.wrapping_add(1);
        let number = self.last_number;
        let open = Open {
            answer,
            missing_count: silent.len(),
            reply,
        };
        self.open.insert(number, open);
        let mut unasked = Vec::new();
        for (client, socket) in silent {
            let lines = self.asked.entry(socket).or_default();
            if lines.is_empty() {
                unasked.push(socket);
            }
            lines.push(Line { number, client });
        }
        unasked
    }

    /// A socket has said where it comes from, or has closed and never will; says whether it was
    /// asked here.
    pub(super) fn on_address(&mut self, socket: Socket, address: Option<SocketAddr>) -> bool {
        // Before the hash: every connection that closes comes by.
        if self.asked.is_empty() {
            return false;
        }
        let Some(lines) = self.asked.remove(&socket) else {
            return false;
        };
        for Line { number, client } in lines {
            let Some(open) = self.open.get_mut(&number) else {
                continue;
            };
            open.answer.clients[client].address = address;
            open.missing_count -= 1;
            if open.missing_count == 0
                && let Some(Open { answer, reply, .. }) = self.open.remove(&number)
            {
                reply.give(answer);
            }
        }
        if self.open.is_empty() {
            *self = Self {
                last_number: self.last_number,
                ..Self::default()
            };
        }
        true
    }
}

impl World {
    /// An operator asks.
    pub(super) fn on_inquiry(&mut self, inquiry: Inquiry) {
        let Inquiry { ask, reply } = inquiry;
        match ask {
            Ask::Some { from, count } => {
                let (places, next) = self.some_of(from, count);
                self.show(&places, next, reply);
            }
            Ask::One { client_id } => {
                let place = self.clients.by_id(&client_id);
                self.show(place.as_slice(), None, reply);
            }
            Ask::End { client_id } => {
                let place = self.clients.by_id(&client_id);
                let client = place.and_then(|index| self.clients.look(index));
                let clients = client
                    .map(|client| self.sight(client))
                    .into_iter()
                    .collect();
                if let Some(index) = place {
                    self.end(index, Close::Kicked);
                }
                reply.give(Answer {
                    clients,
                    next: None,
                });
            }
        }
    }

    /// So much as may be shown in one turn.
    fn some_of(&self, from: u32, count: usize) -> (Vec<u32>, Option<u32>) {
        let count = count.min(INQUIRY_CLIENTS_PER_TURN);
        self.clients
            .some_within(from, count, INQUIRY_PLACES_PER_TURN)
    }

    fn show(&mut self, places: &[u32], next: Option<u32>, reply: Reply) {
        let mut answer = Answer {
            clients: Vec::with_capacity(places.len()),
            next,
        };
        let (mut silent, mut bytes) = (Vec::new(), 0);
        for index in places {
            let Some(client) = self.clients.look(*index) else {
                continue;
            };
            if bytes >= INQUIRY_BYTES_PER_TURN {
                answer.next = Some(*index);
                break;
            }
            let sight = self.sight(client);
            bytes += sight.name_bytes();
            let has_peer = || self.links.door(client.socket()).is_ipv6().is_some();
            if sight.is_connected && sight.address.is_none() && has_peer() {
                silent.push((answer.clients.len(), client.socket()));
            }
            answer.clients.push(sight);
        }
        let showing = Showing {
            answer,
            silent,
            reply,
        };
        self.orders.push(Order::Show(Box::new(showing)));
    }

    fn sight(&self, client: &Client) -> Sight {
        let socket = client.socket();
        let is_connected = client.session.is_connected();
        let now = || is_connected.then_some(());
        Sight {
            client_id: client.id.clone(),
            user: client.user_name().map(Box::from),
            certificate: client.certified_name().map(Box::from),
            is_connected,
            address: now().and_then(|()| client.address()),
            listener: now().map(|()| self.links.door(socket).name()),
            version: client.session.version(),
            tls: now().and_then(|()| self.seals.layer(socket)),
            session_expiry_secs: client.session.session_expiry_secs(&self.commons.profiles),
            subscription_count: self.subscriptions.count_of(&client.held),
            shard: self.index,
        }
    }
}
