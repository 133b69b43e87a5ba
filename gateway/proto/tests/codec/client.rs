//! A client's way of writing packets, apart from the one that the gateway has.

use crate::chance::Chance;
use crate::made_up::*;
use crate::wire::Bytes;
use std::num::NonZeroU16;
use tributary_proto::packet::*;
use tributary_proto::property::UserProperties;
use tributary_proto::reason::Reason;
use tributary_proto::version::{Qos, Version};

/// Properties as a client collects them before it writes their length.
#[derive(Default)]
struct Section(Bytes);

impl Section {
    fn add<T>(&mut self, id: u8, value: Option<T>, write: impl FnOnce(Bytes, T) -> Bytes) {
        if let Some(value) = value {
            self.0 = write(std::mem::take(&mut self.0).u8(id), value);
        }
    }

    fn byte(&mut self, id: u8, value: Option<bool>) {
        self.add(id, value, |to, value| to.u8(value.into()));
    }

    fn text(&mut self, id: u8, value: Option<&str>) {
        self.add(id, value, Bytes::text);
    }

    fn binary(&mut self, id: u8, value: Option<&[u8]>) {
        self.add(id, value, Bytes::binary);
    }

    fn user(&mut self, properties: UserProperties<'_>) {
        for (name, value) in properties {
            self.add(0x26, Some(()), |to, ()| to.text(name).text(value));
        }
    }
}

pub(crate) fn write_connect(from: &Connect<'_>) -> Vec<u8> {
    let is_v5 = from.version == Version::V5;
    let name = if from.version == Version::V31 {
        "MQIsdp"
    } else {
        "MQTT"
    };
    let will_flags = from.will.map_or(0, |will| {
        0b100 + 0b1000 * will.qos as u8 + 0b10_0000 * u8::from(will.retain)
    });
    let flags = 0b10 * u8::from(from.clean_start)
        + will_flags
        + 0b100_0000 * u8::from(from.password.is_some())
        + 0b1000_0000 * u8::from(from.user_name.is_some());
    let mut body = Bytes::new().text(name).u8(from.version as u8).u8(flags);
    body = body.u16(from.keep_alive_secs);
    if is_v5 {
        body = body.section(&connect_section(&from.properties));
    }
    body = body.text(from.client_id);
    if let Some(will) = from.will {
        if is_v5 {
            body = body.section(&will_section(&will.properties));
        }
        body = body.text(will.topic).binary(will.payload);
    }
    if let Some(user_name) = from.user_name {
        body = body.text(user_name);
    }
    if let Some(password) = from.password {
        body = body.binary(password);
    }
    body.framed(0x10)
}

fn connect_section(from: &ConnectProperties<'_>) -> Vec<u8> {
    let mut to = Section::default();
    to.user(from.user_properties);
    to.text(0x15, from.authentication_method);
    to.binary(0x16, from.authentication_data);
    to.byte(0x17, Some(from.request_problem_information));
    to.byte(0x19, Some(from.request_response_information));
    to.add(0x22, Some(from.topic_alias_max), Bytes::u16);
    to.add(0x27, from.packet_bytes_max, Bytes::u32);
    to.add(0x21, Some(from.receive_max), Bytes::u16);
    to.add(0x11, Some(from.session_expiry_secs), Bytes::u32);
    to.0.0
}

fn will_section(from: &WillProperties<'_>) -> Vec<u8> {
    let mut to = Section::default();
    to.add(0x18, Some(from.delay_secs), Bytes::u32);
    to.byte(0x01, Some(from.payload_is_utf8));
    to.user(from.user_properties);
    to.add(0x02, from.message_expiry_secs, Bytes::u32);
    to.text(0x03, from.content_type);
    to.text(0x08, from.response_topic);
    to.binary(0x09, from.correlation_data);
    to.0.0
}

pub(crate) fn write_publish(version: Version, from: &Publish<'_>) -> Vec<u8> {
    let flags = 8 * u8::from(from.dup) + 2 * from.qos as u8 + u8::from(from.retain);
    let mut body = Bytes::new().text(from.topic);
    if from.qos != Qos::AtMostOnce {
        body = body.u16(from.packet_id);
    }
    if version == Version::V5 {
        let mut to = Section::default();
        let p = &from.properties;
        to.text(0x08, p.response_topic);
        to.user(p.user_properties);
        to.binary(0x09, p.correlation_data);
        to.byte(0x01, p.payload_is_utf8.then_some(true));
        to.add(0x02, p.message_expiry_secs, Bytes::u32);
        to.text(0x03, p.content_type);
        to.add(0x23, p.topic_alias.map(NonZeroU16::get), Bytes::u16);
        for &identifier in p.subscription_identifiers {
            to.add(0x0B, Some(identifier), Bytes::varint);
        }
        body = body.section(&to.0.0);
    }
    body.raw(from.payload).framed(0x30 + flags)
}

/// In the shortest form there is, or at chance in a longer one.
pub(crate) fn write_ack(
    chance: &mut Chance,
    version: Version,
    first_byte: u8,
    from: &Ack<'_>,
) -> Vec<u8> {
    let mut to = Section::default();
    to.text(0x1F, from.reason_string);
    to.user(from.user_properties);
    let body = Bytes::new().u16(from.packet_id);
    let body = tail_with_reason(chance, version, body, from.reason, &to.0.0);
    body.framed(first_byte)
}

/// Reason and properties, each left out where it may be and chance will have it.
fn tail_with_reason(
    chance: &mut Chance,
    version: Version,
    body: Bytes,
    reason: Reason,
    section: &[u8],
) -> Bytes {
    let has_section = !section.is_empty() || chance.flip();
    match version {
        Version::V31 | Version::V311 => body,
        Version::V5 if has_section => body.u8(reason.code()).section(section),
        Version::V5 if reason != Reason::Success || chance.flip() => body.u8(reason.code()),
        Version::V5 => body,
    }
}

pub(crate) fn write_disconnect(
    chance: &mut Chance,
    version: Version,
    from: &Disconnect<'_>,
) -> Vec<u8> {
    let mut to = Section::default();
    to.add(0x11, from.session_expiry_secs, Bytes::u32);
    to.text(0x1F, from.reason_string);
    to.text(0x1C, from.server_reference);
    to.user(from.user_properties);
    tail_with_reason(chance, version, Bytes::new(), from.reason, &to.0.0).framed(0xE0)
}

pub(crate) fn write_auth(from: &Auth<'_>) -> Vec<u8> {
    let mut to = Section::default();
    to.binary(0x16, from.authentication_data);
    to.user(from.user_properties);
    to.text(0x15, Some(from.authentication_method));
    to.text(0x1F, from.reason_string);
    Bytes::new()
        .u8(from.reason.code())
        .section(&to.0.0)
        .framed(0xF0)
}

pub(crate) fn write_subscribe(version: Version, from: &Wanted) -> Vec<u8> {
    let mut body = Bytes::new().u16(from.packet_id);
    if version == Version::V5 {
        let mut to = Section::default();
        to.add(0x0B, from.identifier, Bytes::varint);
        to.user(from.user_properties);
        body = body.section(&to.0.0);
    }
    for (filter, options) in &from.filters {
        let byte = options.qos as u8
            + 4 * u8::from(options.no_local)
            + 8 * u8::from(options.retain_as_published)
            + 16 * options.retain_handling as u8;
        body = body.text(filter).u8(byte);
    }
    body.framed(0x82)
}

pub(crate) fn write_unsubscribe(version: Version, from: &Wanted) -> Vec<u8> {
    let mut body = Bytes::new().u16(from.packet_id);
    if version == Version::V5 {
        let mut to = Section::default();
        to.user(from.user_properties);
        body = body.section(&to.0.0);
    }
    for (filter, _) in &from.filters {
        body = body.text(filter);
    }
    body.framed(0xA2)
}

/// Any packet that may come after CONNECT, as its bytes.
pub(crate) fn any_packet(chance: &mut Chance, version: Version) -> Vec<u8> {
    let ack = chance.pick(&[0x40, 0x50, 0x62, 0x70]);
    match chance.below(8) {
        0..3 => write_publish(version, &any_publish(chance, version)),
        3 => {
            let from = any_ack(chance, version, ack);
            write_ack(chance, version, ack, &from)
        }
        4 => write_subscribe(version, &any_wanted(chance, version)),
        5 => write_unsubscribe(version, &any_wanted(chance, version)),
        6 => Bytes::new().framed(0xC0),
        _ if version == Version::V5 && chance.flip() => write_auth(&any_auth(chance)),
        _ => {
            let from = any_disconnect(chance, version);
            write_disconnect(chance, version, &from)
        }
    }
}
