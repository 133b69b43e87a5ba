//! The two small scales that nearly every rule of MQTT turns on: protocol version and QoS.

/// A protocol version, numbered as the protocol level byte of CONNECT is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Version {
    /// MQTT 3.1, which calls itself `MQIsdp`.
    V31 = 3,
    /// MQTT 3.1.1.
    V311 = 4,
    /// MQTT 5.0, the first one with properties and reason codes.
    V5 = 5,
}

impl Version {
    /// Whether packets of this version carry properties and reason codes.
    #[inline]
    pub const fn has_properties(self) -> bool {
        matches!(self, Version::V5)
    }
}

/// How often a message arrives: at most, at least or exactly once [MQTT-4.3].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Qos {
    #[default]
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}

impl Qos {
    /// Reads the two bits that every QoS field has; 3 is reserved.
    #[inline]
    pub const fn from_bits(bits: u8) -> Option<Qos> {
        match bits {
            0 => Some(Qos::AtMostOnce),
            1 => Some(Qos::AtLeastOnce),
            2 => Some(Qos::ExactlyOnce),
            _ => None,
        }
    }
}
