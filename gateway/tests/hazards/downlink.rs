//! Commands from Kafka to devices that are there, away, elsewhere addressed or too slow.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::{Application, RealKafka, read_topic};
use crate::support::property::*;
use crate::support::wire::*;

/// A gateway on this Kafka that reads the topic `commands` by the default rule and these keys.
fn gateway(kafka: &RealKafka, keys: &str) -> Gateway {
    kafka.create("commands");
    let config = format!(
        "[shards]\ncount = 2\n\n[node]\nname = \"test\"\n\n\
         [downlink.commands]\ntopic = \"commands\"\nto = \"dev/{{key}}/cmd\"\n{keys}\n\n\
         [[route]]\nfilter = \"answer/#\"\ntopic = \"mqtt\"\n\
         headers = {{ \"mqtt.correlation_data\" = \"{{correlation_data}}\" }}\n"
    );
    let gateway = Launch::default()
        .config(&config)
        .kafka(&kafka.bootstrap())
        .start();
    gateway.wait_until("the topic is read", |metrics| {
        metrics.sum("tributary_downlink_partitions") >= 12.0
    });
    gateway
}

/// Waits until everything written was read and nothing is open; the books balance then and before.
fn wait_until_done(gateway: &Gateway, written: usize) {
    let metrics = gateway.wait_until("nothing is pending", |metrics| {
        assert_eq!(metrics.downlink_imbalance(), 0.0, "{}", metrics.text);
        metrics.sum("tributary_downlink_records_total") == written as f64
            && metrics.sum("tributary_downlink_pending") == 0.0
    });
    assert_eq!(metrics.downlink_imbalance(), 0.0);
}

fn dropped(gateway: &Gateway, reason: &str) -> f64 {
    let name = "tributary_downlink_dropped_total";
    gateway.metrics().labelled(name, "reason", reason)
}

#[test]
fn a_command_reaches_the_device_it_names_and_nobody_else() {
    let kafka = RealKafka::start();
    let gateway = gateway(&kafka, "qos = 2");
    let application = Application::new(&kafka.bootstrap());
    let mut onlooker = Client::connect(&gateway, V5, "onlooker").subscribed("#", 2);
    let mut devices: Vec<_> = VERSIONS
        .iter()
        .flat_map(|version| [0, 1, 2].map(|qos| (*version, qos)))
        .map(|(version, qos)| {
            let id = format!("d{version}{qos}");
            let filter = format!("dev/{id}/+");
            let device = Client::connect(&gateway, version, &id).subscribed(&filter, qos);
            (device, id, qos)
        })
        .collect();
    for number in ["1", "2", "3"] {
        for (_, id, _) in &devices {
            application.say("commands", id, number);
        }
    }
    application.flush();
    for (device, id, qos) in &mut devices {
        for number in ["1", "2", "3"] {
            let command = device.receive();
            assert_eq!(command.topic, format!("dev/{id}/cmd"));
            assert_eq!((command.payload, command.qos), (number.into(), *qos));
        }
    }
    wait_until_done(&gateway, 27);
    onlooker.ping();
    assert_eq!(onlooker.kept().count(), 0, "it was not for the onlooker");
}

#[test]
fn headers_name_the_topic_and_a_record_without_an_address_is_counted() {
    let kafka = RealKafka::start();
    kafka.create("by-header");
    let keys = "[downlink.by-header]\ntopic = \"by-header\"\n\
                device = \"{header:device}\"\nuser_properties = true\n";
    let gateway = gateway(&kafka, keys);
    gateway.wait_until("both topics are read", |metrics| {
        metrics.sum("tributary_downlink_partitions") == 24.0
    });
    let application = Application::new(&kafka.bootstrap());
    let mut device = Client::connect(&gateway, V5, "d1").subscribed("any/where", 1);
    let address = [("device", &b"d1"[..]), ("mqtt.topic", b"any/where")];
    application.write("by-header", "k", Some(b"nobody"), &address[..1]);
    application.write("by-header", "k", Some(b"nowhere"), &address[1..]);
    application.write("by-header", "k", Some(b"there"), &address);
    application.flush();
    let command = device.receive();
    assert_eq!(command.payload, b"there");
    let device_property = command.property(USER_PROPERTY).expect("the other header");
    assert_eq!(device_property, [text(b"device"), text(b"d1")].concat());
    wait_until_done(&gateway, 3);
    assert_eq!(dropped(&gateway, "unaddressable"), 2.0);
}

#[test]
fn a_device_that_was_away_gets_its_commands_in_order_and_no_more_than_its_queue_holds() {
    let kafka = RealKafka::start();
    let gateway = gateway(&kafka, "queue_max = 10\ndrop = \"oldest\"");
    let application = Application::new(&kafka.bootstrap());
    for number in 0..25 {
        application.say("commands", "away", &number.to_string());
        application.say("commands", "never", &number.to_string());
    }
    application.flush();
    gateway.wait_until("everything is read", |metrics| {
        metrics.sum("tributary_downlink_records_total") == 50.0
            && metrics.sum("tributary_downlink_pending") == 20.0
    });
    assert_eq!(dropped(&gateway, "queue"), 30.0);
    let mut device = Client::connect(&gateway, V311, "away");
    device.ping();
    assert_eq!(device.kept().count(), 0, "it has no subscription yet");
    let mut device = device.subscribed("dev/away/#", 1);
    let numbers: Vec<_> = (0..10).map(|_| device.receive().number()).collect();
    assert_eq!(numbers, (15..25).collect::<Vec<_>>());
    let metrics = gateway.wait_until("the device's are done", |metrics| {
        metrics.sum("tributary_downlink_pending") == 10.0
    });
    assert_eq!(metrics.downlink_imbalance(), 0.0);
    assert_eq!(metrics.sum("tributary_downlink_delivered_total"), 10.0);
}

#[test]
fn a_command_expires_and_what_is_left_of_its_life_is_told() {
    let kafka = RealKafka::start();
    let gateway = gateway(&kafka, "expiry_secs = 3600");
    let application = Application::new(&kafka.bootstrap());
    let mut device = Client::connect(&gateway, V5, "there").subscribed("dev/there/cmd", 1);
    application.say("commands", "there", "now");
    application.say_of_old("commands", "there", "by a clock that is ahead", -1800);
    application.say_of_old("commands", "there", "over", 3600);
    // Its time is over soon after it was read, or just before.
    application.say_of_old("commands", "away", "later", 3598);
    application.flush();
    for _ in 0..2 {
        let left = device.receive().expiry_secs();
        // A shard's clock may be a tick behind the reader's, and a second may begin in between.
        assert!(
            left.is_some_and(|left| (3000..=3601).contains(&left)),
            "{left:?}"
        );
    }
    wait_until_done(&gateway, 4);
    assert_eq!(dropped(&gateway, "expired"), 2.0);
    device.ping();
    assert_eq!(device.kept().count(), 0);
    let mut late = Client::connect(&gateway, V5, "away").subscribed("dev/away/cmd", 1);
    late.ping();
    assert_eq!(late.kept().count(), 0);
}

#[test]
fn too_much_behind_one_open_record_gives_it_up_loudly() {
    let kafka = RealKafka::start();
    let gateway = gateway(&kafka, "uncommitted_max = 5");
    let application = Application::new(&kafka.bootstrap());
    // One key, so one partition.
    for number in 0..8 {
        application.say("commands", "away", &number.to_string());
    }
    application.flush();
    gateway.wait_until("everything is read and three are given up", |metrics| {
        metrics.sum("tributary_downlink_records_total") == 8.0
            && metrics.sum("tributary_downlink_pending") == 5.0
    });
    assert_eq!(dropped(&gateway, "window"), 3.0);
    gateway.wait_for_line(&["a record was dropped", "window"]);
    let mut device = Client::connect(&gateway, V5, "away").subscribed("dev/away/cmd", 1);
    let numbers: Vec<_> = (0..5).map(|_| device.receive().number()).collect();
    assert_eq!(numbers, [3, 4, 5, 6, 7]);
    wait_until_done(&gateway, 8);
}

#[test]
fn partitions_that_are_added_are_read_from_their_begin() {
    let kafka = RealKafka::start();
    let gateway = gateway(&kafka, "");
    let application = Application::new(&kafka.bootstrap());
    let mut device = Client::connect(&gateway, V5, "d").subscribed("dev/+/cmd", 1);
    kafka.grow("commands", 13);
    application.write_to("commands", 12, "d", "first of its partition");
    application.flush();
    assert_eq!(device.receive().payload, b"first of its partition");
    wait_until_done(&gateway, 1);
    let partitions = gateway.metrics().sum("tributary_downlink_partitions");
    assert_eq!(partitions, 13.0);
}

#[test]
fn a_kafka_that_was_killed_and_is_back_loses_no_command_and_repeats_none() {
    const COMMANDS: u64 = 200;
    let kafka = RealKafka::start();
    let gateway = gateway(&kafka, "queue_max = 1000");
    let application = Application::new(&kafka.bootstrap());
    let mut device = Client::connect(&gateway, V5, "d").subscribed("dev/d/cmd", 1);
    for number in 0..COMMANDS / 2 {
        application.say("commands", "d", &number.to_string());
    }
    application.flush();
    let mut numbers = vec![device.receive().number()];
    kafka.kill();
    kafka.restart();
    for number in COMMANDS / 2..COMMANDS {
        application.say("commands", "d", &number.to_string());
    }
    application.flush();
    while numbers.len() < COMMANDS as usize {
        numbers.push(device.receive().number());
    }
    assert_eq!(numbers, (0..COMMANDS).collect::<Vec<_>>());
    wait_until_done(&gateway, COMMANDS as usize);
    let before = gateway.metrics().sum("tributary_downlink_commits_total");
    application.say("commands", "d", "200");
    application.flush();
    assert_eq!(device.receive().number(), COMMANDS);
    gateway.wait_until("offsets are committed again", |metrics| {
        metrics.sum("tributary_downlink_commits_total") > before
    });
}

#[test]
fn a_request_goes_down_and_its_answer_comes_up_with_the_same_correlation_data() {
    let kafka = RealKafka::start();
    let gateway = gateway(&kafka, "");
    let application = Application::new(&kafka.bootstrap());
    let mut device = Client::connect(&gateway, V5, "d1").subscribed("dev/d1/cmd", 1);
    let correlation = [7, 0, 0xFF];
    let headers = [
        ("mqtt.response_topic", &b"answer/d1"[..]),
        ("mqtt.correlation_data", &correlation),
        ("mqtt.content_type", b"text/plain"),
    ];
    application.write("commands", "d1", Some(b"how warm?"), &headers);
    application.flush();
    let request = device.receive();
    assert_eq!(request.payload, b"how warm?");
    assert_eq!(
        request.property(CONTENT_TYPE),
        Some(&text(b"text/plain")[..])
    );
    let topic = request
        .property(RESPONSE_TOPIC)
        .expect("somewhere to answer");
    let data = request.property(CORRELATION_DATA).expect("its number");
    let properties = long(CORRELATION_DATA, &data[2..]);
    let answer = Publish {
        topic: &topic[2..],
        payload: b"21",
        properties: &properties,
        ..Publish::default()
    };
    device.announce(answer);
    let records = read_topic(&kafka.bootstrap(), "mqtt");
    let [record] = &records[..] else {
        panic!("one answer: {records:?}");
    };
    assert_eq!(
        record.header("mqtt.correlation_data"),
        Some(&correlation[..])
    );
    assert_eq!(
        (&record.value[..], &record.mqtt_topic[..]),
        (&b"21"[..], &b"answer/d1"[..])
    );
}

#[test]
fn a_command_for_everyone_reaches_subscribers_on_all_shards_and_one_of_each_group() {
    let kafka = RealKafka::start();
    let gateway = gateway(&kafka, "device = \"\"");
    let application = Application::new(&kafka.bootstrap());
    let mut devices: Vec<_> = (0..8)
        .map(|number| {
            let id = format!("d{number}");
            Client::connect(&gateway, V5, &id).subscribed("dev/+/cmd", 1)
        })
        .collect();
    let mut group: Vec<_> = (0..4)
        .map(|number| {
            let id = format!("g{number}");
            Client::connect(&gateway, V5, &id).subscribed("$share/g/dev/+/cmd", 1)
        })
        .collect();
    application.say("commands", "all", "1");
    application.flush();
    for device in &mut devices {
        assert_eq!(device.receive().payload, b"1");
    }
    wait_until_done(&gateway, 1);
    let picked = gateway.wait_until("one of the group has it", |metrics| {
        metrics.sum("tributary_deliveries_total") >= 9.0
    });
    assert_eq!(picked.sum("tributary_deliveries_total"), 9.0);
    group.iter_mut().for_each(|member| {
        member.send(&PINGREQ_BYTES);
        while member
            .packet_or_delivery()
            .is_some_and(|packet| packet.kind() != PINGRESP)
        {}
    });
    assert_eq!(
        group
            .iter_mut()
            .map(|member| member.kept().count())
            .sum::<usize>(),
        1
    );
}
