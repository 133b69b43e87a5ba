//! The control plane: one thread that serves metrics, health, the API and the dashboard, and
//! touches the data path only by reading its books.

mod access;
mod api;
mod downlinks;
mod lanes;
mod metrics;
pub(crate) mod process;
mod readiness;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;
use tributary_identity::Service;

use crate::books::ShardBooks;
use crate::config::Token;
use crate::kafka::downlink::Tally;
use crate::route::RouteRule;

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
    /// Asked for by everything but `/healthz`, when set.
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

/// Starts the thread, which drives `service` as well. The address returned is the one bound, also
/// when port 0 was asked for.
pub fn serve(
    address: SocketAddr,
    state: ControlState,
    service: Option<Service>,
) -> Result<(ControlHandle, SocketAddr), ControlError> {
    if !address.ip().is_loopback() && state.token.is_none() {
        return Err(ControlError(format!(
            "control: {address} can be reached from outside and no token is set; \
             set [control].token, or use 127.0.0.1"
        )));
    }
    let refused = |error: std::io::Error| {
        ControlError(format!(
            "control: cannot listen on {address}: {error}; free it, or choose another by \
             --control ADDR:PORT or [control].address"
        ))
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("control".to_string())
        .spawn(move || server::run(listener, Arc::new(state), service, stopped))
        .map_err(refused)?;
    Ok((ControlHandle { stop, thread }, bound))
}
