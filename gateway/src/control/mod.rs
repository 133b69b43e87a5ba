//! The control plane: one thread that serves metrics, health, the API and the dashboard, and
//! touches the data path only by reading its books and by asking shards about their clients.

mod access;
mod api;
mod clients;
mod downlinks;
mod lanes;
mod metrics;
pub(crate) mod process;
mod readiness;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;
use tributary_identity::Service;

use crate::books::ShardBooks;
use crate::config::control::exposed;
use crate::config::{Control, Token};
use crate::control_tls::ControlTls;
use crate::kafka::downlink::Tally;
use crate::route::RouteRule;

pub use clients::Clients;
pub use lanes::{LaneState, LaneStats};
pub use readiness::{Phase, Readiness};

/// Everything the control plane shows.
pub struct ControlState {
    pub books: Arc<[ShardBooks]>,
    pub lanes: Vec<Arc<dyn LaneStats>>,
    /// The books of the downlinks.
    pub downlinks: Vec<Arc<Tally>>,
    pub readiness: Arc<Readiness>,
    pub routes: Vec<RouteRule>,
    /// How shards are asked about their clients.
    pub clients: Clients,
    /// Asked for by everything but `/healthz` and the dashboard's page, when set.
    pub token: Option<Token>,
    pub started: Instant,
}

/// Keeps the control plane alive; dropping it ends the thread without waiting for it.
#[must_use = "dropping it stops the control plane"]
pub struct ControlHandle {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl ControlHandle {
    /// Ends the thread and waits for it.
    pub fn stop(self) {
        drop(self.stop);
        // A panic in there was already printed, and there is nothing left to save.
        let _ = self.thread.join();
    }
}

/// Why the control plane could not start: a sentence that says what to do.
#[derive(Debug)]
pub struct ControlError(String);

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ControlError {}

/// A control plane that has its address, and serves nobody yet.
pub struct Bound {
    /// The one bound, also when port 0 was asked for.
    pub address: SocketAddr,
    listener: TcpListener,
    tls: Option<Arc<ControlTls>>,
}

impl Bound {
    /// Takes the address and reads the certificate, while both can still be had.
    ///
    /// # Errors
    /// An address that is taken, or that would show the control plane to the world; a certificate
    /// that cannot be used.
    pub fn open(settings: &Control) -> Result<Self, ControlError> {
        let (asked, has_token) = (settings.address, settings.token.is_some());
        if let Some((wrong, right)) = exposed(asked, has_token, settings.tls.is_some()) {
            return Err(ControlError(format!("control: {wrong}; {right}")));
        }
        let refused = |error| cannot_listen(asked, &error);
        let tls = settings.tls.as_ref().map(ControlTls::open).transpose();
        let tls = tls.map_err(|why| ControlError(why.to_string()))?;
        let listener = TcpListener::bind(asked).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        Ok(Self {
            address,
            listener,
            tls: tls.map(Arc::new),
        })
    }

    /// Its certificate, to be renewed.
    pub fn tls(&self) -> Option<Arc<ControlTls>> {
        self.tls.clone()
    }

    /// Starts the thread, which drives `service` as well.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn serve(
        self,
        state: ControlState,
        service: Option<Service>,
    ) -> Result<ControlHandle, ControlError> {
        let Self {
            address,
            listener,
            tls,
        } = self;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("control".to_string())
            .spawn(move || server::run((listener, tls), Arc::new(state), service, stopped))
            .map_err(|error| cannot_listen(address, &error))?;
        Ok(ControlHandle { stop, thread })
    }
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> ControlError {
    ControlError(format!(
        "control: cannot listen on {address}: {error}; free it, or choose another by \
         --control ADDR:PORT or [control].address"
    ))
}
