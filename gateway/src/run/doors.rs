//! The doors of the listeners, and what a SIGHUP renews of them: certificates, keys, authorities and
//! revocation lists.

use std::sync::Arc;

use tributary_tls::{Settings, Tickets};

use super::Refusal;
use crate::config::{Listener, TicketKeys, Token};
use crate::shard::Door;
use crate::tls::{self, Unusable};

/// All doors, and the tickets that outlive every renewal.
#[derive(Clone)]
pub(super) struct Doors {
    pub(super) doors: Arc<[Door]>,
    tickets: Arc<Tickets>,
}

impl Doors {
    /// Reads the files that the listeners name.
    pub(super) fn build(listeners: &[Listener], keys: &TicketKeys) -> Result<Self, Refusal> {
        let clock = Arc::new(tls::clock());
        let tickets = match &keys.secret {
            Some(Token(secret)) => {
                Tickets::from_secret(secret.as_bytes(), keys.rotation_secs, clock)
            }
            None => Tickets::random(keys.rotation_secs, clock),
        };
        let tickets = Arc::new(tickets.map_err(|why| why.to_string())?);
        let door = |listener: &Listener| {
            let settings = settings(listener, &tickets).transpose();
            let settings = settings.map_err(|why| sentence(listener, &why))?;
            Ok(Door::new(listener.clone(), settings))
        };
        let doors = listeners.iter().map(door).collect::<Result<_, Refusal>>()?;
        Ok(Self { doors, tickets })
    }

    /// Reads the files again. Where one of them is wrong its listener keeps all that it had, and
    /// no client notices either way.
    pub(super) fn renew(&self) {
        for door in self.doors.iter() {
            let listener = door.listener();
            match settings(listener, &self.tickets) {
                None => {}
                Some(Ok(settings)) => {
                    door.renew(settings);
                    let name = &listener.name;
                    tracing::info!(listener = %name, "SIGHUP: certificates are renewed");
                }
                Some(Err(why)) => {
                    let why = sentence(listener, &why);
                    tracing::error!(%why, "SIGHUP: the certificates from before stay in use");
                }
            }
        }
    }

    /// Whether there is anything to renew.
    pub(super) fn has_tls(&self) -> bool {
        self.doors.iter().any(|door| door.listener().tls.is_some())
    }
}

fn settings(
    listener: &Listener,
    tickets: &Arc<Tickets>,
) -> Option<Result<Arc<Settings>, Unusable>> {
    let asked = listener.tls.as_ref()?;
    Some(tls::open(
        asked,
        listener.protocol.alpn(),
        Some(Arc::clone(tickets)),
    ))
}

fn sentence(listener: &Listener, why: &Unusable) -> Refusal {
    let Unusable { key, wrong, right } = why;
    format!("[listen.{}].{key}: {wrong}; {right}", listener.name)
}
