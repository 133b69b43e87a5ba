//! Ends connections: one name, one counter, one log line for every way, and the last words.

use std::sync::atomic::Ordering;

use tributary_proto::close::{Close, Loudness};
use tributary_proto::encode;
use tributary_proto::malformed::Malformed;
use tributary_proto::version::Version;

use super::client::Client;
use super::world::{Order, Socket, World, session_context};

/// Ends a client's connection and forgets the client.
pub(super) fn end(world: &mut World, index: u32, close: Close) {
    world.wheel.take(&mut world.clients, index);
    let Some(mut client) = world.clients.remove(index) else {
        return;
    };
    record(world, close, Some(&client));
    world.book().connections.sub(1);
    world.connected.fetch_sub(1, Ordering::Relaxed);
    let ctx = &mut session_context!(world);
    client.session.on_gone(false, ctx);
    let socket = Socket {
        ring: client.ring,
        conn: client.conn,
    };
    let mut last_words = Vec::new();
    if let Some(mut io) = client.io.take() {
        world.reassembly_bytes -= io.partial.len();
        std::mem::swap(&mut last_words, &mut io.out);
        world.spares.give_back_io(io);
    }
    let told = client.session.version() == Version::V5 && close.reason().is_some();
    match close.reason() {
        Some(reason) if told => encode::disconnect(&mut last_words, reason, None, None),
        _ => {}
    }
    if matches!(
        close,
        Close::PeerClosed | Close::PeerReset | Close::OutQueueFull
    ) && !told
    {
        last_words.clear();
    }
    world.orders.push(Order::Close {
        socket,
        last_words,
        linger: told,
    });
}

/// Counts the end of a connection and writes its line.
pub(super) fn record(world: &mut World, close: Close, client: Option<&Client>) {
    world.book().disconnects.add(close.index(), 1);
    let detail = match close {
        Close::Malformed(how) => {
            world.book().malformed.add(malformed_index(how), 1);
            how.name()
        }
        _ => "",
    };
    let id = client.map_or("", |client| &*client.id);
    let (reason, shard) = (close.name(), world.index);
    match close.loudness() {
        Loudness::Quiet => tracing::debug!(client = id, reason, shard, "disconnected"),
        _ if !world
            .log_budget
            .allows(world.now_tick / crate::limits::TICKS_PER_SEC) => {}
        Loudness::Notice => tracing::info!(client = id, reason, detail, shard, "disconnected"),
        Loudness::Fault => {
            tracing::error!(
                client = id,
                reason,
                shard,
                "disconnected by a fault of the gateway"
            );
        }
    }
}

/// Place of a malformation in the counters; only peers that are wrong pay for the search.
fn malformed_index(how: Malformed) -> usize {
    Malformed::NAMES
        .iter()
        .position(|name| *name == how.name())
        .unwrap_or_default()
}
