//! Packets made up by chance: legal ones, from a few values that are likely to matter.

use crate::chance::Chance;
use std::num::NonZeroU16;
use tributary_proto::packet::*;
use tributary_proto::property::UserProperties;
use tributary_proto::reason::Reason;
use tributary_proto::version::{Qos, Version};

const TEXTS: [&str; 6] = [
    "a",
    "dw/plant-7/telemetry",
    "ünïcödé/✓",
    " ",
    "/",
    "{\"k\":1}",
];
const BLOBS: [&[u8]; 5] = [b"", b"\0", b"\xFF\xFE", b"payload", &[0x5A; 300]];
const PAIRS: [&[(&str, &str)]; 4] = [
    &[],
    &[("k", "v")],
    &[("", "")],
    &[("k", "v"), ("k", "w"), ("unit", "°C")],
];
const QOSES: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
pub(crate) const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

fn users(chance: &mut Chance) -> UserProperties<'static> {
    UserProperties::from_pairs(chance.pick(&PAIRS))
}

pub(crate) fn any_connect(chance: &mut Chance) -> Connect<'static> {
    let version = chance.pick(&VERSIONS);
    let is_v5 = version == Version::V5;
    let clean_start = chance.flip();
    let may_be_empty = is_v5 || (version == Version::V311 && clean_start);
    let user_name = chance.maybe(&TEXTS);
    let method = chance.maybe(&TEXTS);
    let properties = ConnectProperties {
        session_expiry_secs: chance.pick(&[0, 1, u32::MAX]),
        receive_max: chance.u16_not_zero(),
        packet_bytes_max: chance.maybe(&[1, 1024, u32::MAX]),
        topic_alias_max: chance.pick(&[0, 10, u16::MAX]),
        request_response_information: chance.flip(),
        request_problem_information: chance.flip(),
        authentication_method: method,
        authentication_data: method.and_then(|_| chance.maybe(&BLOBS)),
        user_properties: users(chance),
    };
    let mut will = chance.flip().then(|| Will {
        topic: chance.pick(&TEXTS),
        payload: chance.pick(&BLOBS),
        qos: chance.pick(&QOSES),
        retain: chance.flip(),
        properties: WillProperties {
            delay_secs: chance.pick(&[0, 30]),
            message_expiry_secs: chance.maybe(&[0, 60]),
            content_type: chance.maybe(&TEXTS),
            response_topic: chance.maybe(&TEXTS),
            correlation_data: chance.maybe(&BLOBS),
            user_properties: users(chance),
            payload_is_utf8: false,
        },
    });
    if let Some(will) = will.as_mut() {
        will.properties.payload_is_utf8 = str::from_utf8(will.payload).is_ok() && chance.flip();
        if !is_v5 {
            will.properties = WillProperties::default();
        }
    }
    Connect {
        version,
        clean_start,
        keep_alive_secs: chance.u32() as u16,
        client_id: if may_be_empty && chance.flip() {
            ""
        } else {
            chance.pick(&TEXTS)
        },
        will,
        user_name,
        password: if is_v5 || user_name.is_some() {
            chance.maybe(&BLOBS)
        } else {
            None
        },
        properties: if is_v5 {
            properties
        } else {
            ConnectProperties::default()
        },
    }
}

pub(crate) fn any_publish(chance: &mut Chance, version: Version) -> Publish<'static> {
    let qos = chance.pick(&QOSES);
    let payload = chance.pick(&BLOBS);
    let topic_alias = NonZeroU16::new(chance.u16_not_zero()).filter(|_| chance.flip());
    let properties = PublishProperties {
        topic_alias,
        payload_is_utf8: str::from_utf8(payload).is_ok() && chance.flip(),
        message_expiry_secs: chance.maybe(&[0, 1, u32::MAX]),
        content_type: chance.maybe(&TEXTS),
        response_topic: chance.maybe(&TEXTS),
        correlation_data: chance.maybe(&BLOBS),
        subscription_identifiers: &[],
        user_properties: users(chance),
    };
    let has_section = version == Version::V5 && chance.flip();
    let properties = if has_section {
        properties
    } else {
        PublishProperties::default()
    };
    let is_aliased = properties.topic_alias.is_some() && chance.flip();
    Publish {
        dup: qos != Qos::AtMostOnce && chance.flip(),
        qos,
        retain: chance.flip(),
        topic: if is_aliased { "" } else { chance.pick(&TEXTS) },
        packet_id: if qos == Qos::AtMostOnce {
            0
        } else {
            chance.u16_not_zero()
        },
        properties,
        payload,
    }
}

/// An acknowledgement of the type in `first_byte`.
pub(crate) fn any_ack(chance: &mut Chance, version: Version, first_byte: u8) -> Ack<'static> {
    let reasons: &[Reason] = match first_byte >> 4 {
        6 | 7 => &[Reason::Success, Reason::PacketIdentifierNotFound],
        _ => &[
            Reason::Success,
            Reason::NoMatchingSubscribers,
            Reason::QuotaExceeded,
        ],
    };
    let is_v5 = version == Version::V5;
    Ack {
        packet_id: chance.u16_not_zero(),
        reason: if is_v5 {
            chance.pick(reasons)
        } else {
            Reason::Success
        },
        reason_string: chance.maybe(&TEXTS).filter(|_| is_v5),
        user_properties: if is_v5 {
            users(chance)
        } else {
            UserProperties::default()
        },
    }
}

pub(crate) fn any_disconnect(chance: &mut Chance, version: Version) -> Disconnect<'static> {
    let is_v5 = version == Version::V5;
    let reasons = [
        Reason::Success,
        Reason::DisconnectWithWill,
        Reason::PacketTooLarge,
    ];
    Disconnect {
        reason: if is_v5 {
            chance.pick(&reasons)
        } else {
            Reason::Success
        },
        session_expiry_secs: chance.maybe(&[0, 60]).filter(|_| is_v5),
        server_reference: chance.maybe(&TEXTS).filter(|_| is_v5),
        reason_string: chance.maybe(&TEXTS).filter(|_| is_v5),
        user_properties: if is_v5 {
            users(chance)
        } else {
            UserProperties::default()
        },
    }
}

pub(crate) fn any_auth(chance: &mut Chance) -> Auth<'static> {
    Auth {
        reason: chance.pick(&[Reason::ContinueAuthentication, Reason::Reauthenticate]),
        authentication_method: chance.pick(&TEXTS),
        authentication_data: chance.maybe(&BLOBS),
        reason_string: chance.maybe(&TEXTS),
        user_properties: users(chance),
    }
}

/// What a SUBSCRIBE says, in a form that does not borrow from one.
#[derive(PartialEq, Debug)]
pub(crate) struct Wanted {
    pub(crate) packet_id: u16,
    pub(crate) identifier: Option<u32>,
    pub(crate) user_properties: UserProperties<'static>,
    pub(crate) filters: Vec<(&'static str, SubscribeOptions)>,
}

pub(crate) fn any_wanted(chance: &mut Chance, version: Version) -> Wanted {
    let is_v5 = version == Version::V5;
    let filters = (0..1 + chance.below(4)).map(|_| {
        let filter = chance.pick(&["#", "+", "a/+/b", "$share/fleet/a/#", "/", "$SYS/#"]);
        let handlings = [
            RetainHandling::Send,
            RetainHandling::SendIfNew,
            RetainHandling::Never,
        ];
        let options = SubscribeOptions {
            qos: chance.pick(&QOSES),
            no_local: is_v5 && !filter.starts_with("$share") && chance.flip(),
            retain_as_published: is_v5 && chance.flip(),
            retain_handling: if is_v5 {
                chance.pick(&handlings)
            } else {
                RetainHandling::Send
            },
        };
        (filter, options)
    });
    Wanted {
        filters: filters.collect(),
        packet_id: chance.u16_not_zero(),
        identifier: chance.maybe(&[1, 127, 128, 268_435_455]).filter(|_| is_v5),
        user_properties: if is_v5 {
            users(chance)
        } else {
            UserProperties::default()
        },
    }
}
