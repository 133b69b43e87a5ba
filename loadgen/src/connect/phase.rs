//! The phases of a run, each with what it cost the server and what memory was there at its end.

use crate::drive::{Drive, Look, Ran};
use crate::failure::Failure;
use crate::report::Percentiles;
use crate::report::process::{ServerUse, slab_bytes};
use crate::stage::Now;
use serde::Serialize;

/// One phase as the JSON tells it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    /// Which storm it belongs to; 0 before the first.
    pub(super) storm: u32,
    /// Seconds since the clients began, and how long it took.
    pub(super) begin_secs: f64,
    pub(super) secs: f64,
    pub(super) connected_before: u64,
    pub(super) connected_after: u64,
    /// Kernel objects of everyone on the machine; only differences mean something.
    pub(super) slab_bytes_before: u64,
    pub(super) slab_bytes_after: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<ServerUse>,
    /// Of the connects that were answered in it, from the intended time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connect_ms: Option<Percentiles>,
}

impl Phase {
    pub(super) fn new(name: &'static str) -> Self {
        Self::of(name, 0)
    }

    pub(super) fn of(name: &'static str, storm: u32) -> Self {
        Self {
            name,
            storm,
            begin_secs: 0.0,
            secs: 0.0,
            connected_before: 0,
            connected_after: 0,
            slab_bytes_before: 0,
            slab_bytes_after: 0,
            server: None,
            connect_ms: None,
        }
    }
}

/// A run as it goes from phase to phase.
pub(super) struct Course {
    pub(super) drive: Drive,
    server_pid: Option<u32>,
    phases: Vec<Phase>,
    first: Look,
    last: Look,
}

/// What a course brought home.
pub(super) struct Done {
    pub(super) ran: Ran,
    pub(super) phases: Vec<Phase>,
    pub(super) first: Look,
    pub(super) last: Look,
}

impl Course {
    pub(super) fn start(drive: Drive, server_pid: Option<u32>) -> Result<Self, Failure> {
        Ok(Self {
            first: drive.look(server_pid)?,
            last: drive.look(server_pid)?,
            drive,
            server_pid,
            phases: Vec::new(),
        })
    }

    /// Goes through one phase; says whether it came to its end without an interrupt.
    pub(super) fn go(
        &mut self,
        mut phase: Phase,
        is_over: impl FnMut(Now, u64) -> bool,
    ) -> Result<bool, Failure> {
        phase.begin_secs = self.drive.secs();
        phase.connected_before = self.drive.stage.now().connected;
        phase.slab_bytes_before = slab_bytes();
        let goes_on = self.drive.watch(is_over);
        // A server that was killed in this phase, for the sake of a storm, has no use to tell.
        if let Ok(look) = self.drive.look(self.server_pid) {
            phase.secs = self.last.secs_until(&look);
            phase.server = self.last.server_until(&look);
            self.last = look;
        }
        phase.secs = self.drive.secs() - phase.begin_secs;
        phase.connected_after = self.drive.stage.now().connected;
        phase.slab_bytes_after = slab_bytes();
        self.phases.push(phase);
        Ok(goes_on)
    }

    pub(super) fn finish(self) -> Result<Done, Failure> {
        Ok(Done {
            ran: self.drive.finish(None)?,
            phases: self.phases,
            first: self.first,
            last: self.last,
        })
    }
}
