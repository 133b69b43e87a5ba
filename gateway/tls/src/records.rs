//! The record layer of a connection whose handshake is done: lean or rustls's, by settings.

use crate::fault::Fault;
use crate::lean::{self, Lean};
use crate::opened::{Opened, Spent};
use crate::unbuffered::{self, Unbuffered};

/// What is kept of a connection between two reads: this word pair and the box behind it.
#[derive(Debug)]
pub enum Records {
    /// 80 bytes: TLS 1.3 with AES-128-GCM or ChaCha20-Poly1305.
    Lean(Box<Lean<32>>),
    /// 112 bytes: TLS 1.3 with AES-256-GCM.
    LeanWide(Box<Lean<48>>),
    /// About 3.7 KB: everything else, and everyone where the settings say so.
    Rustls(Box<Unbuffered>),
}

impl Records {
    /// The name of the record layer, as settings have it.
    pub fn layer(&self) -> &'static str {
        match self {
            Records::Lean(_) | Records::LeanWide(_) => "lean",
            Records::Rustls(_) => "rustls",
        }
    }

    /// For the records of one read or one write; keys that are derived live as long as it.
    pub fn burst(&mut self) -> Burst<'_> {
        match self {
            Records::Lean(lean) => Burst::Lean(lean.burst()),
            Records::LeanWide(lean) => Burst::LeanWide(lean.burst()),
            Records::Rustls(connection) => Burst::Rustls(connection.burst()),
        }
    }
}

/// Opens and seals records; see [`Records::burst`].
pub enum Burst<'a> {
    Lean(lean::Burst<'a, 32>),
    LeanWide(lean::Burst<'a, 48>),
    Rustls(unbuffered::Burst<'a>),
}

/// Calls the same method of whichever layer it is.
macro_rules! either {
    ($burst:expr, $layer:ident => $call:expr) => {
        match $burst {
            Burst::Lean($layer) => $call,
            Burst::LeanWide($layer) => $call,
            Burst::Rustls($layer) => $call,
        }
    };
}

impl Burst<'_> {
    /// Opens one whole record, as [`crate::frame::front`] cuts it, in place. Whatever the peer
    /// must be told is appended to `out`.
    pub fn open(&mut self, record: &mut [u8], out: &mut Vec<u8>) -> Opened {
        either!(self, layer => layer.open(record, out))
    }

    /// Appends `plain` as records, as many as it takes; none for an empty one.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Spent> {
        either!(self, layer => layer.seal(plain, out))
    }

    /// Appends a KeyUpdate where the version has one; `request` asks for the peer's. The rustls
    /// layer knows it with a request only, and does nothing without.
    pub fn update_keys(&mut self, request: bool, out: &mut Vec<u8>) {
        either!(self, layer => layer.update_keys(request, out));
    }

    /// Appends close_notify. The socket can be closed behind it.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        either!(self, layer => layer.close(out));
    }

    /// Ends the connection for what [`crate::frame::front`] refused, with its alert.
    pub fn refuse(&mut self, fault: Fault, out: &mut Vec<u8>) {
        either!(self, layer => layer.refuse(fault, out));
    }
}
