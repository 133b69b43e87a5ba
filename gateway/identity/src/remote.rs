//! Whom identity asks over the network, from the control thread.

pub mod hook;

pub mod mysql;

pub mod redis;

pub mod database;

pub(crate) mod fetched;

pub(crate) mod fetch;

mod gate;

pub(crate) mod trust;

#[cfg(test)]
mod server;

use crate::look::Look;
use crate::verdict::{Refusal, Verdict};

pub use fetch::EndpointSettings;

/// What happens to a client while whoever knows it cannot be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenDown {
    /// It is refused as unavailable.
    Refuse,
    /// The next method is asked. Let nobody in there whom this one would refuse.
    Next,
}

impl WhenDown {
    fn look(self) -> Look {
        match self {
            Self::Refuse => Look::Verdict(Verdict::Refused(Refusal::Unavailable)),
            Self::Next => Look::NotMine,
        }
    }
}
