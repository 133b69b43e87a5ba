//! The sixteen bytes that one client of a fleet costs this process, beside its slot in a ring.

use tributary_ring::Conn;

/// ```text
/// Away --dial--> Dialling --connected--> AwaitConnack --CONNACK 0--> Connected
///   ^               |                         |                         |
///   +---------------+------- any Close -------+-------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Away,
    Dialling,
    AwaitConnack,
    Connected,
}

/// Sent something since the last round of pings.
pub(super) const SPOKEN: u8 = 1;
pub(super) const AWAITS_PINGRESP: u8 = 2;
/// Its first connect of this phase has succeeded or failed.
pub(super) const SETTLED: u8 = 4;
/// It has been connected before.
pub(super) const RETURNS: u8 = 8;

#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) conn: Conn,
    /// When its connect ought to have begun, later when its ping left: microseconds that wrap
    /// after 71 minutes, which no latency reaches.
    began_us: u32,
    pub(super) ring: u8,
    pub(super) state: State,
    pub(super) flags: u8,
    pub(super) attempts: u8,
}

impl Client {
    pub(super) const AWAY: Client = Client {
        conn: Conn {
            slot: 0,
            generation: 0,
        },
        began_us: 0,
        ring: 0,
        state: State::Away,
        flags: 0,
        attempts: 0,
    };

    pub(super) fn begin(&mut self, at_ns: u64) {
        self.began_us = (at_ns / 1_000) as u32;
    }

    /// How long ago that was.
    pub(super) fn since_ns(&self, now_ns: u64) -> u64 {
        let now_us = (now_ns / 1_000) as u32;
        u64::from(now_us.wrapping_sub(self.began_us)) * 1_000
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn set(&mut self, flag: u8, on: bool) {
        self.flags = self.flags & !flag | if on { flag } else { 0 };
    }

    /// Sets the flag and says whether it was set already.
    pub(super) fn replace(&mut self, flag: u8, on: bool) -> bool {
        let was = self.has(flag);
        self.set(flag, on);
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_costs_sixteen_bytes() {
        assert_eq!(size_of::<Client>(), 16);
    }

    #[test]
    fn times_are_measured_across_the_wrap() {
        let mut client = Client::AWAY;
        let wrap_ns = (u64::from(u32::MAX) + 1) * 1_000;
        client.begin(wrap_ns - 5_000);
        assert_eq!(client.since_ns(wrap_ns + 7_000), 12_000);
    }
}
