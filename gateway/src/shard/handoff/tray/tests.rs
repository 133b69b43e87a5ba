//! What a tray gives to a session and in which order, what it drops, and what comes back to it.

use std::sync::Arc;

use tributary_proto::message::Message;
use tributary_proto::version::Qos;

use super::*;
use crate::kafka::downlink::TrayTerms;

const NOW_SEC: u32 = 1_000;

const PLAIN: TrayTerms = TrayTerms {
    rule: 0,
    waiting_max: 3,
    drops_newest: false,
    latest: false,
    several: false,
};

const LATEST: TrayTerms = TrayTerms {
    latest: true,
    ..PLAIN
};

/// A tray whose commands come from one partition, and what their origins were told.
struct Bench {
    tray: Tray,
    terms: TrayTerms,
    origin: Origin,
    fates: crate::kafka::downlink::FatesForTest,
    arrived: u64,
    given: u32,
}

impl Bench {
    fn new(terms: TrayTerms) -> Bench {
        let (origin, fates) = Origin::for_test(0);
        Bench {
            tray: Tray::default(),
            terms,
            origin,
            fates,
            arrived: 0,
            given: 0,
        }
    }

    fn command(&mut self, topic: &str, expires_at_sec: u32) -> Command {
        let number = self.arrived;
        self.arrived += 1;
        Command {
            device: Some("device".into()),
            message: Arc::new(Message {
                topic: topic.into(),
                payload: number.to_string().into_bytes().into(),
                properties: Box::default(),
                publisher: Message::NOBODY,
                expires_at_sec,
                qos: Qos::AtLeastOnce,
                retain: false,
            }),
            is_tombstone: false,
            terms: Arc::new(self.terms),
            origin: self.origin.after_for_test(number),
        }
    }

    /// The command with the next number comes; the first has 0.
    fn arrive(&mut self, topic: &str) {
        let command = self.command(topic, Message::NEVER);
        self.tray.arrive(command, NOW_SEC);
    }

    /// Gives all that may go to the session; what was given, in order, as its payloads.
    fn give(&mut self) -> String {
        let mut said = String::new();
        while let Some((place, command)) = self.tray.next_from(0) {
            said += std::str::from_utf8(&command.message.payload).expect("digits");
            self.given += 1;
            // One more than something is not 0.
            self.tray.give(place, NonZeroU32::new(self.given).unwrap());
        }
        said
    }

    fn handed(&mut self, given: u32, fate: Option<Fate>) {
        let number = NonZeroU32::new(given).expect("counted from 1");
        self.tray.on_handed(number, fate);
    }

    fn dropped(&self) -> Vec<(u64, Dropped)> {
        let dropped = |(number, fate)| match fate {
            Fate::Dropped(why) => (number, why),
            Fate::HandedOff | Fate::Elsewhere => panic!("{number} was handed off"),
        };
        self.fates.take().into_iter().map(dropped).collect()
    }
}

#[test]
fn commands_go_in_their_order_and_each_is_told_of_once() {
    let mut bench = Bench::new(PLAIN);
    bench.arrive("a");
    bench.arrive("b");
    assert_eq!(bench.give(), "01");
    for given in [2, 1, 1] {
        bench.handed(given, Some(Fate::HandedOff));
    }
    let told = bench.fates.take();
    assert_eq!(told, [(1, Fate::HandedOff), (0, Fate::HandedOff)]);
    assert!(bench.tray.is_empty());
}

#[test]
fn what_a_session_lets_go_of_goes_again_before_what_came_later() {
    let mut bench = Bench::new(PLAIN);
    bench.arrive("a");
    bench.arrive("a");
    assert_eq!(bench.give(), "01");
    bench.arrive("a");
    bench.handed(2, None);
    bench.handed(1, None);
    assert_eq!(bench.give(), "012");
    assert_eq!(bench.fates.take(), []);
}

#[test]
fn the_oldest_or_the_newest_goes_when_too_many_wait() {
    for (drops_newest, dropped, left) in [(false, 0, "123"), (true, 3, "012")] {
        let mut bench = Bench::new(TrayTerms {
            drops_newest,
            ..PLAIN
        });
        (0..4).for_each(|_| bench.arrive("a"));
        assert_eq!(bench.dropped(), [(dropped, Dropped::Queue)]);
        assert_eq!(bench.give(), left);
    }
}

#[test]
fn what_is_with_the_session_counts_and_is_not_dropped_for_another() {
    let mut bench = Bench::new(PLAIN);
    (0..3).for_each(|_| bench.arrive("a"));
    assert_eq!(bench.give(), "012");
    bench.arrive("a");
    assert_eq!(bench.dropped(), [(3, Dropped::Queue)]);
}

#[test]
fn no_more_are_with_the_session_than_may_be() {
    let mut bench = Bench::new(TrayTerms {
        waiting_max: 100,
        ..PLAIN
    });
    let most = COMMANDS_WITH_SESSION_MAX;
    (0..=most).for_each(|_| bench.arrive("a"));
    bench.give();
    assert_eq!(bench.given as usize, most);
    bench.handed(1, Some(Fate::HandedOff));
    assert_eq!(bench.give(), most.to_string());
}

#[test]
fn a_newer_state_takes_the_place_of_an_older_one_with_its_topic() {
    let mut bench = Bench::new(LATEST);
    bench.arrive("a");
    bench.arrive("b");
    bench.arrive("a");
    assert_eq!(bench.dropped(), [(0, Dropped::Superseded)]);
    assert_eq!(bench.give(), "12");
}

#[test]
fn a_newer_state_waits_for_the_acknowledgement_of_the_older() {
    let mut bench = Bench::new(LATEST);
    bench.arrive("a");
    assert_eq!(bench.give(), "0");
    bench.arrive("a");
    bench.arrive("b");
    assert_eq!(bench.give(), "2", "another topic does not wait");
    bench.handed(1, Some(Fate::HandedOff));
    assert_eq!(bench.give(), "1");
}

#[test]
fn an_older_state_that_comes_back_never_goes_behind_a_newer_one() {
    let mut bench = Bench::new(LATEST);
    bench.arrive("a");
    bench.give();
    bench.arrive("a");
    bench.handed(1, None);
    assert_eq!(bench.dropped(), [(0, Dropped::Superseded)]);
    assert_eq!(bench.give(), "1");
}

#[test]
fn a_tombstone_takes_what_waits_with_it() {
    let mut bench = Bench::new(LATEST);
    bench.arrive("a");
    bench.arrive("b");
    let command = bench.command("a", Message::NEVER);
    let tombstone = Command {
        is_tombstone: true,
        ..command
    };
    bench.tray.arrive(tombstone, NOW_SEC);
    let wanted = [(0, Dropped::Superseded), (2, Dropped::Tombstone)];
    assert_eq!(bench.dropped(), wanted);
    assert_eq!(bench.give(), "1");
}

#[test]
fn what_has_expired_goes_nowhere_and_makes_room() {
    let mut bench = Bench::new(PLAIN);
    for expires_at_sec in [NOW_SEC + 1, NOW_SEC + 5, Message::NEVER] {
        let command = bench.command("a", expires_at_sec);
        bench.tray.arrive(command, NOW_SEC);
    }
    bench.tray.expire(NOW_SEC + 1);
    assert_eq!(bench.dropped(), [(0, Dropped::Expired)]);
    bench.arrive("a");
    assert_eq!(bench.give(), "123");
}

#[test]
fn a_command_without_a_subscription_does_not_hold_up_the_others() {
    let mut bench = Bench::new(PLAIN);
    bench.arrive("unwanted");
    bench.arrive("a");
    bench.tray.pass_over(0);
    assert_eq!(bench.give(), "1");
    bench.tray.look_anew();
    assert_eq!(bench.give(), "0");
}

#[test]
fn a_command_that_was_given_up_is_forgotten_wherever_it_is() {
    let mut bench = Bench::new(PLAIN);
    bench.arrive("a");
    bench.give();
    bench.arrive("a");
    for number in [0, 1] {
        let origin = bench.origin.after_for_test(number);
        bench.tray.withdraw(&origin);
    }
    assert!(bench.tray.is_empty());
    bench.handed(1, None);
    assert!(bench.tray.is_empty(), "nothing comes back");
    assert_eq!(bench.fates.take(), []);
}

#[test]
fn an_older_state_never_comes_back_once_a_newer_one_came_wherever_that_is_now() {
    let mut bench = Bench::new(LATEST);
    bench.arrive("a");
    bench.give();
    bench.arrive("a");
    // Another gateway has handed the newer one off.
    bench.tray.withdraw(&bench.origin.after_for_test(1));
    bench.handed(1, None);
    assert_eq!(bench.dropped(), [(0, Dropped::Superseded)]);
    assert!(bench.tray.is_empty());

    bench.arrive("a");
    bench.give();
    let command = bench.command("a", Message::NEVER);
    let tombstone = Command {
        is_tombstone: true,
        ..command
    };
    bench.tray.arrive(tombstone, NOW_SEC);
    bench.handed(2, None);
    let wanted = [(3, Dropped::Tombstone), (2, Dropped::Superseded)];
    assert_eq!(bench.dropped(), wanted);
    assert!(bench.tray.is_empty());
}

#[test]
fn a_state_that_is_with_the_session_holds_newer_ones_up_though_another_gateway_has_handed_it_off() {
    let mut bench = Bench::new(LATEST);
    bench.arrive("a");
    bench.give();
    bench.tray.withdraw(&bench.origin);
    bench.arrive("a");
    assert_eq!(bench.give(), "", "the session may repeat the older one");
    bench.handed(1, Some(Fate::HandedOff));
    assert_eq!(bench.give(), "1");
}
