//! All that is kept of a client between frames.

use super::Malformed;
use crate::limits::{HOLLOW_FRAMES_MAX, HOLLOW_WINDOW_SECS};

/// Whether a message is unfinished, and how many hollow frames have come in which window of time.
///
/// ```text
///          15        14      8  7       0
///   [ in a message ][ frames ][ window ]
/// ```
///
/// The window is a number modulo 256, which comes round after 34 minutes: whoever came just short
/// of a flood, was silent since, and pings again in the same window, is taken for one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Idle(u16);

const IN_MESSAGE: u16 = 1 << 15;

impl Idle {
    pub(super) const fn is_in_message(self) -> bool {
        self.0 & IN_MESSAGE != 0
    }

    pub(super) fn set_in_message(&mut self, is_in_message: bool) {
        self.0 = self.0 & !IN_MESSAGE | if is_in_message { IN_MESSAGE } else { 0 };
    }

    /// Counts a frame without a byte of MQTT.
    ///
    /// It counts by time, since a client that has nothing to say may well ping for days.
    pub(super) fn on_hollow_frame(&mut self, now_secs: u32) -> Result<(), Malformed> {
        let window = (now_secs / HOLLOW_WINDOW_SECS) as u8;
        let frames = match self.0.to_be_bytes() {
            [high, same] if same == window => u16::from(high & 0x7F),
            _ => 0,
        };
        if frames == HOLLOW_FRAMES_MAX {
            return Err(Malformed::Flood);
        }
        self.0 = self.0 & IN_MESSAGE | (frames + 1) << 8 | u16::from(window);
        Ok(())
    }
}

const _: () = assert!(size_of::<Idle>() == 2);
