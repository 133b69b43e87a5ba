//! A session beyond its connection: what is sent again, what is forgotten, and what a store keeps.

use super::bench::*;
use crate::close::Close;
use crate::reason::Reason;
use crate::session::{
    Change, Delivered, Delivery, Loss, Profile, Profiles, Session, Settled, Terms,
};
use crate::version::{Qos, Version};

const QOS_1: Qos = Qos::AtLeastOnce;
const QOS_2: Qos = Qos::ExactlyOnce;

#[test]
fn what_was_not_finished_is_sent_again_in_its_order_and_before_the_rest() {
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut bench = Bench::new(version);
        for (payload, qos) in [("1", QOS_2), ("2", QOS_1), ("3", QOS_2), ("4", QOS_1)] {
            bench.deliver(payload, qos);
        }
        bench.give(pubrec(3));
        bench.give(pubrec(1));
        bench.gone(true);
        assert_eq!(bench.deliver("5", QOS_1), Delivered::Queued);
        bench.written();
        bench.resume(Profile::PLAIN);
        let released = [PUBREL, 2, 0, 3, PUBREL, 2, 0, 1];
        assert_eq!(bench.out[..8], released, "in the order of their PUBRECs");
        bench.out.drain(..8);
        let copies = bench.copies();
        let again: Vec<_> = copies.iter().map(|copy| (copy.id, copy.dup)).collect();
        assert_eq!(again, [(2, true), (4, true), (5, false)]);
    }
}

#[test]
fn what_is_sent_again_keeps_to_the_new_receive_maximum_and_to_the_room() {
    let mut bench = Bench::new(Version::V5);
    for payload in ["1", "2", "3"] {
        bench.deliver(payload, QOS_1);
    }
    bench.gone(true);
    bench.written();
    bench.room_bytes = 0;
    let two = Profile {
        receive_max: 2,
        ..Profile::PLAIN
    };
    bench.resume(two);
    assert_eq!(bench.deliver("4", QOS_1), Delivered::Queued);
    assert_eq!(bench.written(), []);
    bench.room_bytes = usize::MAX;
    bench.pump();
    assert_eq!(bench.payloads(), ["1", "2"]);
    bench.give(puback(2));
    assert_eq!(bench.payloads(), ["3"]);
    bench.give(puback(1));
    assert_eq!(bench.payloads(), ["4"]);
}

#[test]
fn a_repetition_that_the_client_no_longer_takes_frees_its_packet_id() {
    let mut bench = Bench::new(Version::V5);
    bench.deliver("long", QOS_1);
    bench.deliver("long", QOS_2);
    bench.gone(true);
    bench.written();
    bench.resume(Profile {
        packet_bytes_max: 8,
        ..Profile::PLAIN
    });
    assert_eq!(bench.written(), [PUBREL, 2, 0, 2]);
    assert_eq!(bench.commons.losses.of(Loss::TooLarge), 2);
    bench.give(pubcomp(2));
    assert!(bench.session.busy.is_none());
    assert_eq!(bench.commons.queued_bytes, 0);
}

#[test]
fn a_report_for_qos_1_of_an_earlier_connection_speaks_to_no_one() {
    let mut bench = Bench::new(Version::V5);
    bench.take(1, QOS_1);
    bench.gone(true);
    bench.resume(Profile::PLAIN);
    bench.take(1, QOS_1);
    assert_eq!(bench.settled(1, Reason::Success), Settled::Partly);
    assert_eq!(bench.written(), [], "it may have been for the first one");
    assert!(bench.settle(1, Reason::Success));
    assert_eq!(bench.written(), [PUBACK, 2, 0, 1]);
    bench.take(2, QOS_1);
    bench.gone(true);
    assert_eq!(bench.settled(2, Reason::Success), Settled::Unknown);
    assert!(bench.session.busy.is_none());
}

#[test]
fn a_report_for_qos_2_of_an_earlier_connection_is_a_pubrec_on_the_next() {
    let mut bench = Bench::new(Version::V5);
    bench.take(7, QOS_2);
    bench.gone(true);
    bench.resume(Profile::PLAIN);
    assert_eq!(
        bench.give(publish(7, QOS_2)),
        Did::Done,
        "not offered again"
    );
    assert!(bench.settle(7, Reason::Success));
    assert_eq!(bench.written(), [PUBREC, 2, 0, 7]);
    bench.give(release(7));
    assert_eq!(bench.written(), [PUBCOMP, 2, 0, 7]);
}

#[test]
fn a_report_while_the_client_is_away_is_told_when_it_repeats_itself() {
    let mut bench = Bench::new(Version::V5);
    bench.take(7, QOS_2);
    bench.take(8, QOS_2);
    bench.gone(true);
    assert!(bench.settle(7, Reason::Success));
    assert!(bench.settle(8, Reason::QuotaExceeded));
    assert_eq!(bench.written(), []);
    bench.resume(Profile::PLAIN);
    assert_eq!(bench.give(publish(7, QOS_2)), Did::Done);
    assert_eq!(bench.written(), [PUBREC, 2, 0, 7]);
    let anew = Did::Offered("t".into());
    assert_eq!(bench.give(publish(8, QOS_2)), anew, "it was refused before");
}

#[test]
fn pubrecs_on_a_new_connection_leave_in_the_order_of_its_publishes() {
    let mut bench = Bench::new(Version::V5);
    bench.take(1, QOS_2);
    bench.take(2, QOS_2);
    bench.gone(true);
    assert!(bench.settle(1, Reason::Success));
    bench.resume(Profile::PLAIN);
    assert_eq!(bench.give(publish(1, QOS_2)), Did::Done);
    assert_eq!(bench.written(), [], "2 may still be said before it");
    assert_eq!(bench.give(publish(2, QOS_2)), Did::Done);
    assert_eq!(bench.written(), [PUBREC, 2, 0, 1]);
    assert!(bench.settle(2, Reason::Success));
    assert_eq!(bench.written(), [PUBREC, 2, 0, 2]);
}

#[test]
fn the_receive_maximum_begins_anew_with_each_connection() {
    let mut bench = Bench::new(Version::V5);
    (1..=3).for_each(|id| bench.take(id, QOS_2));
    bench.gone(true);
    bench.resume(Profile::PLAIN);
    (4..=6).for_each(|id| bench.take(id, QOS_2));
    let too_many = Did::Close(Close::ReceiveMaximum);
    assert_eq!(bench.give(publish(7, QOS_2)), too_many);
}

#[test]
fn all_parties_are_heard_before_the_client_is_and_the_worst_is_told() {
    use Reason::{NoMatchingSubscribers as Nobody, QuotaExceeded as Quota, Success};
    for (answers, told) in [
        ([Success, Nobody, Success], &[PUBACK, 2, 0, 1][..]),
        ([Nobody, Nobody, Nobody], &[PUBACK, 3, 0, 1, 0x10]),
        ([Success, Quota, Nobody], &[PUBACK, 3, 0, 1, 0x97]),
    ] {
        let mut bench = Bench::new(Version::V5);
        bench.take_for(1, QOS_1, 3);
        assert_eq!(bench.settled(1, answers[0]), Settled::Partly);
        assert_eq!(bench.settled(1, answers[1]), Settled::Partly);
        assert_eq!(bench.written(), []);
        assert!(bench.settle(1, answers[2]));
        assert_eq!(bench.written(), told);
    }
}

#[test]
fn messages_of_a_shared_subscription_go_to_others_unless_qos_2_was_sent() {
    let shared = |qos| Delivery {
        group: 4,
        ..delivery(qos)
    };
    let begin = || {
        let mut bench = Bench::with(
            Version::V5,
            Profile {
                receive_max: 2,
                ..Profile::PLAIN
            },
        );
        bench.deliver_as(&message("sent 1", QOS_1), shared(QOS_1));
        bench.deliver_as(&message("sent 2", QOS_2), shared(QOS_2));
        bench.deliver_as(&message("waits", QOS_2), shared(QOS_2));
        bench.deliver("own", QOS_1);
        bench
    };
    let payloads = |bench: &mut Bench, keep| -> Vec<_> {
        let orphans = bench.gone(keep).into_iter();
        let payloads = orphans.map(|orphan| (orphan.group, orphan.message.payload.to_vec()));
        payloads.collect()
    };
    let mut kept = begin();
    assert_eq!(payloads(&mut kept, true), [(4, b"waits".to_vec())]);
    let mut ended = begin();
    let orphans = [(4, b"sent 1".to_vec()), (4, b"waits".to_vec())];
    assert_eq!(payloads(&mut ended, false), orphans);
    assert_eq!(ended.commons.losses.of(Loss::Ended), 1);
    assert_eq!(ended.commons.queued_bytes, 0);
}

#[test]
fn a_session_that_ends_gives_back_all_it_had() {
    let mut bench = Bench::new(Version::V5);
    bench.deliver("1", QOS_1);
    bench.take(1, QOS_2);
    bench.gone(true);
    bench.deliver("2", QOS_2);
    assert_eq!(bench.commons.profiles.count(), 1);
    bench.gone(false);
    assert_eq!(bench.commons.profiles.count(), 0);
    assert_eq!(bench.commons.queued_bytes, 0);
    assert_eq!(bench.session.undelivered_count(), 0);
}

#[test]
fn profiles_are_kept_once_and_only_while_used() {
    let mut profiles = Profiles::default();
    let plain = Session::stored(Version::V5, &Profile::PLAIN, &mut profiles).unwrap();
    let same = Session::stored(Version::V311, &Profile::PLAIN, &mut profiles).unwrap();
    assert_eq!(profiles.count(), 1);
    assert_eq!(plain.profile(&profiles), same.profile(&profiles));
    let wanted = (0..u32::from(u16::MAX)).map(|session_expiry_secs| Profile {
        session_expiry_secs,
        receive_max: 1,
        ..Profile::PLAIN
    });
    for profile in wanted {
        assert!(profiles.intern(&profile).is_some());
    }
    let one_more = Profile {
        receive_max: 2,
        ..Profile::PLAIN
    };
    let refused = Session::stored(Version::V5, &one_more, &mut profiles);
    assert_eq!(refused.err(), Some(Reason::QuotaExceeded));
}

#[test]
fn a_farewell_may_change_how_long_the_session_lives() {
    let lives = |secs| Profile {
        session_expiry_secs: secs,
        ..Profile::PLAIN
    };
    let mut bench = Bench::with(Version::V5, lives(0));
    let raised = Did::Close(Close::Violation(Reason::ProtocolError));
    assert_eq!(bench.give(farewell(Reason::Success, Some(1))), raised);
    let normal = Did::Close(Close::ClientDisconnect);
    assert_eq!(bench.give(farewell(Reason::Success, Some(0))), normal);
    for (said, agreed) in [(0, 0), (20, 20), (u32::MAX, 100)] {
        let mut bench = Bench::with(Version::V5, lives(10));
        bench.terms = Terms {
            session_expiry_secs_max: 100,
            ..Terms::default()
        };
        assert_eq!(bench.give(farewell(Reason::Success, Some(said))), normal);
        let profiles = &bench.commons.profiles;
        assert_eq!(bench.session.session_expiry_secs(profiles), agreed);
        assert_eq!(profiles.count(), 1);
    }
}

#[test]
fn only_a_normal_farewell_takes_the_will_back() {
    let with_will = Did::Close(Close::ClientDisconnectWithWill);
    for reason in [Reason::DisconnectWithWill, Reason::UnspecifiedError] {
        let mut bench = Bench::new(Version::V5);
        assert_eq!(bench.give(farewell(reason, None)), with_will);
    }
}

#[test]
fn a_durable_session_notes_each_step_and_another_none() {
    let steps = |durable| {
        let mut bench = Bench::new(Version::V5);
        bench.journal.switch(durable);
        bench.deliver("1", QOS_2);
        bench.deliver("loose", Qos::AtMostOnce);
        bench.give(pubrec(1));
        bench.give(pubcomp(1));
        bench.take(5, QOS_2);
        assert!(bench.changes().len() == if durable { 4 } else { 0 });
        bench.settle(5, Reason::Success);
        bench.give(release(5));
        bench.changes()
    };
    let packet_id = 5;
    let upwards = [Change::Taken { packet_id }, Change::Released { packet_id }];
    assert_eq!(steps(true), upwards, "taken once its answer is known");
    assert_eq!(steps(false), []);
}

#[test]
fn a_session_built_up_from_its_journal_goes_on_as_the_first_would() {
    let mut first = Bench::new(Version::V5);
    first.journal.switch(true);
    for (payload, qos) in [("1", QOS_2), ("2", QOS_1), ("3", QOS_2), ("4", QOS_1)] {
        first.deliver(payload, qos);
    }
    first.give(pubrec(3));
    first.give(puback(2));
    first.take(9, QOS_2);
    first.settle(9, Reason::Success);
    first.gone(true);
    first.deliver("5", QOS_2);
    let changes = first.changes();
    let mut second = Bench::new(Version::V5);
    second.gone(true);
    let (session, mut ctx) = second.parts();
    session.restore(changes.into_iter(), &mut ctx);
    assert_eq!(second.commons.queued_bytes, first.commons.queued_bytes);
    first.written();
    for bench in [&mut first, &mut second] {
        bench.resume(Profile::PLAIN);
        bench.give(publish(9, QOS_2));
        bench.deliver("6", QOS_1);
    }
    assert!(!first.out.is_empty());
    assert_eq!(first.written(), second.written());
}
