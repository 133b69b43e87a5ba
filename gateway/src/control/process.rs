//! What the process uses, by the word of the allocator and of the kernel.

use std::fs;

/// Ticks per second in /proc/PID/stat: fixed by the kernel's interface, whatever its own clock is.
const USER_HZ: f64 = 100.0;

/// Pages in memory. Read from `status`, which gives it in kB: `statm` counts in pages, whose size
/// the standard library does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// User and system time of all threads, in seconds.
pub(super) fn cpu_secs() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold anything: count from
    // behind it. utime and stime are the fields 14 and 15 of proc(5).
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut ticks = behind_name
        .split_whitespace()
        .skip(11)
        .map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((user + system) as f64 / USER_HZ)
}
