//! SIGTERM and SIGINT, as something the main thread can wait for; SIGHUP, which renews certificates.

use std::sync::mpsc::Sender;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::doors::Doors;
use super::{Happening, Refusal};

/// Watches from a thread of its own; a second signal hurries the drain.
pub(super) fn watch(happenings: Sender<Happening>, doors: Doors) -> Result<(), Refusal> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| super::sentence("signals", &error))?;
    let forward = move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                // Here, where nobody waits for it: a renewal must not hurry a drain.
                doors.renew();
                tracing::warn!(
                    tls = doors.has_tls(),
                    "SIGHUP: certificates are all that is read again; restart it for the rest"
                );
                continue;
            }
            if happenings.send(Happening::AskedToEnd).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new()
        .name("signals".into())
        .spawn(forward);
    thread
        .map(drop)
        .map_err(|error| super::sentence("thread", &error))
}
