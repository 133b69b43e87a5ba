//! SIGKILL with a store on disk: what was acknowledged is there afterwards, and what is exactly
//! once stays so.

use crate::support::client::Client;
use crate::support::delivery::Delivery;
use crate::support::gateway::{Gateway, Launch};
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const ROUNDS: u64 = 5;
/// Acknowledged publishes, over all publishers, after which the gateway is killed.
const LOAD: u64 = 150;
const PUBLISHERS: usize = 4;

/// A store in a folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("store-{}-{name}", std::process::id());
        Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    fn start(&self) -> Gateway {
        let path = self.0.display();
        let store = format!("{LOCAL_ONLY}[store]\nkind = \"local\"\npath = \"{path}\"\n");
        Launch::default().config(&store).start()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Numbers messages from the start of the test on, so that none is like another.
fn next(count: &AtomicU64) -> u64 {
    count.fetch_add(1, Ordering::Relaxed)
}

/// Publishes at QoS 1 until the gateway is gone; returns what was acknowledged.
fn publish_until_killed(mut publisher: Client, count: &AtomicU64) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    loop {
        let number = next(count);
        let (payload, packet_id) = (number.to_string(), publisher.take_packet_id());
        let publish = Publish::qos1(packet_id, "queue/in", payload.as_bytes());
        publisher.send_unless_closed(&publish.encode(V5));
        match publisher.packet() {
            Some(puback) => assert_eq!((puback.kind(), puback.reason()), (PUBACK, 0)),
            None => return acknowledged,
        }
        acknowledged.push(number);
    }
}

/// Kills the gateway while it is under load; returns the numbers of what was acknowledged.
fn kill_under_load(gateway: Gateway, count: &AtomicU64) -> Vec<u64> {
    let until = count.load(Ordering::Relaxed) + LOAD;
    // The kill finds all of them connected.
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|who| Client::connect(&gateway, V5, &format!("publisher{who}")))
        .collect();
    thread::scope(|scope| {
        let publishing: Vec<_> = publishers
            .into_iter()
            .map(|publisher| scope.spawn(move || publish_until_killed(publisher, count)))
            .collect();
        while count.load(Ordering::Relaxed) < until {
            thread::yield_now();
        }
        gateway.kill();
        let all = publishing.into_iter();
        all.flat_map(|one| one.join().expect("it ends with the gateway"))
            .collect()
    })
}

#[test]
fn what_was_acknowledged_for_a_session_that_is_away_survives_being_killed() {
    let folder = Folder::new("queue");
    let count = AtomicU64::new(0);
    let mut gateway = folder.start();
    for round in 0..ROUNDS {
        for version in [V311, V5] {
            let name = format!("away{version}");
            let (away, present) = Client::resume(&gateway, version, &name);
            assert!(!present, "round {round}");
            let away = away.subscribed("queue/#", 1).subscribed(&name, 1);
            away.leave(0, &[]);
        }
        let acknowledged = kill_under_load(gateway, &count);
        assert!(!acknowledged.is_empty(), "or this test shows nothing");
        gateway = folder.start();
        for version in [V311, V5] {
            let name = format!("away{version}");
            let (mut back, present) = Client::resume(&gateway, version, &name);
            assert!(present, "round {round}");
            back.announce(Publish::qos1(0, &name, b"last"));
            let there = back.receive_until(b"last");
            let numbers: Vec<_> = there.iter().map(|one| one.number()).collect();
            let unique = BTreeSet::from_iter(numbers.iter().copied());
            let mut lost = acknowledged.iter().filter(|one| !unique.contains(one));
            assert_eq!(lost.next(), None, "round {round}, version {version}");
            assert_eq!(unique.len(), numbers.len(), "nothing is there twice");
            // A clean start ends the session, so that the next round begins without it.
            drop(Client::connect(&gateway, version, &name));
        }
    }
}

#[test]
fn subscriptions_and_retained_messages_survive_being_killed() {
    let folder = Folder::new("retained");
    let count = AtomicU64::new(0);
    let mut gateway = folder.start();
    let mut kept = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut publisher = Client::connect(&gateway, V5, "keeper");
        for number in 0..20 {
            let topic = format!("kept/{round}/{number}");
            let publish = Publish::qos1(0, &topic, b"kept");
            publisher.announce(Publish {
                retain: true,
                ..publish
            });
            kept.insert(topic);
        }
        // What is cleared stays cleared.
        let first = kept.pop_first().expect("there are some");
        let empty = Publish::qos1(0, &first, b"");
        publisher.announce(Publish {
            retain: true,
            ..empty
        });
        let client_id = format!("lasting{round}");
        let (mut lasting, _) = Client::resume(&gateway, V5, &client_id);
        assert_eq!(lasting.subscribe(&format!("mine/{round}"), 1), 1);
        assert_eq!(lasting.subscribe("gone", 1), 1);
        lasting.unsubscribe("gone");
        kill_under_load(gateway, &count);
        gateway = folder.start();
        let mut newcomer = Client::connect(&gateway, V5, "newcomer").subscribed("kept/#", 1);
        let found = (0..kept.len()).map(|_| newcomer.receive().topic);
        assert_eq!(BTreeSet::from_iter(found), kept, "round {round}");
        for earlier in 0..=round {
            let client_id = format!("lasting{earlier}");
            let (mut lasting, present) = Client::resume(&gateway, V5, &client_id);
            assert!(present, "round {round}");
            // What was unsubscribed stays so, or this would come first.
            lasting.announce(Publish::qos1(0, "gone", b"nobody"));
            lasting.announce(Publish::qos1(0, &format!("mine/{earlier}"), b"mine"));
            assert_eq!(lasting.receive().payload, b"mine");
        }
    }
}

/// The PUBREL for this packet id, and a PUBLISH before or behind it.
fn publish_beside_release(reader: &mut Client, packet_id: u16) -> Delivery {
    let two = [(); 2].map(|()| reader.packet().expect("it is not closed"));
    let (released, published): (Vec<_>, Vec<_>) =
        two.iter().partition(|packet| packet.kind() == PUBREL);
    assert_eq!((released.len(), published.len()), (1, 1), "{two:?}");
    assert_eq!(released[0].packet_id(), packet_id);
    Delivery::from_packet(published[0], V5)
}

#[test]
fn qos_2_stays_exactly_once_over_being_killed() {
    let folder = Folder::new("exact");
    let mut gateway = folder.start();
    let (reader, _) = Client::resume(&gateway, V5, "reader");
    let mut reader = reader.subscribed("exact", 2);
    let (mut writer, _) = Client::resume(&gateway, V5, "writer");
    for round in 0..ROUNDS as u16 {
        let payloads = ["released", "recorded"].map(|step| format!("{round} {step}"));
        let ids = [2 * round + 1, 2 * round + 2];
        for (payload, id) in payloads.iter().zip(ids) {
            writer.send(&Publish::qos2(id, "exact", payload.as_bytes()).encode(V5));
            assert_eq!(writer.expect(PUBREC).packet_id(), id);
        }
        writer.send(&pubrel(ids[0]));
        assert_eq!(writer.expect(PUBCOMP).packet_id(), ids[0]);
        // One is known to be with the reader, who has said PUBREC and heard PUBREL.
        let first = reader.receive_in_silence();
        assert_eq!(first.payload, payloads[0].as_bytes());
        reader.send(&frame(0x50, &first.packet_id.to_be_bytes()));
        let second = publish_beside_release(&mut reader, first.packet_id);
        assert_eq!(second.payload, payloads[1].as_bytes());
        drop(gateway);
        gateway = folder.start();
        // Both ways the exchange goes on where it was: nothing is told anew but what was not
        // acknowledged, with DUP, and under its old packet id.
        (reader, _) = Client::resume(&gateway, V5, "reader");
        assert_eq!(reader.expect(PUBREL).packet_id(), first.packet_id);
        reader.send(&frame(0x70, &first.packet_id.to_be_bytes()));
        let again = reader.receive();
        assert_eq!(
            (again.dup, again.packet_id, &again.payload),
            (true, second.packet_id, &second.payload),
            "round {round}"
        );
        (writer, _) = Client::resume(&gateway, V5, "writer");
        let publish = Publish::qos2(ids[1], "exact", payloads[1].as_bytes());
        writer.send(
            &Publish {
                dup: true,
                ..publish
            }
            .encode(V5),
        );
        assert_eq!(writer.expect(PUBREC).packet_id(), ids[1]);
        writer.send(&pubrel(ids[1]));
        assert_eq!(writer.expect(PUBCOMP).packet_id(), ids[1]);
        // Nothing stands between that and a last message, so nothing came twice.
        let last = format!("{round} last");
        reader.announce(Publish::qos1(0, "exact", last.as_bytes()));
        assert_eq!(reader.receive_until(last.as_bytes()), []);
    }
}
