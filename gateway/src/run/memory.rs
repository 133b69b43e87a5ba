//! Watches the memory of this process, so that shards stop admitting before the kernel kills.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::config::Overload;
use crate::control::process;
use crate::doctor;
use crate::limits::{KERNEL_BYTES_PER_CONNECTION, MEMORY_PERCENT_MAX};
use crate::overload::Memory;
use crate::shard::Meeting;

/// A client takes some 4.3 KB: within a second not even a storm brings 500 MB.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The bound that was configured, or most of what this machine or its cgroup has.
pub(super) fn bound(settings: &Overload) -> Memory {
    let bytes_max = settings.memory_bytes_max.or_else(|| {
        let bytes = doctor::memory_bytes(Path::new("/"))?;
        Some(bytes / 100 * MEMORY_PERCENT_MAX)
    });
    // Where the machine does not tell its size there is nothing to compare with.
    Memory::new(bytes_max.unwrap_or(u64::MAX))
}

/// Lets jemalloc give back what is freed from threads of its own. They are started here and not
/// before `main`, so that they inherit no right that this process has given up.
pub(super) fn tidy_in_background() {
    if let Err(error) = tikv_jemalloc_ctl::background_thread::write(true) {
        tracing::warn!(%error, "memory is given back by the threads that free it, not in the background");
    }
}

/// Looks once per second, on a thread of its own that ends with the process.
pub(super) fn watch(memory: Arc<Memory>, meeting: Arc<Meeting>) -> io::Result<()> {
    let look = move || {
        loop {
            if let Some(resident) = process::resident_bytes() {
                // Sockets are the kernel's, and the larger part of what clients cost.
                let sockets = meeting.socket_count() * KERNEL_BYTES_PER_CONNECTION;
                memory.on_reading(resident + sockets);
            }
            // Nobody wakes it; a look too many would do no harm.
            thread::park_timeout(LOOK_EVERY);
        }
    };
    thread::Builder::new()
        .name("memory".into())
        .spawn(look)
        .map(drop)
}
