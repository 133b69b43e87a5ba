//! The log's lines about single connections: how many a second has room for, and those about ended
//! ones, which wait to hear where their peers came from.
//!
//! ```text
//!  record --> unasked --carry, before any close--> asked --PeerName, or Closed--> written
//! ```
//!
//! Nobody is asked where it comes from while all is well, so most lines are about peers that have
//! never been asked. No more of them wait than a second has room for.

mod budget;

use std::collections::HashMap;
use std::net::SocketAddr;

use budget::LogBudget;

use super::Shard;
use super::world::{Socket, World};

/// What is said of an ended connection, but for the address.
pub(super) struct LastLine {
    pub client: String,
    pub reason: &'static str,
    pub detail: &'static str,
}

impl LastLine {
    pub(super) fn write(&self, shard: usize, address: Option<&str>) {
        let (client, reason, detail) = (&*self.client, self.reason, self.detail);
        tracing::info!(client, address, reason, detail, shard, "disconnected");
    }
}

/// What a shard has to say about connections.
#[derive(Default)]
pub(super) struct Lines {
    pub budget: LogBudget,
    /// By sockets that are on their way out.
    unasked: Vec<(Socket, LastLine)>,
    asked: HashMap<Socket, LastLine>,
}

impl Lines {
    pub(super) fn put(&mut self, socket: Socket, line: LastLine) {
        self.unasked.push((socket, line));
    }
}

impl World {
    /// A socket has said where it comes from, or has closed and never will; says whether a line
    /// waited for it.
    pub(super) fn on_address_of_ended(
        &mut self,
        socket: Socket,
        address: Option<SocketAddr>,
    ) -> bool {
        let asked = &mut self.lines.asked;
        // Before the hash: every connection that closes comes by.
        if asked.is_empty() {
            return false;
        }
        let line = asked.remove(&socket);
        if asked.is_empty() {
            *asked = HashMap::new();
        }
        if let Some(line) = &line {
            let address = address.map(|address| address.to_string());
            line.write(self.index, address.as_deref());
        }
        line.is_some()
    }
}

impl Shard {
    /// Asks those whose lines wait, which must come before their sockets are closed.
    pub(super) fn ask_for_last_lines(&mut self) {
        while let Some((socket, line)) = self.world.lines.unasked.pop() {
            let is_ipv6 = self.world.links.door(socket).is_ipv6();
            let ring = &mut self.planes[usize::from(socket.ring)].ring;
            match is_ipv6 {
                Some(is_ipv6) if ring.is_live(socket.conn) => {
                    ring.ask_peer_name(socket.conn, is_ipv6);
                    self.world.lines.asked.insert(socket, line);
                }
                _ => line.write(self.world.index, None),
            }
        }
    }
}
