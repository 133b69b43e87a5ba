//! Ends connections: one name, one counter, one log line for every way, and the last words.

use std::mem;
use std::sync::atomic::Ordering;

use tributary_proto::close::{Close, Loudness};
use tributary_proto::encode;
use tributary_proto::malformed::Malformed;
use tributary_proto::reason::Reason;
use tributary_proto::version::Version;

use super::client::{Client, Paused, Reading, after};
use super::frames::farewell;
use super::lines::LastLine;
use super::world::{Order, Socket, World, context};
use crate::store::Op;

/// Ends a client's connection; its session stays as long as was agreed.
pub(super) fn end(world: &mut World, index: u32, close: Close) {
    let client = world.clients.look(index);
    if !client.is_some_and(|client| client.session.is_connected()) {
        return;
    }
    world.wheel.take(&mut world.clients, index);
    record(world, close, Whom::Client(index));
    world.online_count -= 1;
    world.book().connections.sub(1);
    world.connected.fetch_sub(1, Ordering::Relaxed);
    if let Some(client) = world.clients.look(index) {
        world.links.door(client.socket()).leave();
    }
    world.reproofs.remove(&index);
    world.quota.leave(index, world.now_tick);
    if close == Close::ClientDisconnect {
        world.forget_will(index);
    }
    part(world, index, close);
    let now_tick = world.now_tick;
    let profiles = &world.commons.profiles;
    let Some(client) = world.clients.at(index) else {
        return;
    };
    let ends_tick = client.session_ends(profiles, now_tick);
    if ends_tick == now_tick {
        return forget(world, index);
    }
    client.heard_tick = ends_tick;
    // Whatever its socket waited for, it waits no longer.
    client.paused = Paused::default();
    client.reading = Reading::Nothing;
    let expiry_secs = client.session.session_expiry_secs(profiles);
    let mut will_is_due = false;
    if let Some(extra) = client.extra.as_mut()
        && let Some(will) = extra.will.as_ref()
    {
        let delay_secs = will.due_after_secs(expiry_secs);
        extra.will_tick = after(now_tick, delay_secs);
        will_is_due = delay_secs == 0;
    }
    let unanswered_count = client.session.unanswered_count(true);
    let orphans = client.session.on_gone(true, &mut context!(world, client));
    world
        .book()
        .publishes
        .on_settled_after_gone(unanswered_count);
    world.keeper.drop_words(index);
    world.write_record(index, Some(world.wall_sec()));
    world.account(index);
    if will_is_due {
        world.release_will(index);
    }
    let due_tick = world.clients.look(index).and_then(Client::due_tick);
    if let Some(tick) = due_tick {
        world.wheel.put(&mut world.clients, index, tick);
    }
    world.pass_on(orphans);
}

/// The last words, and the order to close.
fn part(world: &mut World, index: u32, close: Close) {
    let Some(client) = world.clients.at(index) else {
        return;
    };
    let socket = client.socket();
    let (mut last_words, mut foreword) = (Vec::new(), Vec::new());
    if let Some(mut io) = client.io.take() {
        mem::swap(&mut foreword, &mut io.foreword);
        world.reassembly_bytes -= io.partial.len();
        // What the store has not confirmed is not said.
        if !world.keeper.holds_back(index) {
            io.ready.extend_from_slice(&io.out);
        }
        mem::swap(&mut last_words, &mut io.ready);
        world.spares.give_back_io(io);
    }
    let told = client.session.version() == Version::V5 && close.reason().is_some();
    match close.reason() {
        Some(reason) if told => {
            let elsewhere = world.server_reference.as_deref();
            let elsewhere = elsewhere.filter(|_| close == Close::ServerDrain);
            let reason = match elsewhere {
                Some(_) => Reason::UseAnotherServer,
                None => reason,
            };
            encode::disconnect(&mut last_words, reason, elsewhere, None);
        }
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
        farewell: farewell(close),
    });
    world.say_foreword(socket, None, foreword);
}

/// Ends a session that has no connection, with all that hangs on it.
pub(super) fn forget(world: &mut World, index: u32) {
    world.wheel.take(&mut world.clients, index);
    // A will that waited for its delay is due when the session ends [MQTT-3.1.2-8].
    world.release_will(index);
    let Some(client) = world.clients.at(index) else {
        return;
    };
    let number = client.number();
    let unanswered_count = client.session.unanswered_count(false);
    let orphans = client.session.on_gone(false, &mut context!(world, client));
    world
        .subscriptions
        .unsubscribe_all(index, &mut client.held, &mut world.changes);
    world
        .book()
        .publishes
        .on_settled_after_gone(unanswered_count);
    world.tell_interest();
    world.journal.drain().for_each(drop);
    if let Some(session) = number {
        world.keeper.write(Op::SessionDelete { session });
    }
    world.keeper.forget(index);
    if let Some(permission) = world.permission.as_mut() {
        permission.forget(index);
    }
    world.clients.remove(index);
    world.pass_on(orphans);
}

/// Whose connection ends.
#[derive(Clone, Copy)]
pub(super) enum Whom {
    Client(u32),
    Stranger(Socket),
}

/// Counts the end of a connection and writes its line.
pub(super) fn record(world: &mut World, close: Close, whom: Whom) {
    world.book().disconnects.add(close.index(), 1);
    let detail = match close {
        Close::Malformed(how) => {
            world.book().malformed.add(malformed_index(how), 1);
            how.name()
        }
        _ => "",
    };
    let is_quiet = close.loudness() == Loudness::Quiet;
    let now_sec = world.now_sec();
    if !is_quiet && !world.lines.budget.allows(now_sec) {
        return;
    }
    let (client, socket) = match whom {
        Whom::Client(index) => {
            let client = world.clients.look(index);
            (client, client.map(Client::socket))
        }
        Whom::Stranger(socket) => (None, Some(socket)),
    };
    let whence = || match whom {
        Whom::Client(index) => world.whence(index),
        Whom::Stranger(socket) => world.whence_stranger(socket),
    };
    let id = client.map_or("", |client| &*client.id);
    let (reason, shard) = (close.name(), world.index);
    match close.loudness() {
        Loudness::Quiet => {
            let address = tracing::enabled!(tracing::Level::DEBUG)
                .then(whence)
                .flatten();
            let address = address.as_deref();
            tracing::debug!(client = id, address, reason, shard, "disconnected");
        }
        Loudness::Notice => {
            let address = whence();
            let line = LastLine {
                client: id.to_owned(),
                reason,
                detail,
            };
            match (address, socket) {
                (None, Some(socket)) => world.lines.put(socket, line),
                (address, _) => line.write(shard, address.as_deref()),
            }
        }
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
