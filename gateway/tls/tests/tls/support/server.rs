//! The server's end of a connection in memory: handshake, records, and what came of them.

use std::sync::Arc;

use tributary_tls::frame::{self, Front};
use tributary_tls::limits::TICKET_ROTATION_SECS;
use tributary_tls::settings::{ClientAuth, Pem, Trust};
use tributary_tls::{
    Clock, Fault, Handshake, Layer, Opened, Options, Secured, Settings, Tickets, Verdict,
};

use super::NOW_SECS;
use super::pki::{Authority, Identity};

/// An authority, a server with a certificate of its, and what settings are made from.
pub(crate) struct Site {
    pub(crate) authority: Authority,
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<Clock>,
    pub(crate) tickets: Arc<Tickets>,
}

impl Site {
    pub(crate) fn new() -> Site {
        let authority = Authority::new("Test Authority");
        let identity = authority.server(&["localhost"]);
        let clock = Arc::new(Clock::at(NOW_SECS));
        let tickets = Tickets::random(TICKET_ROTATION_SECS, clock.clone())
            .expect("the system has randomness");
        Site {
            authority,
            identity,
            clock,
            tickets: Arc::new(tickets),
        }
    }

    pub(crate) fn options(&self, layer: Layer) -> Options<'_> {
        Options {
            chains: vec![self.identity.chain()],
            client_auth: ClientAuth::None,
            tls12: false,
            alpn: vec!["mqtt"],
            layer,
            tickets: Some(self.tickets.clone()),
            clock: self.clock.clone(),
        }
    }

    pub(crate) fn trust<'a>(&'a self, lists: &'a [String]) -> Trust<'a> {
        let lists = lists.iter().map(|list| Pem {
            name: "clients.crl",
            bytes: list.as_bytes(),
        });
        Trust {
            authorities: vec![Pem {
                name: "ca.pem",
                bytes: self.authority.pem.as_bytes(),
            }],
            revocation_lists: lists.collect(),
            expired_lists: Default::default(),
        }
    }

    pub(crate) fn settings(&self, layer: Layer) -> Arc<Settings> {
        build(&self.options(layer))
    }
}

pub(crate) fn build(options: &Options<'_>) -> Arc<Settings> {
    match Settings::build(options) {
        Ok(settings) => settings,
        Err(fault) => panic!("{fault}"),
    }
}

/// One connection as the gateway would hold it.
pub(crate) struct Server {
    handshake: Handshake,
    pub(crate) secured: Option<Box<Secured>>,
    unread: Vec<u8>,
    /// Data that came, in order.
    pub(crate) data: Vec<u8>,
    /// What the client has not been given yet.
    pub(crate) out: Vec<u8>,
    pub(crate) fault: Option<Fault>,
    pub(crate) closed: bool,
}

impl Server {
    pub(crate) fn new(settings: &Arc<Settings>) -> Server {
        Server {
            handshake: Handshake::new(settings.clone()),
            secured: None,
            unread: Vec::new(),
            data: Vec::new(),
            out: Vec::new(),
            fault: None,
            closed: false,
        }
    }

    /// Takes one read of any size.
    pub(crate) fn on_read(&mut self, bytes: &[u8]) {
        self.on_read_at(bytes, NOW_SECS);
    }

    pub(crate) fn on_read_at(&mut self, mut bytes: &[u8], now_secs: u64) {
        if self.fault.is_some() {
            return;
        }
        if self.secured.is_none() {
            let taken = self.handshake.on_bytes(bytes, now_secs, &mut self.out);
            bytes = &bytes[taken.bytes..];
            match taken.verdict {
                Verdict::NeedMore => assert!(bytes.is_empty(), "it left bytes and wants more"),
                Verdict::Done(secured) => self.secured = Some(secured),
                Verdict::Failed(fault) => {
                    self.fault = Some(fault);
                    return;
                }
            }
        }
        self.unread.extend_from_slice(bytes);
        if self.secured.is_some() {
            self.on_records();
        }
    }

    fn on_records(&mut self) {
        // Proven by the caller.
        let mut burst = self.secured.as_mut().unwrap().records.burst();
        loop {
            let length = match frame::front(&self.unread) {
                Front::Record { bytes } => bytes,
                Front::Short { .. } => return,
                Front::Refused(fault) => {
                    burst.refuse(fault, &mut self.out);
                    self.fault = Some(fault);
                    return;
                }
            };
            let record = &mut self.unread[..length];
            match burst.open(record, &mut self.out) {
                Opened::Data(range) => self.data.extend_from_slice(&record[range]),
                Opened::Control => {}
                Opened::Closed => self.closed = true,
                Opened::Failed(fault) => {
                    self.fault = Some(fault);
                    return;
                }
            }
            self.unread.drain(..length);
        }
    }

    pub(crate) fn send(&mut self, plain: &[u8]) {
        let secured = self.secured.as_mut().expect("the handshake is done");
        secured
            .records
            .burst()
            .seal(plain, &mut self.out)
            .expect("it is open");
    }

    pub(crate) fn secured(&self) -> &Secured {
        self.secured.as_ref().expect("the handshake is done")
    }
}
