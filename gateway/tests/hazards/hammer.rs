//! One client id with a session, taken over from all sides at once while messages flow both ways:
//! never two live connections, no session lost, nothing acknowledged and lost.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const THREADS: u64 = 8;
const CONNECTS: u64 = 40;
const ROUNDS: u64 = 3;
/// Fewer than a session queues by default, so that no rule may drop one.
const FED: u64 = 800;

/// One connection on a clock that all threads share and that shows each number once.
struct Life {
    connect_begun: u64,
    connect_ended: u64,
    /// When the last ping went out that was answered.
    last_served: u64,
}

/// What all connections of the twin saw together.
#[derive(Default)]
struct Seen {
    clock: AtomicU64,
    lives: Mutex<Vec<Life>>,
    /// How often each fed message came, and how often without DUP.
    fed: Mutex<BTreeMap<u64, (u32, u32)>>,
    /// What the twin published and had acknowledged.
    acknowledged: Mutex<BTreeSet<u64>>,
}

#[test]
fn a_session_hammered_from_all_sides_has_one_connection_at_a_time_and_loses_nothing() {
    let gateway = Launch::default().config(LOCAL_ONLY).start();
    let seen = Seen::default();
    let (mut witness, _) = Client::resume(&gateway, V5, "witness");
    witness = witness.subscribed("twin/up", 1);
    drop(
        Client::resume(&gateway, V5, "twin")
            .0
            .subscribed("twin/down", 1),
    );
    let heard = thread::scope(|scope| {
        let witness = scope.spawn(move || witness.receive_until(b"done"));
        let feeder = scope.spawn(|| feed(&gateway));
        let twins: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn({
                    let (gateway, seen) = (&gateway, &seen);
                    move || hammer(gateway, number, seen)
                })
            })
            .collect();
        for twin in twins {
            twin.join().expect("every connect is welcome");
        }
        let mut feeder = feeder.join().expect("the feeder is undisturbed");
        let done = Publish::qos1(0, "twin/up", b"done");
        feeder.announce(done);
        feeder.announce(Publish {
            topic: b"twin/down",
            ..done
        });
        witness.join().expect("the witness is undisturbed")
    });
    let (mut last, present) = Client::resume(&gateway, V5, "twin");
    assert!(present, "the session outlives them all");
    for delivery in last.receive_until(b"done") {
        seen.note(delivery.number(), delivery.dup);
    }
    check_lives(&seen.lives.into_inner().expect("no holder panics"));
    check_down(&seen.fed.into_inner().expect("no holder panics"));
    let up: BTreeSet<u64> = heard.iter().map(|delivery| delivery.number()).collect();
    let acknowledged = seen.acknowledged.into_inner().expect("no holder panics");
    let lost: Vec<_> = acknowledged.difference(&up).collect();
    assert!(
        lost.is_empty(),
        "acknowledged to the twin and lost: {lost:?}"
    );
    assert!(
        acknowledged.len() > THREADS as usize,
        "or this test shows nothing"
    );
}

/// Publishes to the twin, wherever it is; the number of each acknowledged message is known.
fn feed(gateway: &Gateway) -> Client {
    let mut feeder = Client::connect(gateway, V5, "feeder");
    for number in 0..FED {
        let reason = feeder.announce(Publish::qos1(0, "twin/down", number.to_string().as_bytes()));
        assert_eq!(reason, 0, "message {number} is taken for the twin");
    }
    feeder
}

/// Connects again and again, each time as long as it is let.
fn hammer(gateway: &Gateway, thread: u64, seen: &Seen) {
    let mut kept = Vec::new();
    for connect in 0..CONNECTS {
        let connect_begun = seen.tick();
        let (mut client, present) = Client::resume(gateway, V5, "twin");
        let mut life = Life {
            connect_begun,
            connect_ended: seen.tick(),
            last_served: 0,
        };
        assert!(
            present,
            "the session is gone at connect {connect} of thread {thread}"
        );
        for round in 0..ROUNDS {
            let asked = seen.tick();
            let number = (thread * CONNECTS + connect) * ROUNDS + round;
            if !serve(&mut client, number, seen) {
                break;
            }
            life.last_served = asked;
        }
        seen.lives.lock().expect("no holder panics").push(life);
        match connect % 3 {
            // Left to be taken over, to end in good order without an end of its session, to crash.
            0 => kept.push(client),
            1 => drop(client),
            _ => client.reset(),
        }
    }
}

/// Publishes, pings and reads until both are answered; false when the connection ended before.
fn serve(client: &mut Client, number: u64, seen: &Seen) -> bool {
    let payload = number.to_string();
    let publish = Publish::qos1(7, "twin/up", payload.as_bytes()).encode(V5);
    client.send_unless_closed(&[&publish[..], &PINGREQ_BYTES].concat());
    loop {
        let Some(packet) = client.packet_or_delivery() else {
            return false;
        };
        for delivery in client.kept() {
            seen.note(delivery.number(), delivery.dup);
        }
        match packet.kind() {
            PINGRESP => return true,
            PUBACK => {
                assert_eq!((packet.packet_id(), packet.reason()), (7, 0));
                let mut acknowledged = seen.acknowledged.lock().expect("no holder panics");
                acknowledged.insert(number);
            }
            DISCONNECT => {
                // Session taken over [MQTT-3.1.4-3].
                assert_eq!(packet.reason(), 0x8E, "{packet:?}");
                return false;
            }
            PUBLISH => {}
            _ => panic!("nobody asked for {packet:?}"),
        }
    }
}

impl Seen {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn note(&self, number: u64, dup: bool) {
        let mut fed = self.fed.lock().expect("no holder panics");
        let (times, first_times) = fed.entry(number).or_default();
        *times += 1;
        *first_times += u32::from(!dup);
    }
}

/// Whoever was welcomed before another began to connect is served no more once that one is in.
fn check_lives(lives: &[Life]) {
    let mut pairs = 0;
    for earlier in lives {
        let ended_before = |later: &&Life| earlier.connect_ended < later.connect_begun;
        for later in lives.iter().filter(ended_before) {
            pairs += 1;
            assert!(
                earlier.last_served < later.connect_ended,
                "a ping of {} was answered after the connect of {} to {}",
                earlier.last_served,
                later.connect_begun,
                later.connect_ended
            );
        }
    }
    assert!(pairs > lives.len(), "or this test shows nothing");
    assert!(
        lives.iter().any(|life| life.last_served > 0),
        "somebody was served"
    );
}

/// Every message came, and again only as what it is [MQTT-3.3.1-1].
fn check_down(fed: &BTreeMap<u64, (u32, u32)>) {
    let missing: Vec<_> = (0..FED)
        .filter(|number| !fed.contains_key(number))
        .collect();
    assert!(
        missing.is_empty(),
        "acknowledged to the feeder and lost: {missing:?}"
    );
    for (number, (times, first_times)) in fed {
        assert!(
            *first_times <= 1,
            "{number} came {times} times, {first_times} without DUP"
        );
    }
}
