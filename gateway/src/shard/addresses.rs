//! Where strangers come from: asked of a socket at most once, and only where something hangs on it.
//!
//! ```text
//!  CONNECT, at home --is it needed, and not known?--> its bytes wait, nothing is armed
//!     ^                                                  | Order::AskPeer
//!     '---- looked at once more ---- on_peer_of_stranger <
//! ```
//!
//! Quotas of addresses and rules with networks need it of everybody who is not turned away before;
//! else it is needed of those about whom somebody is asked (`gate.rs`). A balancer tells it for its
//! clients: there the socket's own address stands for nobody, and what was told is in their origin.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::admit::Entrance;
use super::world::{Order, Socket, World};

/// What sockets were asked and have answered.
#[derive(Default)]
pub(super) struct Addresses(HashMap<Socket, Answer>);

#[derive(Clone, Copy)]
enum Answer {
    Awaited,
    /// `None`: it would not say.
    Given(Option<IpAddr>),
}

impl Addresses {
    fn is_known(&self, socket: Socket) -> bool {
        matches!(self.0.get(&socket), Some(Answer::Given(_)))
    }

    fn of(&self, socket: Socket) -> Option<IpAddr> {
        match self.0.get(&socket)? {
            Answer::Awaited => None,
            Answer::Given(address) => *address,
        }
    }

    /// Whether an answer is on its way that somebody waits for.
    pub(super) fn is_awaited(&self, socket: Socket) -> bool {
        matches!(self.0.get(&socket), Some(Answer::Awaited))
    }

    /// The stranger has come in or gone.
    pub(super) fn forget(&mut self, socket: Socket) {
        self.0.remove(&socket);
    }

    /// Gives back the memory of a storm that is over.
    pub(super) fn shrink(&mut self) {
        super::thrift::shrink_map(&mut self.0);
    }
}

impl World {
    /// Where a stranger comes from: what a balancer has told, else what its socket has said.
    pub(super) fn address_of(&self, socket: Socket) -> Option<IpAddr> {
        let told = self.told_of(socket).map(|address| address.ip());
        let address = told.or_else(|| self.links.addresses.of(socket));
        address.map(|address| address.to_canonical())
    }

    fn told_of(&self, socket: Socket) -> Option<SocketAddr> {
        self.links.origins.get(&socket)?.address
    }

    /// Asks for a newcomer's address if quotas or rules need it and it is not known; what then
    /// came of it.
    pub(super) fn await_needed_address(
        &mut self,
        socket: Socket,
        bytes: &[u8],
    ) -> Option<Entrance> {
        let permission = self.permission.as_ref();
        let rules_ask = permission.is_some_and(|permission| permission.judges_addresses());
        match rules_ask || self.quota.asks_address() {
            true => self.await_address(socket, bytes),
            false => None,
        }
    }

    /// Asks for a stranger's address if it has one and it is not known; what then came of it.
    pub(super) fn await_address(&mut self, socket: Socket, bytes: &[u8]) -> Option<Entrance> {
        let door = self.links.door(socket);
        let is_ipv6 = door.is_ipv6().filter(|_| !door.is_relayed())?;
        if self.links.addresses.is_known(socket) {
            return None;
        }
        if !self.links.addresses.is_awaited(socket) {
            self.links.addresses.0.insert(socket, Answer::Awaited);
            self.orders.push(Order::AskPeer { socket, is_ipv6 });
            // Whoever was handed over has left its deadline on the shard it came from.
            self.expect_connect(socket);
        }
        Some(self.park(socket, bytes))
    }

    /// A socket has said where it comes from, or would not say.
    pub(super) fn on_peer_of_stranger(&mut self, socket: Socket, peer: Option<IpAddr>) {
        if self.links.addresses.is_awaited(socket) {
            self.links.addresses.0.insert(socket, Answer::Given(peer));
            self.behind.call_up(socket);
        }
    }

    /// Where a client comes from, as far as it was told or is kept for rules.
    pub(super) fn address_of_client(&self, index: u32) -> Option<IpAddr> {
        let told = self.clients.look(index)?.address();
        let told = told.map(|address| address.ip().to_canonical());
        told.or_else(|| self.permission.as_ref()?.address(index))
    }

    /// The same for a line in the log, with a port where a balancer has told it.
    pub(super) fn whence(&self, index: u32) -> Option<String> {
        let client = self.clients.look(index)?;
        let told = client.address().map(|address| address.to_string());
        told.or_else(|| Some(self.address_of_client(index)?.to_string()))
    }

    /// The same of a stranger.
    pub(super) fn whence_stranger(&self, socket: Socket) -> Option<String> {
        let told = self.told_of(socket).map(|address| address.to_string());
        told.or_else(|| Some(self.address_of(socket)?.to_string()))
    }
}
