//! A door: what one listener asks of whoever comes by it, and how many are in that way.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tributary_tls::Settings;
use tributary_transport::limits::HEAD_BYTES_MAX;
use tributary_transport::proxy::{self, Expect, Mode};
use tributary_transport::upgrade::{AwaitRequest, Rules};

use super::link::Stage;
use crate::config::{Address, Listener, Protocol};
use crate::limits::TICKS_PER_SEC;

/// A listener as the shards apply it; one for all of them.
pub struct Door {
    listener: Listener,
    /// What handshakes run under; a reload puts others in their place.
    settings: Option<RwLock<Arc<Settings>>>,
    name: Arc<str>,
    /// Clients that came by it; counted only where there is a bound.
    connected: AtomicUsize,
}

impl Door {
    /// The door that a listener is, and what its TLS is if it takes any.
    pub fn new(listener: Listener, settings: Option<Arc<Settings>>) -> Self {
        Self {
            name: Arc::from(&*listener.name),
            listener,
            settings: settings.map(RwLock::new),
            connected: AtomicUsize::new(0),
        }
    }

    /// The listener that it is the door of.
    pub fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Handshakes from now on run under these settings; those that have begun go on as they are.
    pub fn renew(&self, settings: Arc<Settings>) {
        if let Some(place) = &self.settings {
            // Whoever held it has only copied a pointer, which cannot have gone wrong half-way.
            *place.write().unwrap_or_else(PoisonError::into_inner) = settings;
        }
    }

    /// What a handshake runs under, and how long it may take in ticks; nothing where bytes come as
    /// they are.
    pub(super) fn tls(&self) -> Option<(Arc<Settings>, u32)> {
        let settings = self.settings.as_ref()?;
        let settings = settings.read().unwrap_or_else(PoisonError::into_inner);
        let timeout_secs = u32::from(self.listener.tls.as_ref()?.handshake_timeout_secs);
        Some((Arc::clone(&settings), timeout_secs * TICKS_PER_SEC))
    }

    /// Whether bytes come under TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.settings.is_some()
    }

    /// What its listener is called.
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Whether nothing need be remembered of whoever came by it.
    pub(super) fn is_plain(&self) -> bool {
        let listener = &self.listener;
        listener.protocol == Protocol::Mqtt
            && !self.is_relayed()
            && !self.is_secure()
            && listener.connections_max.is_none()
            && listener.packet_bytes_max.is_none()
    }

    /// Whether balancers speak for others here.
    pub(super) fn is_relayed(&self) -> bool {
        self.listener.proxy.mode != Mode::Refused
    }

    /// Whether peers have addresses, and which; `None` for those of a Unix socket.
    pub(super) fn is_ipv6(&self) -> Option<bool> {
        match &self.listener.address {
            Address::Tcp(address) => Some(address.is_ipv6()),
            Address::Unix { .. } => None,
        }
    }

    /// What the first bytes of this peer must be.
    pub(super) fn expect(&self, peer: Option<IpAddr>) -> Result<Expect, proxy::Refusal> {
        self.listener.proxy.on_accept(peer)
    }

    /// Longest PROXY header.
    pub(super) fn header_bytes_max(&self) -> u16 {
        self.listener.proxy.v2_bytes_max
    }

    /// What comes behind a PROXY header, or first where there is none.
    pub(super) fn stage(&self) -> Stage {
        match self.listener.protocol {
            Protocol::Mqtt => Stage::Mqtt,
            Protocol::WebSocket => Stage::Upgrade(AwaitRequest::default()),
        }
    }

    /// What is asked of a request for a WebSocket.
    pub(super) fn rules(&self) -> Rules<'_> {
        Rules {
            path: self.listener.path.as_deref(),
            head_bytes_max: HEAD_BYTES_MAX,
        }
    }

    /// Largest packet taken here, if that is not the same everywhere.
    pub(super) fn packet_bytes_max(&self) -> Option<u32> {
        self.listener.packet_bytes_max
    }

    /// Whether it has all the clients that it may have.
    pub(super) fn is_full(&self) -> bool {
        let max = self.listener.connections_max;
        max.is_some_and(|max| self.connected.load(Ordering::Relaxed) >= max as usize)
    }

    /// A client has come in.
    pub(super) fn enter(&self) {
        if self.listener.connections_max.is_some() {
            self.connected.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A client has gone.
    pub(super) fn leave(&self) {
        if self.listener.connections_max.is_some() {
            self.connected.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
