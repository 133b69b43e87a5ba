//! What a process used, read from /proc: the server's before and after a run.

use serde::Serialize;
use std::fs;
use std::io;

const NANOS_PER_SEC: f64 = 1e9;
const BYTES_PER_KIB: u64 = 1_024;

/// Totals since the process began.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    pub name: String,
    pub cpu_ns: u64,
    pub resident_bytes: u64,
    pub resident_peak_bytes: u64,
    pub threads: u64,
    pub switches_voluntary: u64,
    pub switches_involuntary: u64,
}

impl Usage {
    /// # Errors
    /// The process is gone, or not ours to look at.
    pub fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let mut usage = Self {
            name: fs::read_to_string(format!("/proc/{pid}/comm"))?
                .trim()
                .to_owned(),
            resident_bytes: field(&status, "VmRSS:") * BYTES_PER_KIB,
            resident_peak_bytes: field(&status, "VmHWM:") * BYTES_PER_KIB,
            threads: field(&status, "Threads:"),
            ..Self::default()
        };
        // Per thread, since only there the kernel tells CPU time in nanoseconds.
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let path = task?.path();
            let (Ok(schedule), Ok(status)) = (
                fs::read_to_string(path.join("schedstat")),
                fs::read_to_string(path.join("status")),
            ) else {
                continue;
            };
            let ran_ns = schedule
                .split(' ')
                .next()
                .and_then(|first| first.parse::<u64>().ok());
            usage.cpu_ns += ran_ns.unwrap_or(0);
            usage.switches_voluntary += field(&status, "voluntary_ctxt_switches:");
            usage.switches_involuntary += field(&status, "nonvoluntary_ctxt_switches:");
        }
        Ok(usage)
    }
}

/// What the kernel's own objects take, sockets among them. Both kinds: the dentries of living
/// sockets count as reclaimable although they are not.
pub fn slab_bytes() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = field(&meminfo, "SUnreclaim:") + field(&meminfo, "SReclaimable:");
    kib * BYTES_PER_KIB
}

/// The first number of the line that begins with `name`.
pub(super) fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// What the server used between two looks at it.
#[derive(Clone, Debug, Serialize)]
pub struct ServerUse {
    pub pid: u32,
    pub name: String,
    pub secs: f64,
    pub cpu_secs: f64,
    pub cpu_us_per_message: Option<f64>,
    pub cpu_us_per_connect: Option<f64>,
    pub resident_bytes_before: u64,
    pub resident_bytes_after: u64,
    pub resident_bytes_peak: u64,
    pub resident_bytes_per_connection: Option<f64>,
    pub threads: u64,
    pub switches_voluntary: u64,
    pub switches_involuntary: u64,
}

impl ServerUse {
    pub fn between(pid: u32, before: &Usage, after: &Usage, secs: f64) -> Self {
        Self {
            pid,
            name: after.name.clone(),
            secs,
            cpu_secs: after.cpu_ns.saturating_sub(before.cpu_ns) as f64 / NANOS_PER_SEC,
            cpu_us_per_message: None,
            cpu_us_per_connect: None,
            resident_bytes_before: before.resident_bytes,
            resident_bytes_after: after.resident_bytes,
            resident_bytes_peak: after.resident_peak_bytes,
            resident_bytes_per_connection: None,
            threads: after.threads,
            switches_voluntary: after
                .switches_voluntary
                .saturating_sub(before.switches_voluntary),
            switches_involuntary: after
                .switches_involuntary
                .saturating_sub(before.switches_involuntary),
        }
    }

    pub fn per_message(mut self, messages: u64) -> Self {
        self.cpu_us_per_message = self.cpu_us_per(messages);
        self
    }

    /// `made` connects were paid for, of which `held` still stand.
    pub fn per_connection(mut self, made: u64, held: u64) -> Self {
        self.cpu_us_per_connect = self.cpu_us_per(made);
        let grown = self.resident_bytes_after as f64 - self.resident_bytes_before as f64;
        self.resident_bytes_per_connection = (held > 0).then(|| grown / held as f64);
        self
    }

    fn cpu_us_per(&self, count: u64) -> Option<f64> {
        (count > 0).then(|| self.cpu_secs * 1e6 / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_looked_at_and_another_number_is_an_error() {
        let usage = Usage::of(std::process::id()).expect("we are running");
        assert!(usage.cpu_ns > 0 && usage.resident_bytes > 0 && usage.threads > 0);
        assert!(Usage::of(u32::MAX).is_err());
    }
}
