//! The session tickets of a thread's clients, one each: what lets them resume after a storm.

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// rustls asks by the server's name, and all clients have the same server; so the thread says
/// whose turn it is before it lets rustls work for somebody. Only that thread asks.
pub(super) struct Tickets {
    turn: AtomicU32,
    all: Mutex<Box<[Option<Box<Ticket>>]>>,
}

enum Ticket {
    V13(Tls13ClientSessionValue),
    V12(Tls12ClientSessionValue),
}

impl Tickets {
    pub(super) fn new(clients: u32) -> Self {
        Self {
            turn: AtomicU32::new(0),
            all: Mutex::new((0..clients).map(|_| None).collect()),
        }
    }

    pub(super) fn turn_to(&self, place: u32) {
        self.turn.store(place, Ordering::Relaxed);
    }

    /// Does something with the ticket of the client whose turn it is.
    fn at_turn<T>(&self, look: impl FnOnce(&mut Option<Box<Ticket>>) -> T) -> Option<T> {
        let turn = self.turn.load(Ordering::Relaxed) as usize;
        self.locked().get_mut(turn).map(look)
    }

    fn locked(&self) -> MutexGuard<'_, Box<[Option<Box<Ticket>>]>> {
        // A ticket is whole or absent, whatever panicked.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    /// Everyone begins with X25519, which every server knows.
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.at_turn(|ticket| *ticket = Some(Box::new(Ticket::V12(value))));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.at_turn(|ticket| match ticket.as_deref() {
            Some(Ticket::V12(value)) => Some(value.clone()),
            Some(Ticket::V13(_)) | None => None,
        })?
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.at_turn(|ticket| {
            if matches!(ticket.as_deref(), Some(Ticket::V12(_))) {
                *ticket = None;
            }
        });
    }

    /// The newest is the one to use.
    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.at_turn(|ticket| *ticket = Some(Box::new(Ticket::V13(value))));
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.at_turn(|ticket| match ticket.take().map(|ticket| *ticket) {
            Some(Ticket::V13(value)) => Some(value),
            other => {
                *ticket = other.map(Box::new);
                None
            }
        })?
    }
}

/// A ticket opens a session: nobody reads it here.
impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}
