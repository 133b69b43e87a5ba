//! Where mosquitto 2.0.11 answers otherwise than the tables want, and why the tables stay.

use crate::harness::{Outcome, Trial};
use crate::target::Target;
use std::sync::atomic::{AtomicBool, Ordering};

/// One difference: the names of the trials, `*` for what may differ, and why.
struct Difference {
    names: &'static str,
    why: &'static str,
    seen: AtomicBool,
}

const fn at(names: &'static str, why: &'static str) -> Difference {
    Difference {
        names,
        why,
        seen: AtomicBool::new(false),
    }
}

const FLAGS: &str = "it looks at the reserved flags of some packets only [MQTT-2.1.3-1]";
const REASON: &str = "it takes any reason code in an acknowledgement [MQTT-3.4.2-1]";
const SHARE: &str = "it takes $share without name or filter for a plain filter [MQTT-4.8.2-1]";
const LENIENT: &str = "it reads past what it does not need; strict reading is the safer choice";

static DIFFERENCES: [Difference; 33] = [
    at("v*::puback::flags::*", FLAGS),
    at("v*::pubrec::flags::*", FLAGS),
    at("v*::pubcomp::flags::*", FLAGS),
    at("v*::pingreq::flags::*", FLAGS),
    at("v5::pub*::reason::*", REASON),
    at("v*::pub*::one_byte_more", LENIENT),
    at("v*::pingreq::with_a_body", LENIENT),
    at("v5::length::not_minimal", LENIENT),
    at("v31::connect::shape::cut_after_*", LENIENT),
    at("v*::suback", "it ignores packets that only a server sends"),
    at(
        "v*::unsuback",
        "it ignores packets that only a server sends",
    ),
    at(
        "v*::pingresp",
        "it ignores packets that only a server sends",
    ),
    at(
        "v5::pubre*::of_an_unknown_id",
        "it answers success for an id it does not know",
    ),
    at(
        "v5::pubre*::without_*",
        "it answers success for an id it does not know",
    ),
    at(
        "v5::pubre*::property::*",
        "it answers success for an id it does not know",
    ),
    at("v*::subscribe::shared::*", SHARE),
    at("v5::unsubscribe::shared::*", SHARE),
    at("v5::*::property::payload_format::two", LENIENT),
    at(
        "v5::*::property::response_topic::*",
        "it leaves the response topic to the reader",
    ),
    at(
        "v5::publish::property::subscription_identifier::misplaced",
        "it takes one from a client [MQTT-3.3.4-6]",
    ),
    at(
        "v5::subscribe::property::subscription_identifier::zero",
        "it says malformed where 3.8.2.1.2 says protocol error",
    ),
    at(
        "v5::connect::property::authentication_data::once",
        "it takes data without a method, which 3.1.2.11.10 calls a protocol error",
    ),
    at(
        "v*::publish::flags::100*",
        "it takes DUP at QoS 0 [MQTT-3.3.1-2]",
    ),
    at(
        "v31::*subscribe::without_a_filter",
        "it lets MQTT 3.1 ask for nothing",
    ),
    at(
        "v*::exactly_once::a_repeated_publish_of_qos_2_is_delivered_once",
        "it ends a connection that repeats a PUBLISH of QoS 2 [MQTT-4.3.3-10]",
    ),
    at(
        "v5::flow::a_message_too_large_for_the_client_is_left_out",
        "it does not count the first byte, and sends one byte too many [MQTT-3.1.2-24]",
    ),
    at(
        "v5::flow::more_than_the_server_takes_ends_the_connection",
        "it refuses the message by PUBREC 0x97 where 4.9 ends the connection by 0x93",
    ),
    at(
        "v5::flow::no_more_is_under_way_than_the_client_takes",
        "it sends two messages for one PUBACK, over the window [MQTT-3.3.4-9]",
    ),
    at(
        "v5::retained::a_shared_subscription_gets_none",
        "it sends retained messages to shared subscriptions too (3.3.1.3)",
    ),
    at(
        "v5::will::a_disconnect_with_an_error_leaves_the_will_as_it_was",
        "it discards the will at every reason but 0x04 (3.14.4)",
    ),
    at(
        "v5::will_delay::a_clean_start_ends_the_session_and_its_wait",
        "it lets a will wait beyond the end of its session (3.1.3.2.2)",
    ),
    at(
        "v5::will_delay::a_will_does_not_wait_longer_than_its_session",
        "it lets a will wait beyond the end of its session (3.1.3.2.2)",
    ),
    at(
        "v5::expiry::what_was_sent_once_does_not_expire",
        "it drops an expired message that it has sent already [MQTT-4.3.3-7]",
    ),
];

/// Against mosquitto a difference that is known is right; against any other server the outcome
/// stands.
pub(crate) fn weigh(target: &Target, trial: &Trial, outcome: Outcome) -> Outcome {
    if !target.is_mosquitto() || outcome.is_ok() {
        return outcome;
    }
    let known = DIFFERENCES
        .iter()
        .find(|known| fits(known.names, &trial.name));
    match known {
        Some(known) => {
            known.seen.store(true, Ordering::Relaxed);
            Ok(())
        }
        None => outcome,
    }
}

/// The differences that no trial has shown.
pub(crate) fn unseen() -> impl Iterator<Item = (&'static str, &'static str)> {
    let unseen = DIFFERENCES
        .iter()
        .filter(|known| !known.seen.load(Ordering::Relaxed));
    unseen.map(|known| (known.names, known.why))
}

/// Whether a name fits a pattern with any number of `*`.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(rest) = name.strip_prefix(before) else {
        return false;
    };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(after, &rest[at..]))
}
