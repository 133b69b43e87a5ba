//! SIGKILL of a gateway with commands on their way: each reaches its device at least once, and no
//! older state after a newer one.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::{Application, RealKafka};
use crate::support::wire::*;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const ROUNDS: u64 = 10;
const DEVICES: u64 = 4;
/// Commands for each device that are written in one round.
const COMMANDS: u64 = 50;

/// Starts a gateway that reads the topic `commands` with these keys besides.
fn start(kafka: &RealKafka, keys: &str) -> Gateway {
    let config = format!(
        "[shards]\ncount = 2\n\n[node]\nname = \"test\"\n\n\
         [downlink.commands]\ntopic = \"commands\"\nto = \"dev/{{key}}/cmd\"\nfrom = \"begin\"\n\
         {keys}\n"
    );
    Launch::default()
        .config(&config)
        .kafka(&kafka.bootstrap())
        .start()
}

fn device_id(device: u64) -> String {
    format!("d{device}")
}

#[test]
fn a_command_without_a_puback_comes_again_from_a_gateway_that_was_killed() {
    let kafka = RealKafka::start();
    kafka.create("commands");
    let application = Application::new(&kafka.bootstrap());
    let gateway = start(&kafka, "");
    let mut device = Client::connect(&gateway, V5, "d1").subscribed("dev/d1/cmd", 1);
    application.say("commands", "d1", "1");
    application.flush();
    assert_eq!(device.receive().number(), 1);
    gateway.wait_until("the first is committed", |metrics| {
        metrics.sum("tributary_downlink_commits_total") >= 2.0
            && metrics.sum("tributary_downlink_pending") == 0.0
    });
    application.say("commands", "d1", "2");
    application.flush();
    assert_eq!(device.receive_in_silence().number(), 2);
    gateway.kill();
    drop(gateway);

    let gateway = start(&kafka, "");
    let mut device = Client::connect(&gateway, V5, "d1").subscribed("dev/d1/cmd", 1);
    let mut numbers = vec![device.receive().number()];
    while numbers.last() != Some(&2) {
        numbers.push(device.receive().number());
    }
    // The commit of the first is told of some time after it was made.
    assert!([&[2][..], &[1, 2]].contains(&&numbers[..]), "{numbers:?}");
}

#[test]
fn a_device_that_stays_away_makes_no_other_get_again_what_it_has() {
    const COMMANDS: u64 = 20;
    let kafka = RealKafka::start();
    // Of one partition: all stand behind the first.
    kafka.create_with("commands", &["1"]);
    let application = Application::new(&kafka.bootstrap());
    application.say("commands", "away", "first");
    for number in 0..COMMANDS {
        application.say("commands", "d1", &number.to_string());
    }
    application.say("commands", "away", "last");
    application.flush();
    let mut gateway = start(&kafka, "");
    let mut device = Client::connect(&gateway, V5, "d1").subscribed("dev/d1/cmd", 1);
    for number in 0..COMMANDS {
        assert_eq!(device.receive().number(), number);
    }
    gateway.wait_until("the others are handed off", |metrics| {
        metrics.sum("tributary_downlink_pending") == 2.0
    });
    gateway.terminate();
    assert!(gateway.exit_status().success(), "{}", gateway.log());
    drop(gateway);

    for round in 0..2 {
        let gateway = start(&kafka, "");
        let metrics = gateway.wait_until("what is open is read", |metrics| {
            metrics.sum("tributary_downlink_pending") == 2.0
        });
        let read = metrics.sum("tributary_downlink_records_total");
        assert_eq!(read, 2.0, "the rest was handed off before");
        if round == 0 {
            // What is known of the rest outlives a kill as well.
            gateway.kill();
            continue;
        }
        let mut device = Client::connect(&gateway, V5, "away").subscribed("dev/away/cmd", 1);
        let said = [device.receive().payload, device.receive().payload];
        assert_eq!(said, [&b"first"[..], b"last"]);
    }
}

/// What the devices are like.
#[derive(Clone, Copy)]
struct Devices {
    /// Their sessions outlive their connections.
    keeps: bool,
    qos: u8,
}

/// Comes (back) and subscribes.
fn come(gateway: &Gateway, device: u64, like: Devices) -> Client {
    let id = device_id(device);
    let mut client = match like.keeps {
        true => Client::resume(gateway, V5, &id).0,
        false => Client::connect(gateway, V5, &id),
    };
    client.subscribe(&format!("dev/{id}/cmd"), like.qos);
    client
}

/// Receives until the gateway is gone, or until everything up to `last` has come.
fn receive(mut client: Client, seen: &AtomicU64, last: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(command) = client.receive_unless_closed() {
        seen.fetch_add(1, Ordering::Relaxed);
        numbers.push(command.number());
        if command.number() == last {
            break;
        }
    }
    numbers
}

/// Writes commands for all devices round by round and kills the gateway in the middle of each but
/// the last; returns what each device has received, connection by connection.
fn kill_again_and_again(kafka: &RealKafka, keys: &str, like: Devices) -> Vec<Vec<Vec<u64>>> {
    kafka.create("commands");
    let application = Application::new(&kafka.bootstrap());
    let mut received: Vec<Vec<Vec<u64>>> = vec![Vec::new(); DEVICES as usize];
    for round in 0..ROUNDS {
        let gateway = start(kafka, keys);
        let seen = AtomicU64::new(0);
        let is_last = round + 1 == ROUNDS;
        let last = if is_last {
            ROUNDS * COMMANDS - 1
        } else {
            u64::MAX
        };
        thread::scope(|scope| {
            let (gateway, seen) = (&gateway, &seen);
            // All are there before the first command is written: each kill meets all of them.
            let receiving: Vec<_> = (0..DEVICES)
                .map(|device| come(gateway, device, like))
                .map(|client| scope.spawn(move || receive(client, seen, last)))
                .collect();
            for number in round * COMMANDS..(round + 1) * COMMANDS {
                for device in 0..DEVICES {
                    application.say("commands", &device_id(device), &number.to_string());
                }
            }
            application.flush();
            // Another moment in each round, and always one with commands on their way. Of states
            // each device may get one alone.
            let most = if like.keeps {
                DEVICES
            } else {
                DEVICES * COMMANDS / 4
            };
            let moment = 1 + round * 17 % most;
            while !is_last && seen.load(Ordering::Relaxed) < moment {
                thread::yield_now();
            }
            if !is_last {
                gateway.kill();
            }
            for (device, receiving) in received.iter_mut().zip(receiving) {
                device.push(receiving.join().expect("it ends with the gateway"));
            }
        });
        if is_last {
            let metrics = gateway.wait_until("nothing is pending", |metrics| {
                metrics.sum("tributary_downlink_pending") == 0.0
            });
            assert_eq!(metrics.downlink_imbalance(), 0.0);
        }
    }
    received
}

#[test]
fn ten_kills_under_load_lose_no_command() {
    let kafka = RealKafka::start();
    let like = Devices {
        keeps: false,
        qos: 1,
    };
    let received = kill_again_and_again(&kafka, "queue_max = 10000", like);
    let all: BTreeSet<u64> = (0..ROUNDS * COMMANDS).collect();
    let mut repeated = 0;
    for (device, connections) in received.iter().enumerate() {
        for numbers in connections {
            assert!(
                numbers.is_sorted_by(|one, next| one < next),
                "in order: {numbers:?}"
            );
        }
        let numbers: BTreeSet<u64> = connections.iter().flatten().copied().collect();
        assert!(numbers == all, "device {device} misses some");
        repeated += connections.iter().map(Vec::len).sum::<usize>() - all.len();
    }
    println!(
        "{} commands, {repeated} of them again",
        all.len() * received.len()
    );
}

fn never_an_older_state(qos: u8) {
    let kafka = RealKafka::start();
    let name = format!("downlink-{}-{qos}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let keys = format!(
        "latest = true\nqos = {qos}\n\n[store]\nkind = \"local\"\npath = \"{}\"\n",
        folder.display()
    );
    let received = kill_again_and_again(&kafka, &keys, Devices { keeps: true, qos });
    let _ = std::fs::remove_dir_all(folder);
    for connections in received {
        let numbers: Vec<u64> = connections.into_iter().flatten().collect();
        assert!(numbers.is_sorted(), "an older state came late: {numbers:?}");
        assert_eq!(numbers.last(), Some(&(ROUNDS * COMMANDS - 1)));
    }
}

#[test]
fn ten_kills_under_load_never_tell_an_older_state_after_a_newer_one() {
    never_an_older_state(1);
}

#[test]
fn ten_kills_under_load_never_tell_an_older_state_at_qos_2() {
    never_an_older_state(2);
}
