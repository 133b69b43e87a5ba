//! Wills that wait: published when the delay or the session is over, not when the client is back.

use super::{pass_secs, plays, secs};
use crate::connect::{Connect, Will};
use crate::peer::Peer;
use crate::target::Target;

plays! {
    ONLY_5 "MQTT-3.1.2-8, 3.1.3.2.2" a_will_waits_for_its_delay,
    ONLY_5 "MQTT-3.1.3-9" a_client_that_comes_back_in_time_takes_its_will_back,
    ONLY_5 "MQTT-3.1.2-8, 3.1.3.2.2" a_will_does_not_wait_longer_than_its_session,
    ONLY_5 "3.1.4, 3.1.3.2.2" a_clean_start_ends_the_session_and_its_wait,
    ONLY_5 "MQTT-3.14.4-3" a_disconnect_discards_a_will_with_delay,
}

struct Waiting {
    connect: Connect,
    dying: Peer,
    watcher: Peer,
    topic: String,
}

/// A client whose will waits `delay_secs` and whose session lasts `expiry_secs`.
fn waiting(target: &Target, version: u8, delay_secs: u32, expiry_secs: u32) -> Waiting {
    let topic = target.unique("will/delay");
    let mut watcher = Peer::join(target, version, &target.unique("watcher"));
    watcher.subscribe(&topic, 1);
    let mut connect = Connect::lasting(version, &target.unique("dying"));
    connect.list = secs(0x11, expiry_secs);
    let list = secs(0x18, delay_secs);
    connect.will = Some(Will {
        list,
        ..Will::new(&topic, "gone")
    });
    let (dying, _) = Peer::open(target, &connect);
    Waiting {
        connect,
        dying,
        watcher,
        topic,
    }
}

fn a_will_waits_for_its_delay(target: &Target, version: u8) {
    let mut play = waiting(target, version, 2, 3600);
    play.dying.vanish();
    // What is published now comes before a will that waits.
    let mut other = Peer::join(target, version, &target.unique("other"));
    other.publish(0b0010, &play.topic, "first");
    play.watcher.hears(&play.topic, "first");
    play.watcher.hears(&play.topic, "gone");
}

fn a_client_that_comes_back_in_time_takes_its_will_back(target: &Target, version: u8) {
    let mut play = waiting(target, version, 2, 3600);
    play.dying.vanish();
    let (back, connack) = Peer::open(target, &play.connect);
    assert!(connack.session_present(), "{connack:x?}");
    pass_secs(target, 3);
    let mut other = Peer::join(target, version, &target.unique("other"));
    play.watcher.hears_no_more_from(&mut other, target);
    back.leave();
}

fn a_will_does_not_wait_longer_than_its_session(target: &Target, version: u8) {
    // The session ends with the connection, and an hour of delay with it.
    let mut play = waiting(target, version, 3600, 0);
    play.dying.vanish();
    play.watcher.hears(&play.topic, "gone");
    let mut play = waiting(target, version, 3600, 1);
    play.dying.vanish();
    play.watcher.hears(&play.topic, "gone");
}

fn a_clean_start_ends_the_session_and_its_wait(target: &Target, version: u8) {
    let mut play = waiting(target, version, 3600, 3600);
    play.dying.vanish();
    let clean = Connect {
        clean: true,
        will: None,
        ..play.connect
    };
    let (_back, _) = Peer::open(target, &clean);
    play.watcher.hears(&play.topic, "gone");
}

fn a_disconnect_discards_a_will_with_delay(target: &Target, version: u8) {
    let mut play = waiting(target, version, 1, 3600);
    play.dying.leave();
    pass_secs(target, 2);
    let mut other = Peer::join(target, version, &target.unique("other"));
    play.watcher.hears_no_more_from(&mut other, target);
}
