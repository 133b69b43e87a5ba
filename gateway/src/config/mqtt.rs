//! `[mqtt]`: what a client may do, and how much is kept for it.

use tributary_proto::topic;

use super::section::Section;
use super::settings::{Mqtt, QueueDrop};

/// The most the remaining length can say, 268,435,455 [MQTT-2.1.4], and the five bytes before it.
pub(super) const PACKET_BYTES_LIMIT: u64 = 268_435_455 + 5;
/// A CONNECT with a client id of 23 bytes, a will and a password must fit.
pub(super) const PACKET_BYTES_LEAST: u64 = 512;
const PACKET_BYTES_DEFAULT: u64 = 1 << 20;

/// A week: a device that was away over a long weekend finds its session again.
const SESSION_EXPIRY_SECS_DEFAULT: u64 = 7 * 24 * 3_600;
/// Beyond this a bound on bytes would not be one.
const BYTES_CEILING: u64 = 1 << 40;
const QUEUE_BYTES_DEFAULT: u64 = 1 << 20;
const QUEUED_BYTES_DEFAULT: u64 = 1 << 30;
const RETAINED_BYTES_DEFAULT: u64 = 1 << 30;
const RESPONSE_RIGHT: &str = "write the begin of a topic name, as in \"response/\"";

pub(super) fn mqtt(top: &mut Section<'_>) -> Mqtt {
    let mut section = top.section("mqtt");
    let told = |text: &str| topic::is_name(text);
    let response_information =
        section.told_to_clients("response_information", told, RESPONSE_RIGHT);
    let drops = [("oldest", QueueDrop::Oldest), ("newest", QueueDrop::Newest)];
    let queue_drop = section
        .choice("queue_drop", &drops, &[])
        .unwrap_or_default();
    let (queue_bytes_max, queued_bytes_max) = queue_bytes(&mut section);
    let mut number = |key, range, default| section.number(key, range).unwrap_or(default);
    let any = 0..=u64::from(u32::MAX);
    // Each range below ends where the type does, so no cast cuts anything off.
    let settings = Mqtt {
        packet_bytes_max: number(
            "packet_bytes_max",
            PACKET_BYTES_LEAST..=PACKET_BYTES_LIMIT,
            PACKET_BYTES_DEFAULT,
        ) as u32,
        receive_max: number("receive_max", 1..=65_535, 256) as u16,
        topic_alias_max: number("topic_alias_max", 0..=65_535, 16) as u16,
        keep_alive_secs_max: number("keep_alive_secs_max", 1..=65_535, 65_535) as u16,
        connect_timeout_secs: number("connect_timeout_secs", 1..=3_600, 10) as u16,
        // 23 bytes is what every server must take [MQTT-3.1.3-5].
        client_id_bytes_max: number("client_id_bytes_max", 23..=65_535, 1_024) as u16,
        maximum_qos: number("maximum_qos", 0..=2, 2) as u8,
        response_information,
        session_expiry_secs_max: number(
            "session_expiry_secs_max",
            any.clone(),
            SESSION_EXPIRY_SECS_DEFAULT,
        ) as u32,
        // No will outlives its session, so this default cuts none that the one above has not cut.
        will_delay_secs_max: number(
            "will_delay_secs_max",
            any.clone(),
            SESSION_EXPIRY_SECS_DEFAULT,
        ) as u32,
        subscriptions_per_client_max: number("subscriptions_per_client_max", 1..=100_000, 1_000)
            as u32,
        queue_messages_max: number("queue_messages_max", 0..=1_000_000, 1_000) as u32,
        queue_bytes_max,
        queue_drop,
        queued_bytes_max,
        retained_count_max: number("retained_count_max", any, 1_000_000) as u32,
        retained_bytes_max: number(
            "retained_bytes_max",
            0..=BYTES_CEILING,
            RETAINED_BYTES_DEFAULT,
        ),
        sys_interval_secs: number("sys_interval_secs", 0..=65_535, 10) as u16,
    };
    section.close();
    settings
}

/// What one client may have waiting, and what all of them together.
fn queue_bytes(section: &mut Section<'_>) -> (u64, u64) {
    let place = section.place_of("queue_bytes_max");
    let one = section.number("queue_bytes_max", 0..=BYTES_CEILING);
    let all = section.number("queued_bytes_max", 0..=BYTES_CEILING);
    let one = one.unwrap_or(QUEUE_BYTES_DEFAULT);
    let all = all.unwrap_or(QUEUED_BYTES_DEFAULT);
    if one > all {
        let wrong = format!("of one client is {one}, and queued_bytes_max of all is {all}");
        let right = "let all have at least what one may have";
        section.fault(place, "queue_bytes_max", wrong, right);
    }
    (one, all)
}
