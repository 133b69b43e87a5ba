//! What a client's MQTT goes through on its way: TLS, a WebSocket, the one in the other, or
//! neither.
//!
//! ```text
//!  dial --ClientHello--> handshake --GET--> upgrade --> up: seal and open
//!        (with TLS)                 (with a WebSocket)
//! ```
//! Bytes in, bytes out: who owns the socket calls, and a thread without tunnels keeps nothing.

mod tickets;
mod tls;
mod upgrade;
mod websocket;

use crate::books::Counts;
use crate::close::Close;
use crate::fault::TlsFault;
use crate::way::{TlsSettings, Way};
use rustls::ClientConfig;
use rustls::client::Resumption;
use std::sync::Arc;
use tickets::Tickets;
use tls::Tls;
use websocket::WebSocket;

/// The tunnels of one thread, by the place of a client in it.
pub struct Tunnels {
    way: Way,
    config: Option<Arc<ClientConfig>>,
    tickets: Option<Arc<Tickets>>,
    all: Box<[Option<Box<Tunnel>>]>,
    /// What the tunnel that was opened last owes its server, ready for the wire.
    owed: Vec<u8>,
    /// What goes in before it is wrapped.
    inner: Vec<u8>,
    masks: Masks,
}

/// One client's way, while it has a connection.
struct Tunnel {
    tls: Option<Tls>,
    websocket: Option<WebSocket>,
}

impl Tunnels {
    /// `None` where MQTT goes over TCP as it is.
    pub fn new(way: Option<&Way>, clients: u32) -> Option<Self> {
        let way = way?.clone();
        let resumes = way.tls.as_ref().is_some_and(|tls| tls.resumes);
        let tickets = resumes.then(|| Arc::new(Tickets::new(clients)));
        let config = way
            .tls
            .as_ref()
            .map(|tls| with_tickets(tls, tickets.as_ref()));
        Some(Self {
            config,
            tickets,
            all: (0..clients).map(|_| None).collect(),
            owed: Vec::new(),
            inner: Vec::new(),
            masks: Masks::new(),
            way,
        })
    }

    /// A connection stands: writes what has to go first, in place of the CONNECT.
    ///
    /// # Errors
    /// rustls cannot begin with these settings.
    pub fn dial(&mut self, place: u32, out: &mut Vec<u8>) -> Result<(), Close> {
        self.turn_to(place);
        let mut tunnel = Tunnel {
            tls: None,
            websocket: (self.way.path.is_some()).then(|| WebSocket::new(self.masks.nonce())),
        };
        if let Some((settings, config)) = self.way.tls.as_ref().zip(self.config.as_ref()) {
            let tls = Tls::dial(Arc::clone(config), settings.name.clone(), out);
            tunnel.tls = Some(tls.map_err(|fault| Close::Tls(fault).in_handshake())?);
        } else if let Some((websocket, path)) =
            tunnel.websocket.as_ref().zip(self.way.path.as_deref())
        {
            websocket.ask(path, &self.way.host, out);
        }
        self.all[place as usize] = Some(Box::new(tunnel));
        Ok(())
    }

    /// Puts what is in these bytes in their place, and says whether the tunnel has come up with
    /// them: now is the time for CONNECT. What is owed to the server goes with the next `seal`.
    ///
    /// # Errors
    /// The server broke a rule, refused, or said goodbye.
    pub fn open(
        &mut self,
        place: u32,
        bytes: &mut Vec<u8>,
        counts: &mut Counts,
    ) -> Result<bool, Close> {
        self.turn_to(place);
        self.owed.clear();
        let Some(tunnel) = &mut self.all[place as usize] else {
            return Ok(false);
        };
        let mut is_fresh = false;
        if let Some(tls) = &mut tunnel.tls {
            let was_up = tls.is_up();
            self.inner.clear();
            tls.open(bytes, &mut self.inner, &mut self.owed)?;
            std::mem::swap(bytes, &mut self.inner);
            is_fresh = !was_up && tls.is_up();
            if is_fresh {
                counts.handshakes_full += u64::from(!tls.is_resumed());
                counts.handshakes_resumed += u64::from(tls.is_resumed());
            }
            if !tls.is_up() {
                return Ok(false);
            }
        }
        let Some(websocket) = &mut tunnel.websocket else {
            return Ok(is_fresh);
        };
        self.inner.clear();
        if let Some(path) = self.way.path.as_deref().filter(|_| is_fresh) {
            websocket.ask(path, &self.way.host, &mut self.inner);
        }
        let has_come_up = websocket.open(bytes, self.masks.mask(), &mut self.inner)?;
        wrap(tunnel.tls.as_mut(), &self.inner, &mut self.owed);
        Ok(has_come_up)
    }

    /// Puts in place of these bytes what has to go over the wire, and before it what is owed.
    pub fn seal(&mut self, place: u32, out: &mut Vec<u8>) {
        let Some(tunnel) = &mut self.all[place as usize] else {
            return;
        };
        if !out.is_empty() {
            match &tunnel.websocket {
                Some(_) => {
                    self.inner.clear();
                    websocket::frame(self.masks.mask(), out, &mut self.inner);
                    wrap(tunnel.tls.as_mut(), &self.inner, &mut self.owed);
                }
                None => wrap(tunnel.tls.as_mut(), out, &mut self.owed),
            }
        }
        out.clear();
        std::mem::swap(out, &mut self.owed);
    }

    /// As [`Self::seal`], with the goodbyes of the tunnel behind it.
    pub fn seal_last(&mut self, place: u32, out: &mut Vec<u8>) {
        self.seal(place, out);
        let Some(tunnel) = &mut self.all[place as usize] else {
            return;
        };
        if tunnel.websocket.is_some() {
            self.inner.clear();
            websocket::goodbye(self.masks.mask(), &mut self.inner);
            wrap(tunnel.tls.as_mut(), &self.inner, out);
        }
        if let Some(tls) = &mut tunnel.tls {
            tls.close(out);
        }
    }

    /// Forgets a connection, and says whether its handshake was still under way.
    pub fn end(&mut self, place: u32) -> bool {
        let tunnel = self.all[place as usize].take();
        tunnel.is_some_and(|tunnel| tunnel.tls.is_some_and(|tls| !tls.is_up()))
    }

    /// Tickets belong to clients, and rustls does not say for whom it asks.
    fn turn_to(&mut self, place: u32) {
        if let Some(tickets) = &self.tickets {
            tickets.turn_to(place);
        }
    }
}

/// A thread's settings: its clients keep one ticket each, or none.
fn with_tickets(settings: &TlsSettings, tickets: Option<&Arc<Tickets>>) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(&settings.config);
    config.resumption = match tickets {
        Some(tickets) => Resumption::store(Arc::clone(tickets) as _),
        None => Resumption::disabled(),
    };
    Arc::new(config)
}

fn wrap(tls: Option<&mut Tls>, plain: &[u8], out: &mut Vec<u8>) {
    match tls {
        Some(tls) => tls.seal(plain, out),
        None => out.extend_from_slice(plain),
    }
}

/// Masks of WebSocket frames. RFC 6455, 10.3 wants them unforeseeable so that scripts in a browser
/// cannot write to proxies as they please; nobody here sends what others wrote.
struct Masks(u64);

impl Masks {
    fn new() -> Self {
        Self(crate::clock::unix_ms() << 20 | u64::from(std::process::id()) | 1)
    }

    /// Xorshift, Marsaglia 2003.
    fn step(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn mask(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.step().to_be_bytes();
        [a, b, c, d]
    }

    fn nonce(&mut self) -> [u8; 16] {
        let both = u128::from(self.step()) << 64 | u128::from(self.step());
        both.to_be_bytes()
    }
}

impl From<TlsFault> for Close {
    fn from(fault: TlsFault) -> Self {
        Self::Tls(fault)
    }
}
