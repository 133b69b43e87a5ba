//! What records come to, whichever layer opens and seals them.

use std::ops::Range;

use crate::fault::Fault;

/// What one record came to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Opened {
    /// Data, decrypted in place at this range of the record; never empty.
    Data(Range<usize>),
    /// Something between the record layers, dealt with.
    Control,
    /// close_notify: no data will follow, and none is lost.
    Closed,
    /// The connection is over; the alert, if the peer gets one, was written.
    Failed(Fault),
}

/// Nothing can be sealed any more: close_notify or an alert has been.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spent;

impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is closed for sending")
    }
}

impl std::error::Error for Spent {}
