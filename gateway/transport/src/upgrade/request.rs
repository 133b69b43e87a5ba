//! One whole request for a WebSocket that carries MQTT.

use super::Refusal;
use super::fields::{Field, Fields, RequestLine, cut_line, members};
use crate::limits::HEAD_FIELDS_MAX;

/// The sub-protocol that was agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// `mqtt` [MQTT-6.0.0-3, MQTT-6.0.0-4].
    Mqtt,
    /// `mqttv3.1`, what clients of MQTT 3.1 offered before there was a registered name. It is
    /// taken only where `mqtt` is not offered; RFC 6455 lets a server name nothing else.
    MqttV31,
}

impl Protocol {
    /// The name as it goes over the wire, where it is case-sensitive.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Mqtt => "mqtt",
            Protocol::MqttV31 => "mqttv3.1",
        }
    }
}

/// A request that can be granted. All text is the client's claim.
#[derive(Clone, Copy, Debug)]
pub struct Upgrade<'a> {
    pub protocol: Protocol,
    pub host: &'a str,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub(super) key: &'a [u8; KEY_BYTES],
    fields: Fields<'a>,
}

/// Sixteen bytes in base64.
const KEY_BYTES: usize = 24;

impl<'a> Upgrade<'a> {
    /// Reads a whole head, its empty line included.
    pub(super) fn read(head: &'a [u8], path: Option<&str>) -> Result<Self, Refusal> {
        let (line, fields) = cut_line(head).ok_or(Refusal::RequestLineMalformed)?;
        let line = RequestLine::read(line)?;
        let fields = Fields(fields);
        let told = Told::read(fields)?;
        if line.method != b"GET" {
            return Err(Refusal::MethodUnknown);
        }
        if path.is_some_and(|path| path != line.path) {
            return Err(Refusal::PathUnknown);
        }
        if !told.upgrades {
            return Err(Refusal::UpgradeMissing);
        }
        if told.version != Some(b"13") {
            return Err(Refusal::WebSocketVersionUnknown);
        }
        if !told.connection_upgrades {
            return Err(Refusal::ConnectionMissing);
        }
        Ok(Upgrade {
            protocol: told.protocol.ok_or(Refusal::ProtocolMissing)?,
            host: told.host.and_then(host).ok_or(Refusal::HostMalformed)?,
            path: line.path,
            query: line.query,
            key: told.key.and_then(key).ok_or(Refusal::KeyMalformed)?,
            fields,
        })
    }

    /// The values of all fields with this name, in their order: `Origin`, `X-Forwarded-For`.
    ///
    /// They may hold any byte but controls. A list in several fields is one list.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.fields.filter_map(Result::ok);
        fields
            .filter(move |field| field.is(name))
            .map(|field| field.value)
    }
}

/// What the fields say that decides.
#[derive(Default)]
struct Told<'a> {
    host: Option<&'a [u8]>,
    key: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    upgrades: bool,
    connection_upgrades: bool,
    protocol: Option<Protocol>,
}

impl<'a> Told<'a> {
    fn read(fields: Fields<'a>) -> Result<Self, Refusal> {
        let mut told = Told::default();
        for (index, field) in fields.enumerate() {
            if index == HEAD_FIELDS_MAX {
                return Err(Refusal::FieldsTooMany);
            }
            told.on_field(field?)?;
        }
        Ok(told)
    }

    fn on_field(&mut self, field: Field<'a>) -> Result<(), Refusal> {
        let value = field.value;
        let named = |value: &[u8], word: &str| {
            members(value).any(|member| member.eq_ignore_ascii_case(word.as_bytes()))
        };
        if field.is("host") {
            return set_once(&mut self.host, value);
        } else if field.is("sec-websocket-key") {
            return set_once(&mut self.key, value);
        } else if field.is("sec-websocket-version") {
            return set_once(&mut self.version, value);
        } else if field.is("upgrade") {
            self.upgrades |= named(value, "websocket");
        } else if field.is("connection") {
            self.connection_upgrades |= named(value, "upgrade");
        } else if field.is("sec-websocket-protocol") {
            self.offer(value);
        } else if field.is("transfer-encoding") || field.is("content-length") && value != b"0" {
            // Where it ends is what smuggling is about; a GET needs none.
            return Err(Refusal::HasBody);
        }
        Ok(())
    }

    /// Takes an offer of sub-protocols, of which there may be several fields.
    fn offer(&mut self, value: &[u8]) {
        for member in members(value) {
            if member == Protocol::Mqtt.name().as_bytes() {
                self.protocol = Some(Protocol::Mqtt);
            } else if member == Protocol::MqttV31.name().as_bytes() {
                self.protocol.get_or_insert(Protocol::MqttV31);
            }
        }
    }
}

fn set_once<'a>(place: &mut Option<&'a [u8]>, value: &'a [u8]) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::FieldTwice),
    }
}

/// A name or address, and perhaps a port: nothing that a log or a route could trip over.
fn host(value: &[u8]) -> Option<&str> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%:[]".contains(byte);
    if value.is_empty() || !value.iter().all(is_part) {
        return None;
    }
    std::str::from_utf8(value).ok()
}

/// A key is only ever hashed, as text, so its shape is checked and it is not decoded: RFC 6455
/// 4.2.2 asks for no more, and stray bits in the last letter harm nobody.
fn key(value: &[u8]) -> Option<&[u8; KEY_BYTES]> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    let letters = value.strip_suffix(b"==")?;
    let key = value.try_into().ok()?;
    letters.iter().all(is_letter).then_some(key)
}
