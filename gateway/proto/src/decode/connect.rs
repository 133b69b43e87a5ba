//! CONNECT, the first packet, in every version.

use super::publish::response_topic;
use super::refusal::ConnectRefusal;
use crate::cursor::Cursor;
use crate::malformed::{Field, Malformed};
use crate::packet::{Connect, ConnectProperties, Will, WillProperties};
use crate::property::{Property, Section};
use crate::topic;
use crate::version::{Qos, Version};

/// Decodes the body of a CONNECT of any version.
pub fn connect(body: &[u8]) -> Result<Connect<'_>, ConnectRefusal> {
    let mut rest = Cursor::new(body);
    let name = rest.binary(Field::ProtocolName)?;
    if name != b"MQTT" && name != b"MQIsdp" {
        return Err(Malformed::ProtocolNameUnknown.into());
    }
    let level = rest.u8(Field::ProtocolLevel)?;
    let version = match (name, level) {
        (b"MQIsdp", 3) => Version::V31,
        (b"MQTT", 4) => Version::V311,
        (b"MQTT", 5) => Version::V5,
        _ => return Err(ConnectRefusal::Unsupported { level }),
    };
    after_level(version, rest).map_err(|malformed| match (version, malformed) {
        (Version::V5, _) | (_, Malformed::ClientIdEmpty) => {
            ConnectRefusal::Answered { version, malformed }
        }
        (Version::V31 | Version::V311, _) => ConnectRefusal::Malformed(malformed),
    })
}

/// The connect flags [section 3.1.2.3].
///
/// ```text
///     7        6        5        4 3      2       1        0
/// [ user | password | will   | will    | will | clean | reserved ]
/// [ name |          | retain | QoS     |      | start |          ]
/// ```
#[derive(Clone, Copy)]
struct Flags(u8);

impl Flags {
    fn read(version: Version, rest: &mut Cursor<'_>) -> Result<Flags, Malformed> {
        let flags = Flags(rest.u8(Field::ConnectFlags)?);
        // [MQTT-3.1.2-3]
        if flags.has(0) {
            return Err(Malformed::ConnectFlagReserved);
        }
        // [MQTT-3.1.2-12]
        if flags.will_qos().is_none() {
            return Err(Malformed::WillQosReserved);
        }
        // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
        if !flags.has(2) && flags.0 & 0b0011_1000 != 0 {
            return Err(Malformed::WillFlagsWithoutWill);
        }
        // [MQTT-3.1.1: 3.1.2-22]; MQTT 5 lets a password stand alone.
        if !version.has_properties() && flags.has(6) && !flags.has(7) {
            return Err(Malformed::PasswordWithoutUserName);
        }
        Ok(flags)
    }

    fn has(self, bit: u8) -> bool {
        self.0 & 1 << bit != 0
    }

    fn will_qos(self) -> Option<Qos> {
        Qos::from_bits(self.0 >> 3 & 0b11)
    }
}

fn after_level(version: Version, mut rest: Cursor<'_>) -> Result<Connect<'_>, Malformed> {
    let flags = Flags::read(version, &mut rest)?;
    let clean_start = flags.has(1);
    let keep_alive_secs = rest.u16(Field::KeepAlive)?;
    let properties = match version {
        Version::V5 => connect_properties(&mut rest)?,
        Version::V31 | Version::V311 => ConnectProperties::default(),
    };
    let client_id = rest.text(Field::ClientId)?;
    // [MQTT-3.1.1: 3.1.3-8], and MQTT 3.1 has no empty client id at all. Its upper bound of 23
    // characters is not held against anyone: no broker does, and devices rely on that.
    let may_be_empty = match version {
        Version::V31 => false,
        Version::V311 => clean_start,
        Version::V5 => true,
    };
    if client_id.is_empty() && !may_be_empty {
        return Err(Malformed::ClientIdEmpty);
    }
    let will = match flags.has(2) {
        true => Some(read_will(version, flags, &mut rest)?),
        false => None,
    };
    // In MQTT 3.1 the remaining length goes before the flags: what they promise may be missing.
    let is_there = |rest: &Cursor<'_>| version != Version::V31 || !rest.is_empty();
    let user_name = match flags.has(7) && is_there(&rest) {
        true => Some(rest.text(Field::UserName)?),
        false => None,
    };
    let password = match flags.has(6) && is_there(&rest) {
        true => Some(rest.binary(Field::Password)?),
        false => None,
    };
    rest.finish()?;
    Ok(Connect {
        version,
        clean_start,
        keep_alive_secs,
        client_id,
        will,
        user_name,
        password,
        properties,
    })
}

fn connect_properties<'a>(rest: &mut Cursor<'a>) -> Result<ConnectProperties<'a>, Malformed> {
    let mut section = Section::open(rest)?;
    let mut to = ConnectProperties::default();
    while let Some(property) = section.next()? {
        match property {
            Property::SessionExpiry => to.session_expiry_secs = section.u32()?,
            Property::ReceiveMax => match section.u16()? {
                0 => return Err(Malformed::ReceiveMaxZero),
                receive_max => to.receive_max = receive_max,
            },
            Property::PacketBytesMax => match section.u32()? {
                0 => return Err(Malformed::PacketBytesMaxZero),
                packet_bytes_max => to.packet_bytes_max = Some(packet_bytes_max),
            },
            Property::TopicAliasMax => to.topic_alias_max = section.u16()?,
            Property::RequestResponseInformation => {
                to.request_response_information = section.flag()?;
            }
            Property::RequestProblemInformation => {
                to.request_problem_information = section.flag()?;
            }
            Property::AuthenticationMethod => to.authentication_method = Some(section.text()?),
            Property::AuthenticationData => to.authentication_data = Some(section.binary()?),
            _ => return Err(section.misplaced()),
        }
    }
    // [section 3.1.2.11.10]
    if to.authentication_data.is_some() && to.authentication_method.is_none() {
        return Err(Malformed::AuthDataWithoutMethod);
    }
    to.user_properties = section.user_properties();
    Ok(to)
}

fn read_will<'a>(
    version: Version,
    flags: Flags,
    rest: &mut Cursor<'a>,
) -> Result<Will<'a>, Malformed> {
    let properties = match version {
        Version::V5 => will_properties(rest)?,
        Version::V31 | Version::V311 => WillProperties::default(),
    };
    let topic = topic::read_name(rest, Field::WillTopic, Malformed::WillTopicHasWildcard)?;
    if topic.is_empty() {
        return Err(Malformed::WillTopicEmpty);
    }
    let payload = rest.binary(Field::WillPayload)?;
    if properties.payload_is_utf8 && str::from_utf8(payload).is_err() {
        return Err(Malformed::WillPayloadNotUtf8);
    }
    let qos = flags.will_qos().ok_or(Malformed::WillQosReserved)?;
    Ok(Will {
        topic,
        payload,
        qos,
        retain: flags.has(5),
        properties,
    })
}

fn will_properties<'a>(rest: &mut Cursor<'a>) -> Result<WillProperties<'a>, Malformed> {
    let mut section = Section::open(rest)?;
    let mut to = WillProperties::default();
    while let Some(property) = section.next()? {
        match property {
            Property::WillDelay => to.delay_secs = section.u32()?,
            Property::PayloadFormat => to.payload_is_utf8 = section.flag()?,
            Property::MessageExpiry => to.message_expiry_secs = Some(section.u32()?),
            Property::ContentType => to.content_type = Some(section.text()?),
            Property::ResponseTopic => to.response_topic = Some(response_topic(&mut section)?),
            Property::CorrelationData => to.correlation_data = Some(section.binary()?),
            _ => return Err(section.misplaced()),
        }
    }
    to.user_properties = section.user_properties();
    Ok(to)
}
