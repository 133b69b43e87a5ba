//! From the client: the order of acknowledgements, repetitions, bounds and aliases.

use super::bench::*;
use crate::close::Close;
use crate::reason::Reason;
use crate::session::busy::ENTRIES_KEPT;
use crate::session::{Settled, Terms};
use crate::version::{Qos, Version};

#[test]
fn acknowledgements_leave_in_the_order_of_the_publishes() {
    let mut bench = Bench::new(Version::V311);
    bench.take(1, Qos::AtLeastOnce);
    bench.take(2, Qos::ExactlyOnce);
    bench.take(3, Qos::AtLeastOnce);
    assert!(bench.settle(3, Reason::Success));
    assert!(bench.settle(2, Reason::Success));
    assert_eq!(bench.written(), []);
    bench.settle(1, Reason::Success);
    assert_eq!(
        bench.written(),
        [PUBACK, 2, 0, 1, PUBREC, 2, 0, 2, PUBACK, 2, 0, 3]
    );
}

#[test]
fn an_answer_on_the_spot_waits_for_the_ones_before_it() {
    let mut bench = Bench::new(Version::V5);
    bench.take(1, Qos::AtLeastOnce);
    bench.answer(2, Qos::AtLeastOnce, Reason::NoMatchingSubscribers);
    assert_eq!(bench.written(), []);
    bench.settle(1, Reason::QuotaExceeded);
    assert_eq!(
        bench.written(),
        [PUBACK, 3, 0, 1, 0x97, PUBACK, 3, 0, 2, 0x10]
    );
}

#[test]
fn a_repeated_qos_2_publish_is_answered_again_and_not_offered_again() {
    let mut bench = Bench::new(Version::V5);
    bench.take(7, Qos::ExactlyOnce);
    assert_eq!(bench.give(publish(7, Qos::ExactlyOnce)), Did::Done);
    assert_eq!(bench.written(), [], "its PUBREC is still to come");
    bench.settle(7, Reason::Success);
    assert_eq!(bench.written(), [PUBREC, 2, 0, 7]);
    assert_eq!(bench.give(publish(7, Qos::ExactlyOnce)), Did::Done);
    assert_eq!(bench.written(), [PUBREC, 2, 0, 7]);
    assert_eq!(bench.give(release(7)), Did::Done);
    assert_eq!(bench.written(), [PUBCOMP, 2, 0, 7]);
    assert_eq!(
        bench.give(publish(7, Qos::ExactlyOnce)),
        Did::Offered("t".into())
    );
}

#[test]
fn repetitions_behind_an_unanswered_publish_are_answered_once() {
    for version in [Version::V311, Version::V5] {
        let mut bench = Bench::new(version);
        bench.take(7, Qos::ExactlyOnce);
        bench.settle(7, Reason::Success);
        assert_eq!(bench.written(), [PUBREC, 2, 0, 7]);
        bench.take(1, Qos::AtLeastOnce);
        for _ in 0..100 {
            assert_eq!(bench.give(publish(7, Qos::ExactlyOnce)), Did::Done);
        }
        assert_eq!(
            bench.session.owed_count(),
            2,
            "the PUBLISH that waits, and one repetition"
        );
        bench.settle(1, Reason::Success);
        assert_eq!(bench.written(), [PUBACK, 2, 0, 1, PUBREC, 2, 0, 7]);
    }
}

#[test]
fn a_repetition_waits_when_too_much_is_owed() {
    let mut bench = Bench::new(Version::V311);
    bench.take(7, Qos::ExactlyOnce);
    bench.settle(7, Reason::Success);
    (1..=3).for_each(|id| bench.take(id, Qos::AtLeastOnce));
    assert_eq!(bench.give(publish(7, Qos::ExactlyOnce)), Did::Wait);
    bench.settle(1, Reason::Success);
    assert_eq!(bench.give(publish(7, Qos::ExactlyOnce)), Did::Done);
}

#[test]
fn a_release_takes_back_the_answer_to_a_repetition() {
    let mut bench = Bench::new(Version::V311);
    bench.take(7, Qos::ExactlyOnce);
    bench.settle(7, Reason::Success);
    bench.take(1, Qos::AtLeastOnce);
    bench.give(publish(7, Qos::ExactlyOnce));
    bench.give(release(7));
    assert_eq!(bench.written(), [PUBREC, 2, 0, 7, PUBCOMP, 2, 0, 7]);
    bench.take(7, Qos::ExactlyOnce);
    bench.settle(1, Reason::Success);
    assert_eq!(
        bench.written(),
        [PUBACK, 2, 0, 1],
        "the new message 7 is not in Kafka yet"
    );
    bench.settle(7, Reason::Success);
    assert_eq!(bench.written(), [PUBREC, 2, 0, 7]);
}

#[test]
fn a_release_before_its_time_makes_no_room() {
    let mut bench = Bench::new(Version::V5);
    for id in 1..=3 {
        bench.take(id, Qos::ExactlyOnce);
        bench.give(release(id));
    }
    let too_many = Did::Close(Close::ReceiveMaximum);
    assert_eq!(bench.give(publish(4, Qos::ExactlyOnce)), too_many);
}

#[test]
fn a_refused_qos_2_publish_frees_its_packet_id() {
    let mut bench = Bench::new(Version::V5);
    bench.take(7, Qos::ExactlyOnce);
    bench.settle(7, Reason::QuotaExceeded);
    assert_eq!(bench.written(), [PUBREC, 3, 0, 7, 0x97]);
    assert_eq!(
        bench.give(publish(7, Qos::ExactlyOnce)),
        Did::Offered("t".into())
    );
}

#[test]
fn a_release_of_an_unknown_id_is_told_so_in_mqtt_5_only() {
    let mut bench = Bench::new(Version::V5);
    bench.give(release(9));
    assert_eq!(bench.written(), [PUBCOMP, 3, 0, 9, 0x92]);
    let mut bench = Bench::new(Version::V311);
    bench.give(release(9));
    assert_eq!(bench.written(), [PUBCOMP, 2, 0, 9]);
}

#[test]
fn mqtt_3_is_never_told_success_for_a_refusal() {
    let mut bench = Bench::new(Version::V311);
    bench.take(1, Qos::AtLeastOnce);
    let settled = bench.settled(1, Reason::QuotaExceeded);
    let close = Close::PublishRefused;
    assert!(matches!(settled, Settled::Close { close: other, .. } if other == close));
    assert_eq!(bench.written(), []);
}

#[test]
fn more_than_the_receive_maximum_ends_mqtt_5_and_makes_mqtt_3_wait() {
    for (version, did) in [
        (Version::V5, Did::Close(Close::ReceiveMaximum)),
        (Version::V311, Did::Wait),
        (Version::V31, Did::Wait),
    ] {
        let mut bench = Bench::new(version);
        (1..=3).for_each(|id| bench.take(id, Qos::AtLeastOnce));
        assert_eq!(bench.give(publish(4, Qos::AtLeastOnce)), did);
        assert_eq!(
            bench.give(publish(0, Qos::AtMostOnce)),
            Did::Offered("t".into())
        );
    }
}

#[test]
fn mqtt_3_does_not_wait_for_releases_behind_an_unread_socket() {
    let mut bench = Bench::new(Version::V311);
    for id in 1..=3 {
        bench.take(id, Qos::ExactlyOnce);
        bench.settle(id, Reason::Success);
    }
    bench.take(4, Qos::ExactlyOnce);
}

#[test]
fn an_alias_stands_for_its_topic_until_it_is_set_anew() {
    let mut bench = Bench::new(Version::V5);
    assert_eq!(bench.give(aliased(2, "a/b")), Did::Offered("a/b".into()));
    assert_eq!(bench.give(aliased(2, "")), Did::Offered("a/b".into()));
    assert_eq!(bench.give(aliased(2, "c")), Did::Offered("c".into()));
    assert_eq!(bench.give(aliased(2, "")), Did::Offered("c".into()));
    let unknown = Did::Close(Close::Violation(Reason::ProtocolError));
    assert_eq!(bench.give(aliased(1, "")), unknown);
    let too_high = Did::Close(Close::Violation(Reason::TopicAliasInvalid));
    assert_eq!(bench.give(aliased(3, "d")), too_high);
}

#[test]
fn an_idle_client_owns_nothing_behind_its_record() {
    let mut bench = Bench::new(Version::V5);
    bench.take(1, Qos::AtLeastOnce);
    assert!(bench.session.busy.is_some());
    bench.settle(1, Reason::Success);
    assert!(bench.session.busy.is_none());
    bench.take(2, Qos::ExactlyOnce);
    bench.settle(2, Reason::Success);
    assert!(
        bench.session.busy.is_some(),
        "the packet id is taken until PUBREL"
    );
    bench.give(release(2));
    bench.session.rest(&mut bench.commons.pool);
    assert!(bench.session.busy.is_none());
}

#[test]
fn a_refusal_on_the_spot_leaves_nothing_behind() {
    let mut bench = Bench::new(Version::V5);
    bench.answer(1, Qos::ExactlyOnce, Reason::NotAuthorized);
    assert_eq!(bench.written(), [PUBREC, 3, 0, 1, 0x87]);
    assert!(bench.session.busy.is_none());
}

#[test]
fn a_spare_box_keeps_little_memory() {
    let mut bench = Bench::new(Version::V5);
    bench.terms = Terms {
        receive_max: u16::MAX,
        topic_alias_max: u16::MAX,
        ..Terms::default()
    };
    (1..=5_000).for_each(|id| bench.take(id, Qos::ExactlyOnce));
    bench.give(aliased(5_000, "a"));
    bench.gone(false);
    let [spare] = &bench.commons.pool.spare[..] else {
        panic!("one box came back")
    };
    assert!(spare.is_idle());
    assert!(spare.unreleased.capacity() <= ENTRIES_KEPT);
}
