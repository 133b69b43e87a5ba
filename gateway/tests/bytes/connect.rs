//! CONNECT with every field open to choice, right or wrong.

use crate::wire::*;

#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) topic: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// The will's properties without their length.
    pub(crate) list: Vec<u8>,
}

impl Will {
    pub(crate) fn new(topic: &str, payload: &str) -> Will {
        Will {
            topic: topic.into(),
            payload: payload.into(),
            qos: 0,
            retain: false,
            list: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) version: u8,
    pub(crate) client_id: Vec<u8>,
    pub(crate) clean: bool,
    pub(crate) keep_alive_secs: u16,
    /// The properties without their length.
    pub(crate) list: Vec<u8>,
    pub(crate) will: Option<Will>,
    pub(crate) user_name: Option<Vec<u8>>,
    pub(crate) password: Option<Vec<u8>>,
}

impl Connect {
    pub(crate) fn new(version: u8, client_id: &str) -> Connect {
        Connect {
            version,
            client_id: client_id.into(),
            clean: true,
            keep_alive_secs: 0,
            list: Vec::new(),
            will: None,
            user_name: None,
            password: None,
        }
    }

    /// One that asks for a session that stays, in the words of its version.
    pub(crate) fn lasting(version: u8, client_id: &str) -> Connect {
        let list = match version {
            V5 => [&[0x11][..], &3600_u32.to_be_bytes()].concat(),
            _ => Vec::new(),
        };
        Connect {
            clean: false,
            list,
            ..Connect::new(version, client_id)
        }
    }

    pub(crate) fn flags(&self) -> u8 {
        let will = self
            .will
            .as_ref()
            .map_or(0, |will| 0x04 | will.qos << 3 | u8::from(will.retain) << 5);
        let user = u8::from(self.user_name.is_some()) << 7;
        let password = u8::from(self.password.is_some()) << 6;
        u8::from(self.clean) << 1 | will | user | password
    }

    /// Protocol name and level.
    pub(crate) fn protocol(version: u8) -> Vec<u8> {
        let name: &[u8] = if version == V31 { b"MQIsdp" } else { b"MQTT" };
        [text(name), vec![version]].concat()
    }

    /// The fields of the payload in their order [MQTT-3.1.3-1].
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut fields = text(&self.client_id);
        if let Some(will) = &self.will {
            fields.extend(section(self.version, &will.list));
            fields.extend(text(&will.topic));
            fields.extend(text(&will.payload));
        }
        fields.extend(self.user_name.iter().flat_map(|name| text(name)));
        fields.extend(self.password.iter().flat_map(|word| text(word)));
        fields
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = Connect::protocol(self.version);
        body.push(self.flags());
        body.extend(self.keep_alive_secs.to_be_bytes());
        body.extend(section(self.version, &self.list));
        body.extend(self.payload());
        body
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        frame(0x10, &self.body())
    }
}
