//! Shared subscriptions: every message to one member of each group.

use super::plays;
use crate::connect::Connect;
use crate::peer::Peer;
use crate::target::Target;
use crate::wire::*;

plays! {
    ONLY_5 "4.8.2" each_message_goes_to_one_member,
    ONLY_5 "4.8.2" every_group_and_every_other_subscriber_has_its_own_copy,
    ONLY_5 "4.8.2" the_members_that_stay_get_everything,
    ONLY_5 "MQTT-4.8.2-3" each_member_has_its_own_quality,
    ONLY_5 "MQTT-4.8.2-6" a_message_that_a_member_refuses_goes_to_no_other,
    ONLY_5 "MQTT-4.8.2-4" a_handshake_begun_with_a_member_is_finished_with_it,
    ONLY_5 "MQTT-3.10.4-1" a_member_that_unsubscribes_is_none,
}

fn members(target: &Target, version: u8, filter: &str, count: usize) -> Vec<Peer> {
    let member = |_| {
        let mut peer = Peer::join(target, version, &target.unique("member"));
        peer.subscribe(filter, 1);
        peer
    };
    (0..count).map(member).collect()
}

/// Everything that members were sent until each has heard the last word on a topic of its own.
fn heard(target: &Target, members: &mut [Peer], publisher: &mut Peer) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for member in members {
        let last = target.unique("last");
        member.subscribe(&last, 1);
        publisher.publish(0b0010, &last, "last");
        let mut texts = Vec::new();
        loop {
            let message = member.message();
            if message.topic == last {
                break;
            }
            texts.push(message.text());
        }
        all.push(texts);
    }
    all
}

fn each_message_goes_to_one_member(target: &Target, version: u8) {
    let topic = target.unique("shared");
    let mut group = members(target, version, &format!("$share/group/{topic}"), 3);
    let mut publisher = Peer::join(target, version, &target.unique("shares"));
    for number in 0..60 {
        publisher.publish(0b0010, &topic, &number.to_string());
    }
    let heard = heard(target, &mut group, &mut publisher);
    assert!(
        heard.iter().all(|texts| !texts.is_empty()),
        "everyone works: {heard:?}"
    );
    let mut all: Vec<i32> = heard
        .concat()
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    all.sort();
    assert_eq!(all, (0..60).collect::<Vec<i32>>(), "each once");
}

fn every_group_and_every_other_subscriber_has_its_own_copy(target: &Target, version: u8) {
    let topic = target.unique("groups");
    let mut one = members(target, version, &format!("$share/one/{topic}"), 2);
    let mut other = members(target, version, &format!("$share/other/{topic}"), 2);
    let mut plain = members(target, version, &topic, 1);
    let mut publisher = Peer::join(target, version, &target.unique("shares"));
    for number in 0..10 {
        publisher.publish(0b0010, &topic, &number.to_string());
    }
    for group in [&mut one, &mut other, &mut plain] {
        assert_eq!(heard(target, group, &mut publisher).concat().len(), 10);
    }
}

fn the_members_that_stay_get_everything(target: &Target, version: u8) {
    let topic = target.unique("stay");
    let mut group = members(target, version, &format!("$share/group/{topic}"), 3);
    let mut publisher = Peer::join(target, version, &target.unique("shares"));
    while let Some(member) = group.pop() {
        for number in 0..10 {
            publisher.publish(0b0010, &topic, &number.to_string());
        }
        group.push(member);
        assert_eq!(heard(target, &mut group, &mut publisher).concat().len(), 10);
        group.pop().into_iter().for_each(Peer::leave);
    }
}

fn each_member_has_its_own_quality(target: &Target, version: u8) {
    let topic = target.unique("quality");
    let filter = format!("$share/group/{topic}");
    let mut publisher = Peer::join(target, version, &target.unique("shares"));
    for qos in 0..3 {
        let mut member = Peer::join(target, version, &target.unique("member"));
        member.subscribe(&filter, qos);
        publisher.publish(0b0100, &topic, "x");
        assert_eq!(member.hears(&topic, "x").qos, qos);
        member.leave();
    }
}

fn a_message_that_a_member_refuses_goes_to_no_other(target: &Target, version: u8) {
    let topic = target.unique("refused");
    let mut group = members(target, version, &format!("$share/group/{topic}"), 1);
    let mut publisher = Peer::join(target, version, &target.unique("shares"));
    publisher.publish(0b0010, &topic, "no, thanks");
    let message = group[0].take_message();
    let mut late = members(target, version, &format!("$share/group/{topic}"), 1);
    let [high, low] = message.id.to_be_bytes();
    group[0].send(&frame(0x40, &[high, low, 0x97]));
    group[0].ping();
    assert_eq!(heard(target, &mut late, &mut publisher).concat(), [""; 0]);
}

fn a_handshake_begun_with_a_member_is_finished_with_it(target: &Target, version: u8) {
    let topic = target.unique("begun");
    let filter = format!("$share/group/{topic}");
    let lasting = Connect::lasting(version, &target.unique("member"));
    let (mut member, _) = Peer::open(target, &lasting);
    member.subscribe(&filter, 2);
    let mut publisher = Peer::join(target, version, &target.unique("shares"));
    publisher.publish(0b0100, &topic, "mine");
    let first = member.take_message();
    let mut other = Peer::join(target, version, &target.unique("other"));
    other.subscribe(&filter, 2);
    member.vanish();
    let (mut member, connack) = Peer::open(target, &lasting);
    assert!(connack.session_present(), "{connack:x?}");
    let again = member.hears(&topic, "mine");
    assert!(again.dup && again.id == first.id, "{again:?}");
    other.hears_no_more_from(&mut publisher, target);
    member.leave();
}

fn a_member_that_unsubscribes_is_none(target: &Target, version: u8) {
    let topic = target.unique("none");
    let filter = format!("$share/group/{topic}");
    let mut group = members(target, version, &filter, 2);
    let mut publisher = Peer::join(target, version, &target.unique("shares"));
    group[0].unsubscribe(&filter);
    for number in 0..10 {
        publisher.publish(0b0010, &topic, &number.to_string());
    }
    let counts: Vec<usize> = heard(target, &mut group, &mut publisher)
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(counts, [0, 10]);
}
