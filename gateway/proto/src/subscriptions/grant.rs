//! What a subscription was granted, and how it is packed beside a number of 24 bits.

use crate::version::Qos;

/// What a subscription was granted [section 3.8.3.1].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Grant {
    /// The most that its copies are sent with.
    pub qos: Qos,
    /// It does not want what its own client published [MQTT-3.8.3-3].
    pub no_local: bool,
    /// Its copies keep the RETAIN flag as published [MQTT-3.3.1-12].
    pub retain_as_published: bool,
    /// Its Subscription Identifier; 0 for none [section 3.8.2.1.2].
    pub identifier: u32,
}

/// How many bits [`Grant::bits`] has.
pub(super) const GRANT_BITS: u32 = 5;

const NO_LOCAL: u32 = 1 << 2;
const RETAIN_AS_PUBLISHED: u32 = 1 << 3;
/// Few subscriptions have an identifier: it is kept elsewhere, and this bit says that there is one.
const IDENTIFIED: u32 = 1 << 4;

impl Grant {
    /// The grant without its identifier.
    ///
    /// ```text
    ///      4           3          2        1 0
    /// [ identi- | retain as  |  no    |         ]
    /// [ fied    | published  |  local |   QoS   ]
    /// ```
    pub(super) fn bits(self) -> u32 {
        let flag = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
        self.qos as u32
            | flag(self.no_local, NO_LOCAL)
            | flag(self.retain_as_published, RETAIN_AS_PUBLISHED)
            | flag(self.identifier != 0, IDENTIFIED)
    }

    /// The grant of these bits; `identifier` is asked where there is one.
    #[inline]
    pub(super) fn from_bits(bits: u32, identifier: impl FnOnce() -> u32) -> Grant {
        Grant {
            qos: qos_of(bits),
            no_local: bits & NO_LOCAL != 0,
            retain_as_published: bits & RETAIN_AS_PUBLISHED != 0,
            identifier: if is_identified(bits) { identifier() } else { 0 },
        }
    }
}

/// The QoS in a grant's bits.
#[inline]
fn qos_of(bits: u32) -> Qos {
    match bits & 0b11 {
        0 => Qos::AtMostOnce,
        1 => Qos::AtLeastOnce,
        _ => Qos::ExactlyOnce,
    }
}

/// Whether an identifier is kept elsewhere.
#[inline]
pub(super) fn is_identified(bits: u32) -> bool {
    bits & IDENTIFIED != 0
}

/// What several subscriptions of one client that match together grant: the highest QoS
/// [MQTT-3.3.4-2], RETAIN kept if one of them keeps it, silence about the client's own messages
/// only if all of them ask for it.
#[inline]
pub(super) fn together(one: u32, other: u32) -> u32 {
    let qos = (one & 0b11).max(other & 0b11);
    qos | (one | other) & RETAIN_AS_PUBLISHED | one & other & NO_LOCAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grant_comes_back_from_its_bits() {
        for bits in (0..1 << GRANT_BITS).filter(|bits| bits & 0b11 != 0b11) {
            let grant = Grant::from_bits(bits, || 7);
            assert_eq!(grant.bits(), bits);
            assert_eq!(grant.identifier, if is_identified(bits) { 7 } else { 0 });
        }
    }

    #[test]
    fn together_the_most_generous_subscription_decides() {
        let grant = |qos, no_local, retain_as_published| Grant {
            qos,
            no_local,
            retain_as_published,
            identifier: 0,
        };
        let one = grant(Qos::ExactlyOnce, true, false).bits();
        let other = grant(Qos::AtLeastOnce, false, true).bits();
        let wanted = grant(Qos::ExactlyOnce, false, true).bits();
        assert_eq!(together(one, other), wanted);
        assert_eq!(together(one, one), one);
    }
}
