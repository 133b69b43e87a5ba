//! What waits: room, bounds, and who goes when they are met.

use super::bench::*;
use crate::session::{Delivered, DropRule, Loss, Profile, Terms};
use crate::version::{Qos, Version};

const QOS_0: Qos = Qos::AtMostOnce;
const QOS_1: Qos = Qos::AtLeastOnce;
const QOS_2: Qos = Qos::ExactlyOnce;

#[test]
fn without_room_all_waits_and_goes_out_in_its_order() {
    let mut bench = Bench::new(Version::V5);
    bench.room_bytes = 0;
    for (payload, qos) in [("1", QOS_0), ("2", QOS_1), ("3", QOS_0), ("4", QOS_2)] {
        assert_eq!(bench.deliver(payload, qos), Delivered::Queued);
    }
    assert_eq!(bench.written(), []);
    bench.room_bytes = 10;
    bench.pump();
    assert_eq!(
        bench.payloads(),
        ["1", "2"],
        "one may be longer than the room"
    );
    bench.room_bytes = usize::MAX;
    bench.pump();
    assert_eq!(bench.payloads(), ["3", "4"]);
}

#[test]
fn a_message_does_not_overtake_one_of_its_kind_that_waits() {
    for qos in [QOS_0, QOS_1] {
        let mut bench = Bench::new(Version::V311);
        bench.room_bytes = 0;
        bench.deliver("1", qos);
        bench.room_bytes = usize::MAX;
        assert_eq!(bench.deliver("2", qos), Delivered::Queued);
        bench.pump();
        assert_eq!(bench.payloads(), ["1", "2"]);
    }
}

#[test]
fn a_slow_client_loses_qos_0_first_and_is_full_then() {
    let mut bench = Bench::new(Version::V5);
    bench.terms.queue_messages_max = 2;
    bench.room_bytes = 0;
    bench.deliver("1", QOS_0);
    bench.deliver("2", QOS_0);
    assert_eq!(bench.deliver("3", QOS_0), Delivered::Queued);
    assert_eq!(bench.deliver("4", QOS_1), Delivered::Queued);
    assert_eq!(bench.deliver("5", QOS_1), Delivered::Queued);
    assert_eq!(bench.commons.losses.of(Loss::Slow), 3);
    assert_eq!(bench.deliver("6", QOS_1), Delivered::Full);
    assert_eq!(bench.deliver("7", QOS_0), Delivered::Dropped(Loss::Slow));
    bench.room_bytes = usize::MAX;
    bench.pump();
    assert_eq!(bench.payloads(), ["4", "5"]);
}

#[test]
fn an_offline_session_drops_by_the_named_rule() {
    for (drop_rule, left) in [
        (DropRule::Oldest, ["2", "3"]),
        (DropRule::Newest, ["1", "2"]),
    ] {
        let mut bench = Bench::new(Version::V5);
        bench.terms = Terms {
            queue_messages_max: 2,
            drop_rule,
            ..Terms::default()
        };
        bench.gone(true);
        let delivered = ["1", "2", "3"].map(|payload| bench.deliver(payload, QOS_1));
        let last = match drop_rule {
            DropRule::Oldest => Delivered::Queued,
            DropRule::Newest => Delivered::Dropped(Loss::QueueFull),
        };
        assert_eq!(delivered, [Delivered::Queued, Delivered::Queued, last]);
        assert_eq!(bench.commons.losses.of(Loss::QueueFull), 1);
        bench.resume(Profile::PLAIN);
        assert_eq!(bench.payloads(), left);
    }
}

#[test]
fn qos_0_is_for_those_who_are_there() {
    let mut bench = Bench::new(Version::V5);
    bench.room_bytes = 0;
    bench.deliver("waits", QOS_0);
    bench.gone(true);
    assert!(bench.session.busy.is_none());
    assert_eq!(bench.deliver("a", QOS_0), Delivered::Dropped(Loss::Offline));
    assert_eq!(bench.commons.queued_bytes, 0);
}

#[test]
fn the_bounds_on_bytes_hold_for_the_client_and_for_the_shard() {
    let one = {
        let mut bench = Bench::new(Version::V5);
        bench.gone(true);
        bench.deliver("x", QOS_1);
        bench.commons.queued_bytes
    };
    for (queue_bytes_max, queued_bytes_max) in [(2 * one, usize::MAX), (usize::MAX, 2 * one)] {
        let mut bench = Bench::new(Version::V5);
        bench.terms = Terms {
            queue_bytes_max,
            queued_bytes_max,
            drop_rule: DropRule::Newest,
            ..Terms::default()
        };
        bench.gone(true);
        let delivered = [(); 3].map(|()| bench.deliver("x", QOS_1));
        let full = Delivered::Dropped(Loss::QueueFull);
        assert_eq!(delivered, [Delivered::Queued, Delivered::Queued, full]);
        assert_eq!(bench.commons.queued_bytes, 2 * one);
        bench.gone(false);
        assert_eq!(bench.commons.queued_bytes, 0);
    }
}

#[test]
fn what_waited_for_a_client_does_not_count_against_it_when_it_is_back() {
    let mut bench = Bench::new(Version::V5);
    bench.terms.queue_messages_max = 2;
    bench.gone(true);
    bench.deliver("1", QOS_1);
    bench.deliver("2", QOS_1);
    bench.room_bytes = 0;
    bench.resume(Profile::PLAIN);
    assert_eq!(bench.deliver("3", QOS_1), Delivered::Queued);
    assert_eq!(bench.deliver("4", QOS_1), Delivered::Queued);
    assert_eq!(bench.deliver("5", QOS_1), Delivered::Full);
    bench.room_bytes = usize::MAX;
    bench.pump();
    for packet_id in 1..=4 {
        bench.give(puback(packet_id));
    }
    bench.room_bytes = 0;
    bench.deliver("6", QOS_1);
    bench.deliver("7", QOS_1);
    assert_eq!(bench.deliver("8", QOS_1), Delivered::Full, "caught up");
}

#[test]
fn what_is_in_flight_is_bounded_like_what_waits() {
    let mut bench = Bench::new(Version::V5);
    bench.terms.queue_bytes_max = 1;
    assert_eq!(
        bench.deliver("1", QOS_1),
        Delivered::Sent,
        "there is no other"
    );
    assert_eq!(bench.deliver("2", QOS_1), Delivered::Full);
    bench.give(puback(1));
    assert_eq!(bench.deliver("3", QOS_1), Delivered::Sent);
}

#[test]
fn an_offline_queue_owns_one_box_and_the_messages() {
    let mut bench = Bench::new(Version::V5);
    bench.gone(true);
    assert!(bench.session.busy.is_none());
    bench.deliver("1", QOS_1);
    assert!(bench.session.busy.is_some());
    bench.resume(Profile::PLAIN);
    bench.give(puback(1));
    assert!(bench.session.busy.is_none());
}
