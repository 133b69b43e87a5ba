//! Kafka changed under a running gateway: rights, topics, partitions, leaders, addresses. What is
//! concerned is refused or waits, the rest goes on, and all is well again without a restart.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::{RealKafka, Record, read_topic};
use crate::support::relay::Relay;
use crate::support::way::{PASSWORD, USER, Way};
use crate::support::wire::*;
use crate::support::{DEADLINE, ask_until};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

/// What `aside/...` goes to is concerned, all else is not.
const ROUTES: &str = "[[route]]\nfilter = \"aside/#\"\ntopic = \"aside\"\n\n\
                      [[route]]\nfilter = \"#\"\ntopic = \"mqtt\"\n";
const NOT_AUTHORIZED: u8 = 0x87;
const PACKET_TOO_LARGE: u8 = 0x95;

/// Publishes at QoS 1 and gives the reason of the PUBACK.
fn offer(client: &mut Client, topic: &str, payload: &[u8]) -> u8 {
    let packet_id = client.take_packet_id();
    client.send(&Publish::qos1(packet_id, topic, payload).encode(V5));
    let puback = client.expect(PUBACK);
    assert_eq!(puback.packet_id(), packet_id);
    puback.reason()
}

/// Publishes one number after the other until told to stop; gives those that were acknowledged.
fn publish_on(gateway: &Gateway, topic: &str, stop: &AtomicBool) -> Vec<u32> {
    let mut device = Client::connect(gateway, V5, &topic.replace('/', "-"));
    let mut acknowledged = Vec::new();
    let mut number = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        if offer(&mut device, topic, &number.to_be_bytes()) < 0x80 {
            acknowledged.push(number);
        }
        number += 1;
    }
    acknowledged
}

/// Publishes to `topic` all the time that `change` takes.
fn while_publishing(gateway: &Gateway, topic: &str, change: impl FnOnce()) -> Vec<u32> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let published = scope.spawn(|| publish_on(gateway, topic, &stop));
        // A failed change must not leave the publisher running for ever.
        let change = std::panic::catch_unwind(std::panic::AssertUnwindSafe(change));
        stop.store(true, Ordering::Relaxed);
        let published = published.join().expect("the publisher ends well");
        change.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        published
    })
}

fn number_of(record: &Record) -> u32 {
    u32::from_be_bytes(record.value[..].try_into().expect("four bytes"))
}

fn numbers(records: &[Record]) -> Vec<u32> {
    records.iter().map(number_of).collect()
}

fn assert_settled(gateway: &Gateway) {
    let metrics = gateway.wait_until("everything settled", |metrics| {
        metrics.sum("tributary_publishes_pending") == 0.0
    });
    assert_eq!(metrics.imbalance(), 0.0);
}

#[test]
fn rights_taken_for_one_topic_refuse_its_publishes_alone_until_they_are_given_back() {
    const ACLS: &str = "org.apache.kafka.tools.AclCommand";
    let authorizer =
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    let options = [
        "--tls",
        "--set",
        authorizer,
        "--set",
        "super.users=User:ANONYMOUS",
    ];
    let everyone = ["--set", "allow.everyone.if.no.acl.found=true"];
    let kafka = RealKafka::start_with(&[&options[..], &everyone].concat());
    kafka.create("aside");
    let gateway = Way::login(&kafka, "PLAIN", USER, PASSWORD).start(&kafka, ROUTES);
    let mut device = Client::connect(&gateway, V5, "device");
    let mut acknowledged = 1;
    assert_eq!(offer(&mut device, "aside/says", b"before"), 0);

    // Where there is one rule for a topic, what no rule allows is denied: to write, here.
    let describe = [
        "--allow-principal",
        "User:tributary",
        "--operation",
        "DESCRIBE",
    ];
    let rule = [&describe[..], &["--topic", "aside"]].concat();
    let bystander = while_publishing(&gateway, "open/says", || {
        kafka.tool(ACLS, &[&["--add"], &rule[..]].concat());
        let reason = ask_until(DEADLINE, || {
            let reason = offer(&mut device, "aside/says", b"meanwhile");
            acknowledged += usize::from(reason == 0);
            (reason != 0).then_some(reason)
        });
        assert_eq!(reason, Some(NOT_AUTHORIZED));
        assert_eq!(offer(&mut device, "aside/says", b"refused"), NOT_AUTHORIZED);
        kafka.tool(ACLS, &[&["--remove", "--force"], &rule[..]].concat());
        let reason = ask_until(DEADLINE, || {
            Some(offer(&mut device, "aside/says", b"after")).filter(|reason| *reason == 0)
        });
        assert_eq!(reason, Some(0), "the right is back");
        acknowledged += 1;
    });
    assert_settled(&gateway);
    let metrics = gateway.metrics();
    let failed = metrics.labelled("tributary_kafka_failed_total", "reason", "not_allowed");
    assert!(failed >= 2.0, "{failed}");
    assert!(
        gateway.whole_log().contains("WRITE and DESCRIBE"),
        "the log has the remedy"
    );
    assert_eq!(read_topic(&kafka.bootstrap(), "aside").len(), acknowledged);
    let open = read_topic(&kafka.bootstrap(), "mqtt");
    assert!(
        bystander.len() > 1 && numbers(&open) == bystander,
        "the bystander went on"
    );
}

#[test]
fn a_topic_deleted_and_made_again_with_fewer_partitions_takes_what_comes_then() {
    let kafka = RealKafka::start();
    kafka.create("aside");
    let gateway = Launch::default()
        .config(ROUTES)
        .kafka(&kafka.bootstrap())
        .start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    while_publishing(&gateway, "aside/says", || {
        kafka.delete("aside");
        assert_eq!(offer(&mut bystander, "open/says", b"meanwhile"), 0);
        kafka.create_with("aside", &["3"]);
    });
    // Keys that the first 12 partitions had spread over more than three.
    let mut devices: Vec<_> = (0..12)
        .map(|number| Client::connect(&gateway, V5, &format!("device{number}")))
        .collect();
    for device in &mut devices {
        let taken = ask_until(DEADLINE, || {
            (offer(device, "aside/says", &0_u32.to_be_bytes()) == 0).then_some(())
        });
        assert!(taken.is_some(), "the new topic takes what comes");
    }
    for number in 1..20_u32 {
        for device in &mut devices {
            assert_eq!(offer(device, "aside/says", &number.to_be_bytes()), 0);
        }
    }
    assert_settled(&gateway);
    let records = read_topic(&kafka.bootstrap(), "aside");
    for number in 0..12 {
        let key = format!("device{number}").into_bytes();
        let of_device: Vec<_> = records
            .iter()
            .filter(|record| record.key == key)
            .cloned()
            .collect();
        assert_eq!(numbers(&of_device), (0..20).collect::<Vec<_>>());
        let partitions: BTreeSet<_> = of_device.iter().map(|record| record.partition).collect();
        assert!(partitions.len() == 1 && partitions.iter().all(|partition| *partition < 3));
    }
}

#[test]
fn partitions_added_while_devices_publish_lose_nothing_and_split_a_key_at_one_point() {
    const DEVICES: u32 = 24;
    let kafka = RealKafka::start();
    kafka.create_with("aside", &["2"]);
    let config = format!(
        "[kafka.main]\nbrokers = [{:?}]\n\
         properties = {{ \"topic.metadata.refresh.interval.ms\" = 500 }}\n{ROUTES}",
        kafka.bootstrap()
    );
    let gateway = Launch::default().config(&config).start();
    let mut devices: Vec<_> = (0..DEVICES)
        .map(|number| Client::connect(&gateway, V5, &format!("device{number}")))
        .collect();
    let mut said = 0_u32;
    let mut all_publish = |rounds: u32| {
        for number in said..said + rounds {
            // All are on their way at once when the partitions change.
            for device in &mut devices {
                let packet_id = device.take_packet_id();
                let payload = number.to_be_bytes();
                device.send(&Publish::qos1(packet_id, "aside/says", &payload).encode(V5));
            }
            for device in &mut devices {
                assert_eq!(device.expect(PUBACK).reason(), 0);
            }
        }
        said += rounds;
        said
    };
    all_publish(20);
    let alter = ["--alter", "--topic", "aside", "--partitions", "16"];
    kafka.tool("org.apache.kafka.tools.TopicCommand", &alter);
    let moved = ask_until(DEADLINE, || {
        all_publish(20);
        let records = read_topic(&kafka.bootstrap(), "aside");
        records
            .iter()
            .any(|record| record.partition >= 2)
            .then_some(())
    });
    assert!(moved.is_some(), "the new partitions are used");
    let said = all_publish(20);
    assert_settled(&gateway);
    let mut by_key: BTreeMap<_, BTreeMap<_, Vec<_>>> = BTreeMap::new();
    for record in read_topic(&kafka.bootstrap(), "aside") {
        let number = number_of(&record);
        let of_key = by_key.entry(record.key).or_default();
        of_key.entry(record.partition).or_default().push(number);
    }
    assert_eq!(by_key.len(), DEVICES as usize);
    for (key, partitions) in by_key {
        assert!(
            partitions.len() <= 2,
            "{key:?} is in {:?}",
            partitions.keys()
        );
        // The lower partition is the older one: what it has comes before all the other has.
        let in_order: Vec<_> = partitions.into_values().flatten().collect();
        assert_eq!(in_order, (0..said).collect::<Vec<_>>(), "{key:?}");
    }
}

#[test]
fn a_message_larger_than_its_topic_takes_is_refused_and_its_neighbours_are_not() {
    let kafka = RealKafka::start();
    kafka.create_with("aside", &["1", "1", "max.message.bytes=2000"]);
    let gateway = Launch::default()
        .config(ROUTES)
        .kafka(&kafka.bootstrap())
        .start();
    let mut device = Client::connect(&gateway, V5, "device");
    let large = vec![b'x'; 5_000];
    let payloads: Vec<&[u8]> = (0..30)
        .map(|number| {
            if number % 10 == 5 {
                &large[..]
            } else {
                b"small"
            }
        })
        .collect();
    let packets = (1..).zip(&payloads);
    let sent: Vec<_> = packets
        .flat_map(|(id, payload)| Publish::qos1(id, "aside/says", payload).encode(V5))
        .collect();
    device.send(&sent);
    for (packet_id, payload) in (1..).zip(&payloads) {
        let expected = if payload.len() > 2_000 {
            PACKET_TOO_LARGE
        } else {
            0
        };
        let puback = device.expect(PUBACK);
        assert_eq!((puback.packet_id(), puback.reason()), (packet_id, expected));
    }
    assert_settled(&gateway);
    let metrics = gateway.metrics();
    let refused = metrics.labelled("tributary_publishes_refused_total", "reason", "too_large");
    assert_eq!(refused, 3.0);
    assert_eq!(read_topic(&kafka.bootstrap(), "aside").len(), 27);
}

#[test]
fn leaders_that_move_among_three_nodes_cost_nothing_but_time() {
    let kafka = RealKafka::start_with(&["--nodes", "3"]);
    let gateway = Launch::default().kafka(&kafka.bootstrap()).start();
    let mut device = Client::connect(&gateway, V5, "device");
    device.publish("moved/says", b"before");
    let leader = kafka.leader("mqtt", "0");
    let acknowledged = while_publishing(&gateway, "moved/on", || {
        kafka.restart_node(&leader, || {
            for number in 0..12_u8 {
                let mut device = Client::connect(&gateway, V5, &format!("device{number}"));
                device.publish("moved/says", b"meanwhile");
            }
        });
    });
    device.publish("moved/says", b"after");
    assert_settled(&gateway);
    assert_eq!(gateway.metrics().sum("tributary_kafka_rebuilds_total"), 0.0);
    let records = read_topic(&kafka.bootstrap(), "mqtt");
    let (on, says): (Vec<_>, Vec<_>) = records
        .into_iter()
        .partition(|record| record.mqtt_topic == b"moved/on");
    assert!(
        numbers(&on) == acknowledged,
        "each once and in order, of {}",
        acknowledged.len()
    );
    assert_eq!(says.len(), 14);
}

#[test]
fn a_cluster_whose_brokers_all_have_new_addresses_is_found_again_by_the_name_it_had() {
    /// No listener of the old address.
    const ELSEWHERE: u16 = 6;
    let kafka = RealKafka::start();
    let name = Relay::to(kafka.bootstrap());
    let gateway = Launch::default().kafka(&name.address()).start();
    let mut device = Client::connect(&gateway, V5, "device");
    device.publish("moved/says", b"before");
    let packet_id = device.take_packet_id();
    kafka.move_to(ELSEWHERE);
    device.send(&Publish::qos1(packet_id, "moved/says", b"meanwhile").encode(V5));
    device.ping();
    name.point_to(kafka.listener(ELSEWHERE));
    // librdkafka may have forgotten every broker meanwhile. Probes notice that, one every ten
    // seconds, each waiting for it to fail: more than a client's usual patience.
    let is_there = || {
        let metrics = gateway.metrics();
        let acknowledged = metrics.labelled("tributary_publishes_acknowledged_total", "qos", "1");
        (acknowledged >= 2.0).then_some(())
    };
    assert!(ask_until(3 * DEADLINE, is_there).is_some(), "it is found");
    let puback = device.expect(PUBACK);
    assert_eq!((puback.packet_id(), puback.reason()), (packet_id, 0));
    device.publish("moved/says", b"after");
    assert_settled(&gateway);
    gateway.wait_until("a lane that is up, with nothing on its way", |metrics| {
        metrics.labelled("tributary_kafka_state", "state", "up") == 1.0
    });
    let ready = gateway.ask("/readyz");
    assert!(ready.contains("\"state\":\"up\""), "{ready}");
    let records = read_topic(&kafka.listener(ELSEWHERE), "mqtt");
    let values: Vec<_> = records.into_iter().map(|record| record.value).collect();
    assert_eq!(
        values,
        [b"before".to_vec(), b"meanwhile".to_vec(), b"after".to_vec()]
    );
}
