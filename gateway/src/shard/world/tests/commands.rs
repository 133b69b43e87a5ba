//! Records of Kafka topics go to their devices and are told of once, whatever becomes of sessions.

use std::sync::Arc;

use tributary_proto::close::Close;
use tributary_proto::message::Message;
use tributary_proto::session::Terms;
use tributary_proto::version::Qos;

use super::bench::{BASE_SEC, Bench, Durable, Ground, connect, connect_kept, publish_5, subscribe};
use crate::kafka::downlink::{CaughtUp, Command, Dropped, Fate, FatesForTest, Origin, TrayTerms};

const TERMS: TrayTerms = TrayTerms {
    rule: 0,
    waiting_max: 100,
    drops_newest: false,
    latest: false,
    several: false,
};

const SUBACK_BYTES: usize = 6;
const AT_LEAST_ONCE: u8 = 0b10;
const EXACTLY_ONCE: u8 = 0b100;
const DUP: u8 = 0b1000;

/// Commands of one partition, and what was told of them.
struct Topic {
    origin: Origin,
    fates: FatesForTest,
    count: u64,
}

impl Topic {
    fn new() -> Topic {
        let (origin, fates) = Origin::for_test(0);
        Topic {
            origin,
            fates,
            count: 0,
        }
    }

    /// The next command; its payload is its number in one digit.
    fn command(&mut self, device: Option<&str>, qos: Qos) -> Command {
        let origin = self.origin.after_for_test(self.count);
        let payload = self.count.to_string().into_bytes();
        self.count += 1;
        Command {
            device: device.map(Arc::from),
            message: Arc::new(Message {
                topic: "cmd".into(),
                payload: payload.into(),
                properties: Box::default(),
                publisher: Message::NOBODY,
                expires_at_sec: Message::NEVER,
                qos,
                retain: false,
            }),
            is_tombstone: false,
            terms: Arc::new(TERMS),
            origin,
        }
    }

    /// A command of QoS 1 for the device `d` comes.
    fn come(&mut self, bench: &mut Bench) {
        let command = self.command(Some("d"), Qos::AtLeastOnce);
        bench.world.on_command(command);
        bench.carry();
    }
}

/// A client that has the subscription; its answers are sent.
fn subscribed(bench: &mut Bench, connect: &[u8], qos: u8) -> u32 {
    let index = bench.enter(connect);
    bench.world.on_bytes(index, &subscribe(1, "cmd", qos));
    bench.sent(index);
    index
}

fn puback(packet_id: u8, reason: u8) -> [u8; 6] {
    [0x40, 4, 0, packet_id, reason, 0]
}

#[test]
fn a_command_waits_for_its_device_and_for_a_subscription_and_ends_with_a_puback() {
    let mut bench = Bench::new(Terms::default());
    let mut topic = Topic::new();
    topic.come(&mut bench);
    let index = bench.connect("d", 5, 0);
    bench.carry();
    assert!(bench.sent(index).is_empty(), "it has not subscribed");
    bench.world.on_bytes(index, &subscribe(1, "cmd", 1));
    bench.carry();
    let sent = bench.sent(index);
    assert_eq!(sent[0], 0x90, "the SUBACK comes first");
    assert_eq!(
        sent[SUBACK_BYTES..],
        publish_5("cmd", AT_LEAST_ONCE, 1, b"0")
    );
    assert_eq!(topic.fates.take(), []);
    bench.world.on_bytes(index, &puback(1, 0));
    bench.carry();
    assert_eq!(topic.fates.take(), [(0, Fate::HandedOff)]);
    assert!(bench.world.handoff.is_empty(), "nothing is left of it");
}

#[test]
fn a_subscription_of_qos_0_has_it_when_it_is_sent() {
    let mut bench = Bench::new(Terms::default());
    let mut topic = Topic::new();
    let index = subscribed(&mut bench, &connect("d", 5, 0), 0);
    topic.come(&mut bench);
    assert_eq!(bench.sent(index), publish_5("cmd", 0, 0, b"0"));
    assert_eq!(topic.fates.take(), [(0, Fate::HandedOff)]);
    assert!(bench.world.handoff.is_empty());
}

#[test]
fn what_a_session_that_ended_has_not_acknowledged_goes_again_in_order() {
    let mut bench = Bench::new(Terms::default());
    let mut topic = Topic::new();
    let index = subscribed(&mut bench, &connect("d", 5, 0), 1);
    (0..3).for_each(|_| topic.come(&mut bench));
    bench.world.on_bytes(index, &puback(2, 0));
    bench.world.end(index, Close::PeerReset);
    bench.carry();
    assert_eq!(topic.fates.take(), [(1, Fate::HandedOff)]);
    let index = subscribed(&mut bench, &connect("d", 5, 0), 1);
    bench.carry();
    let wanted = [
        publish_5("cmd", AT_LEAST_ONCE, 1, b"0"),
        publish_5("cmd", AT_LEAST_ONCE, 2, b"2"),
    ];
    assert_eq!(bench.sent(index), wanted.concat());
}

#[test]
fn a_kept_session_repeats_by_itself_and_nobody_else_does() {
    let mut bench = Bench::new(Terms::default());
    let mut topic = Topic::new();
    let index = subscribed(&mut bench, &connect_kept("d", false, 60), 1);
    topic.come(&mut bench);
    bench.sent(index);
    bench.world.end(index, Close::PeerReset);
    bench.carry();
    let index = bench.enter(&connect_kept("d", false, 60));
    bench.carry();
    let sent = bench.sent(index);
    let connack_bytes = 2 + usize::from(sent[1]);
    let repeated = publish_5("cmd", AT_LEAST_ONCE | DUP, 1, b"0");
    assert_eq!(sent[connack_bytes..], repeated);
    bench.world.on_bytes(index, &puback(1, 0));
    bench.carry();
    assert_eq!(topic.fates.take(), [(0, Fate::HandedOff)]);
}

#[test]
fn a_device_that_answers_with_a_failure_gets_it_no_more() {
    let mut bench = Bench::new(Terms::default());
    let mut topic = Topic::new();
    let index = subscribed(&mut bench, &connect("d", 5, 0), 1);
    topic.come(&mut bench);
    bench.world.on_bytes(index, &puback(1, 0x80));
    bench.carry();
    let refused = Fate::Dropped(Dropped::Refused);
    assert_eq!(topic.fates.take(), [(0, refused)]);
    assert!(bench.world.handoff.is_empty());
}

#[test]
fn a_command_expires_while_its_device_is_away() {
    let mut bench = Bench::new(Terms::default());
    let mut topic = Topic::new();
    let mut command = topic.command(Some("d"), Qos::AtLeastOnce);
    if let Some(message) = Arc::get_mut(&mut command.message) {
        message.expires_at_sec = BASE_SEC + 2;
    }
    bench.world.on_command(command);
    for (tick, fates) in [
        (19, vec![]),
        (20, vec![(0, Fate::Dropped(Dropped::Expired))]),
    ] {
        bench.world.on_tick(tick);
        bench.carry();
        assert_eq!(topic.fates.take(), fates, "after tick {tick}");
    }
    assert!(bench.world.handoff.is_empty());
}

#[test]
fn a_session_that_takes_no_more_is_asked_again_later() {
    let terms = Terms {
        in_flight_max: 1,
        queue_messages_max: 1,
        ..Terms::default()
    };
    let mut bench = Bench::new(terms);
    let mut topic = Topic::new();
    let index = subscribed(&mut bench, &connect("d", 5, 0), 1);
    (0..3).for_each(|_| topic.come(&mut bench));
    assert_eq!(bench.sent(index), publish_5("cmd", AT_LEAST_ONCE, 1, b"0"));
    assert!(bench.is_here(index), "it is no slow reader");
    let mut numbers = Vec::new();
    for packet_id in 1..=3 {
        bench.world.on_bytes(index, &puback(packet_id, 0));
        bench.world.on_tick(u32::from(packet_id));
        bench.carry();
        let sent = bench.sent(index);
        numbers.extend(sent.last().copied());
    }
    assert_eq!(numbers, b"12");
    assert_eq!(topic.fates.take().len(), 3);
}

#[test]
fn kafka_keeps_what_is_sent_at_qos_1_and_the_store_what_is_sent_at_qos_2() {
    for (qos, flags) in [
        (Qos::AtLeastOnce, None),
        (Qos::ExactlyOnce, Some(EXACTLY_ONCE | DUP)),
    ] {
        let mut durable = Durable::new(&format!("command{}", qos as u8));
        let mut topic = Topic::new();
        let index = subscribed(&mut durable.bench, &connect_kept("d", false, 3_600), 2);
        durable.commit();
        durable.bench.sent(index);
        let command = topic.command(Some("d"), qos);
        durable.bench.world.on_command(command);
        durable.commit();
        let flags_sent = (qos as u8) << 1;
        let sent = publish_5("cmd", flags_sent, 1, b"0");
        assert_eq!(durable.bench.sent(index), sent);
        let mut durable = durable.restart();
        let index = durable.bench.enter(&connect_kept("d", false, 3_600));
        durable.commit();
        let sent = durable.bench.sent(index);
        let connack_bytes = 2 + usize::from(sent[1]);
        assert_eq!((sent[0], sent[2]), (0x20, 1), "the session is there");
        let repeated = flags.map_or(Vec::new(), |flags| publish_5("cmd", flags, 1, b"0"));
        assert_eq!(sent[connack_bytes..], repeated);
    }
}

#[test]
fn a_command_for_everyone_is_handed_off_when_all_shards_have_it_on_disk() {
    let mut durable = Durable::new("everyone");
    let mut topic = Topic::new();
    let index = subscribed(&mut durable.bench, &connect_kept("d", false, 3_600), 1);
    durable.commit();
    durable.bench.world.end(index, Close::PeerReset);
    durable.commit();
    let command = topic.command(None, Qos::AtLeastOnce);
    durable.bench.world.on_command(command);
    durable.bench.carry();
    assert_eq!(topic.fates.take(), [], "a session that is away keeps it");
    durable.commit();
    assert_eq!(topic.fates.take(), [(0, Fate::HandedOff)]);
}

#[test]
fn each_shard_tells_of_a_command_for_everyone_and_one_of_them_serves_the_groups() {
    let mut shards = Ground::new(2).shards(&Terms::default());
    let mut topic = Topic::new();
    let members: Vec<u32> = shards
        .iter_mut()
        .map(|shard| {
            let id = (0..).map(|number| format!("d{number}"));
            let mut id = id.filter(|id| shard.world.home(id) == shard.world.index);
            // There is always one more.
            let connect = connect(&id.next().unwrap(), 5, 0);
            let index = subscribed(shard, &connect, 0);
            shard
                .world
                .on_bytes(index, &subscribe(2, "$share/g/cmd", 0));
            shard.sent(index);
            index
        })
        .collect();
    let command = topic.command(None, Qos::AtMostOnce);
    for shard in &mut shards {
        shard.world.on_command(command.clone());
        shard.carry();
    }
    while shards.iter_mut().any(Bench::take_notes) {}
    assert_eq!(topic.fates.take(), [(0, Fate::HandedOff); 2]);
    let copies = shards.iter_mut().zip(members).map(|(shard, index)| {
        let sent = shard.sent(index);
        sent.len() / publish_5("cmd", 0, 0, b"0").len()
    });
    assert_eq!(copies.sum::<usize>(), 3, "one each, and one of the group");
}

/// A state that other gateways may hand off as well.
fn shared_state(topic: &mut Topic) -> Command {
    let terms = TrayTerms {
        latest: true,
        several: true,
        ..TERMS
    };
    Command {
        terms: Arc::new(terms),
        ..topic.command(Some("d"), Qos::AtLeastOnce)
    }
}

fn catch_up(bench: &mut Bench, topic: &Topic, asked: u64) {
    let desk = topic.origin.desk();
    let caught_up = CaughtUp { desk, asked };
    bench.world.handoff.on_caught_up(&caught_up);
    bench.carry();
}

#[test]
fn a_state_goes_out_once_all_is_read_that_there_was_when_its_device_came() {
    let mut bench = Bench::new(Terms::default());
    let mut topic = Topic::new();
    let index = subscribed(&mut bench, &connect("d", 5, 0), 1);
    let state = shared_state(&mut topic);
    bench.world.on_command(state);
    bench.carry();
    assert!(bench.sent(index).is_empty(), "a newer one may be with it");
    catch_up(&mut bench, &topic, 1);
    assert_eq!(bench.sent(index), publish_5("cmd", AT_LEAST_ONCE, 1, b"0"));
    bench.world.on_bytes(index, &puback(1, 0));
    let state = shared_state(&mut topic);
    bench.world.on_command(state);
    bench.carry();
    let sent = bench.sent(index);
    assert_eq!(sent, publish_5("cmd", AT_LEAST_ONCE, 2, b"1"), "at once");

    bench.world.end(index, Close::PeerReset);
    bench.carry();
    let index = subscribed(&mut bench, &connect("d", 5, 0), 1);
    bench.carry();
    assert!(bench.sent(index).is_empty(), "it may have been elsewhere");
    catch_up(&mut bench, &topic, 1);
    assert!(bench.sent(index).is_empty(), "that is an old answer");
    let asked = topic.origin.desk().ask();
    catch_up(&mut bench, &topic, asked);
    assert_eq!(bench.sent(index), publish_5("cmd", AT_LEAST_ONCE, 1, b"1"));
}

#[test]
fn commands_that_are_no_states_wait_for_no_reader() {
    let mut bench = Bench::new(Terms::default());
    let mut topic = Topic::new();
    let index = subscribed(&mut bench, &connect("d", 5, 0), 1);
    let mut command = shared_state(&mut topic);
    let terms = TrayTerms {
        latest: false,
        ..*command.terms
    };
    command.terms = Arc::new(terms);
    bench.world.on_command(command);
    bench.carry();
    assert_eq!(bench.sent(index), publish_5("cmd", AT_LEAST_ONCE, 1, b"0"));
}
