//! What waits and is revoked goes, everywhere it was written down; all else stays in its order.

use super::bench::*;
use crate::message::Message;
use crate::session::{Change, Delivered, Delivery, Handed, Loss, Orphan, Profile, Receipt};
use crate::version::{Qos, Version};

const QOS_0: Qos = Qos::AtMostOnce;
const QOS_1: Qos = Qos::AtLeastOnce;
const QOS_2: Qos = Qos::ExactlyOnce;

/// Revokes the messages with these payloads.
fn revoke(bench: &mut Bench, payloads: &[&str]) -> Vec<Orphan> {
    let (session, mut ctx) = bench.parts();
    let is_one = |message: &Message, _| {
        let mut payloads = payloads.iter();
        payloads.any(|payload| payload.as_bytes() == &*message.payload)
    };
    session.revoke(is_one, &mut ctx)
}

#[test]
fn what_waits_goes_and_the_rest_keeps_its_order() {
    let mut bench = Bench::new(Version::V5);
    bench.room_bytes = 0;
    for (payload, qos) in [
        ("1", QOS_1),
        ("2", QOS_0),
        ("3", QOS_2),
        ("4", QOS_1),
        ("5", QOS_0),
    ] {
        assert_eq!(bench.deliver(payload, qos), Delivered::Queued);
    }
    assert_eq!(revoke(&mut bench, &["2", "3", "nothing"]), []);
    assert_eq!(bench.commons.losses.of(Loss::Refused), 2);
    assert_eq!(bench.session.undelivered_count(), 3);
    bench.room_bytes = usize::MAX;
    bench.pump();
    assert_eq!(bench.payloads(), ["1", "4", "5"]);
}

#[test]
fn a_session_whose_queue_is_revoked_owns_nothing_more() {
    let mut bench = Bench::new(Version::V5);
    bench.gone(true);
    bench.deliver("1", QOS_1);
    bench.deliver("2", QOS_2);
    revoke(&mut bench, &["1", "2"]);
    assert!(bench.session.busy.is_none());
    assert_eq!(bench.commons.queued_bytes, 0);
    assert_eq!(bench.commons.counts.queued(), 0);
    assert_eq!(revoke(&mut bench, &["1"]), []);
}

#[test]
fn what_is_in_flight_stays_and_is_sent_again() {
    let mut bench = Bench::with(
        Version::V5,
        Profile {
            receive_max: 1,
            ..Profile::PLAIN
        },
    );
    bench.deliver("1", QOS_1);
    bench.deliver("2", QOS_1);
    assert_eq!(bench.payloads(), ["1"]);
    bench.gone(true);
    revoke(&mut bench, &["1", "2"]);
    bench.resume(Profile::PLAIN);
    assert_eq!(bench.payloads(), ["1"]);
    bench.give(puback(1));
    assert_eq!(bench.payloads(), Vec::<String>::new());
}

#[test]
fn a_store_forgets_it_too() {
    let mut bench = Bench::new(Version::V5);
    bench.journal.switch(true);
    bench.gone(true);
    bench.deliver("1", QOS_1);
    bench.deliver("2", QOS_1);
    let queued = bench.changes();
    assert!(matches!(
        queued[..],
        [Change::Queued { seq: 0, .. }, Change::Queued { seq: 1, .. }]
    ));
    revoke(&mut bench, &["2"]);
    assert_eq!(bench.changes(), [Change::Done { seq: 1 }]);
}

#[test]
fn a_giver_hears_of_it_and_a_group_has_it_back() {
    let mut bench = Bench::new(Version::V5);
    bench.room_bytes = 0;
    let number = Receipt::new(7).expect("it is not 0");
    let given = Delivery {
        receipt: Some(number),
        ..delivery(QOS_1)
    };
    let shared = Delivery {
        group: 3,
        ..delivery(QOS_1)
    };
    bench.deliver_as(&message("given", QOS_1), given);
    bench.deliver_as(&message("shared", QOS_1), shared);
    let orphans = revoke(&mut bench, &["given", "shared"]);
    let orphans: Vec<_> = orphans
        .iter()
        .map(|one| (one.group, &*one.message.payload))
        .collect();
    assert_eq!(orphans, [(3, &b"shared"[..])]);
    assert_eq!(
        bench.commons.handed,
        [(number, Handed::Lost(Loss::Refused))]
    );
    assert_eq!(bench.commons.losses.of(Loss::Refused), 1);
}
