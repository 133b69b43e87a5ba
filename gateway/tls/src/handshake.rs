//! A handshake from the first byte to the record layer that takes over.
//!
//! ```text
//!  ┌ AwaitHello ┐  a whole record   ┌ AwaitFinished ┐  Finished   ┌──────┐
//!  │ bytes only │ ────────────────> │ rustls, 4 KB  │ ──────────> │ Done │ Records, names
//!  └────────────┘                   └───────────────┘             └──────┘
//!         └── not TLS, too long ──────────┴── any fault ──> Failed: alert in `out`
//! ```
//!
//! rustls sees one record at a time and none behind the client's Finished: given more, it would
//! decrypt the data (and obey a KeyUpdate) that came in one segment with the Finished, and the
//! secrets it derived would no longer be the ones in force.

mod secured;
mod step;

use std::sync::Arc;

use rustls::server::UnbufferedServerConnection;

use crate::capture::{self, Secrets};
use crate::fault::Fault;
use crate::frame::{self, Front};
use crate::settings::Settings;
use step::Step;

pub use secured::{Secured, Suite, Version};

/// A connection that cannot carry MQTT yet.
///
/// It costs the bytes that have come until a whole record is there, about 4 KB from then on (6 KB
/// with client certificates), and never holds more than `limits` allow. Time is the caller's to
/// bound: nothing here ends a client that just says nothing.
///
/// ```
/// use tributary_tls::{Handshake, Records, Verdict};
///
/// /// Takes one read; gives the record layer and how many bytes of the read are for it.
/// fn on_read(
///     handshake: &mut Handshake,
///     bytes: &[u8],
///     now_unix_secs: u64,
///     out: &mut Vec<u8>, // is sent, whatever the verdict
/// ) -> Option<(Records, usize)> {
///     let taken = handshake.on_bytes(bytes, now_unix_secs, out);
///     match taken.verdict {
///         Verdict::NeedMore => None,
///         Verdict::Done(secured) => {
///             greet(secured.peer.as_ref().and_then(|peer| peer.common_name.as_deref()));
///             Some((secured.records, bytes.len() - taken.bytes))
///         }
///         Verdict::Failed(fault) => {
///             count(fault.name()); // and closes behind `out`
///             None
///         }
///     }
/// }
/// # fn greet(_: Option<&str>) {}
/// # fn count(_: &str) {}
/// ```
pub struct Handshake {
    settings: Arc<Settings>,
    connection: Option<Box<UnbufferedServerConnection>>,
    /// What rustls has been shown and still refers to, then what it has not been shown.
    held: Vec<u8>,
    shown_bytes: usize,
    taken_bytes: usize,
    secrets: Option<Secrets>,
    server_name: Option<String>,
    /// Our first flight is out: the client may have keys, and takes nothing in the clear any more.
    answered: bool,
    over: bool,
}

/// What a handshake waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Awaits {
    /// The client's first flight: what it has cost so far is its bytes, and the key exchange and
    /// the signature that come with the last of them are what a budget must allow for.
    Hello,
    /// The client's answer to our flight.
    Finished,
    /// It is over.
    Nothing,
}

/// What bytes have brought a handshake to.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// It waits for the client; `out` may hold something for it.
    NeedMore,
    /// It is over and fine; `out` holds the last of it.
    Done(Box<Secured>),
    /// It is over: send `out`, which holds the alert if there is one, and close.
    Failed(Fault),
}

/// A verdict, and how many of the bytes went into it.
#[derive(Debug)]
#[must_use]
pub struct Taken {
    /// All of them, unless the handshake is done: what is behind its last record is the record
    /// layer's.
    pub bytes: usize,
    pub verdict: Verdict,
}

impl Handshake {
    /// Costs nothing but itself until bytes come.
    pub fn new(settings: Arc<Settings>) -> Self {
        Handshake {
            settings,
            connection: None,
            held: Vec::new(),
            shown_bytes: 0,
            taken_bytes: 0,
            secrets: None,
            server_name: None,
            answered: false,
            over: false,
        }
    }

    /// Takes what was read, in pieces of any size; what the client must get is appended to `out`.
    pub fn on_bytes(&mut self, bytes: &[u8], now_unix_secs: u64, out: &mut Vec<u8>) -> Taken {
        if self.over {
            return Taken {
                bytes: 0,
                verdict: Verdict::Failed(Fault::Over),
            };
        }
        self.settings.clock.set(now_unix_secs);
        let mut used = 0;
        let verdict = loop {
            match self.take_record(&bytes[used..]) {
                Ok(taken) => used += taken,
                Err(fault) => break self.fail(fault, out),
            }
            match frame::front(&self.held[self.shown_bytes..]) {
                Front::Record { bytes } => self.shown_bytes += bytes,
                Front::Short { .. } => break Verdict::NeedMore,
                Front::Refused(fault) => break self.fail(fault, out),
            }
            match self.on_record(out) {
                Ok(None) => {}
                Ok(Some(secured)) => break Verdict::Done(secured),
                Err(fault) => {
                    (self.over, self.held) = (true, Vec::new());
                    self.connection = None;
                    break Verdict::Failed(fault);
                }
            }
        };
        Taken {
            bytes: used,
            verdict,
        }
    }

    /// What it waits for, for budgets and deadlines.
    pub fn awaits(&self) -> Awaits {
        match (self.over, self.answered) {
            (true, _) => Awaits::Nothing,
            (false, true) => Awaits::Finished,
            (false, false) => Awaits::Hello,
        }
    }

    /// Copies no more than belongs to the record that is being waited for.
    fn take_record(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut taken = 0;
        while let Front::Short { missing } = frame::front(&self.held[self.shown_bytes..]) {
            let piece = missing.min(bytes.len() - taken);
            if piece == 0 {
                break;
            }
            self.held.extend_from_slice(&bytes[taken..taken + piece]);
            taken += piece;
            self.taken_bytes += piece;
            if self.taken_bytes > self.settings.handshake_bytes_max {
                return Err(Fault::HandshakeOverflow);
            }
        }
        Ok(taken)
    }

    /// Shows rustls one more record.
    fn on_record(&mut self, out: &mut Vec<u8>) -> Result<Option<Box<Secured>>, Fault> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let config = self.settings.config.clone();
                let new = UnbufferedServerConnection::new(config).map_err(|_| Fault::Internal)?;
                self.connection.insert(Box::new(new))
            }
        };
        let shown = &mut self.held[..self.shown_bytes];
        // What a handshake that panicked has left is not this one's.
        drop(capture::take());
        let out_bytes = out.len();
        let (step, discard_bytes) = step::drive(connection, shown, out);
        self.answered |= out.len() > out_bytes;
        // Secrets are derived at the ClientHello, records before they are needed.
        let mut caught = capture::take();
        self.secrets = caught.secrets().or(self.secrets.take());
        self.server_name = caught.server_name().or(self.server_name.take());
        self.held.drain(..discard_bytes);
        self.shown_bytes -= discard_bytes;
        match step? {
            Step::Blocked => Ok(None),
            Step::Ready => self.finish(out).map(Some),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Box<Secured>, Fault> {
        self.over = true;
        // Set by `on_record`, which called; and all that was shown has been used up.
        let connection = self.connection.take().ok_or(Fault::Internal)?;
        if !self.held.is_empty() {
            return Err(Fault::Internal);
        }
        let secured = Secured::new(*connection, self.secrets.take(), &self.settings, out)?;
        Ok(Box::new(Secured {
            server_name: self.server_name.take(),
            ..secured
        }))
    }

    /// Ends it for a fault that rustls was not shown.
    fn fail(&mut self, fault: Fault, out: &mut Vec<u8>) -> Verdict {
        (self.over, self.held) = (true, Vec::new());
        self.connection = None;
        if let Some(description) = fault.alert()
            && !self.answered
        {
            out.extend_from_slice(&[ALERT, 3, 3, 0, 2, FATAL, description]);
        }
        Verdict::Failed(fault)
    }
}

/// Content type and level of a plaintext alert [RFC 8446 5.1, 6].
const ALERT: u8 = 21;
const FATAL: u8 = 2;

/// Says nothing of what has been exchanged.
impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake")
            .field("taken_bytes", &self.taken_bytes)
            .finish_non_exhaustive()
    }
}
