//! Entered: what every client that came in leads to, in the books, on the wheel and on disk.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use tributary_proto::packet::Connect;
use tributary_proto::version::Version;

use super::client::Client;
use super::clients::ClientRef;
use super::world::World;
use crate::store::{Op, StoredWill};

impl World {
    /// Takes note of a client that came in; `asked` is what its socket has said of where from.
    pub(super) fn after_entry(
        &mut self,
        at: ClientRef,
        connect: &Connect<'_>,
        asked: Option<IpAddr>,
    ) {
        self.quota.seat(at.index);
        let due_tick = self.clients.find(at).and_then(|client| client.due_tick());
        if let Some(tick) = due_tick {
            self.wheel.put(&mut self.clients, at.index, tick);
        }
        self.owe(at.index);
        self.await_hand_off(at.index);
        self.note_expiry(at);
        self.write_record(at.index, None);
        let shared = self.clients.find(at).and_then(|client| {
            let (number, extra) = (client.number()?, client.extra.as_ref()?);
            Some((number, extra.will.as_deref()?.clone()))
        });
        if let Some((session, will)) = shared {
            let will = StoredWill {
                message: will.message,
                delay_secs: will.delay_secs,
                due_sec: None,
            };
            let will = Box::new(will);
            self.keeper.write(Op::WillPut { session, will });
        }
        self.connected.fetch_add(1, Ordering::Relaxed);
        if let Some(client) = self.clients.look(at.index) {
            self.links.door(client.socket()).enter();
        }
        self.online_count += 1;
        let book = self.book();
        book.connects.add(version_index(connect.version), 1);
        book.connections.add(1);
        let client = self.clients.look(at.index);
        let asked = || asked.map(|address| address.to_string());
        tracing::debug!(
            client = connect.client_id,
            address = self.whence(at.index).or_else(asked).as_deref(),
            certificate = client.and_then(Client::certified_name),
            shard = self.index,
            "connected"
        );
    }
}

/// Place of a version in the counters.
fn version_index(version: Version) -> usize {
    match version {
        Version::V31 => 0,
        Version::V311 => 1,
        Version::V5 => 2,
    }
}
