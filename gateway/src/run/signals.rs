//! SIGTERM and SIGINT, as something the main thread can wait for.

use std::sync::mpsc::Sender;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Happening, Refusal};

/// Watches from a thread of its own; a second signal hurries the drain.
pub(super) fn watch(happenings: Sender<Happening>) -> Result<(), Refusal> {
    let mut signals =
        Signals::new([SIGTERM, SIGINT]).map_err(|error| super::sentence("signals", &error))?;
    let forward = move || {
        for _ in signals.forever() {
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
