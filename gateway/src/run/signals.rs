//! SIGTERM and SIGINT, as something the main thread can wait for; SIGHUP, which reads the
//! configuration again.

use std::sync::mpsc::Sender;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::reload::Reload;
use super::{Happening, Refusal};

/// Watches from a thread of its own; a second signal hurries the drain.
pub(super) fn watch(happenings: Sender<Happening>, reload: Reload) -> Result<(), Refusal> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| super::sentence("signals", &error))?;
    let forward = move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                // Here, where nobody waits for it: a reload must not hurry a drain.
                reload.run();
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
