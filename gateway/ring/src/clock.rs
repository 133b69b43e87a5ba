//! Clocks: a cheap one for ticks, a precise one for latencies, and what CPU time was used.

/// Nanoseconds that never go back, in steps of a kernel tick (1 to 10 ms); costs a few ns.
pub fn coarse_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// Nanoseconds that never go back.
pub fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// CPU time of the calling thread, user and system.
pub fn thread_cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of all threads of this process, user and system.
pub fn process_cpu_ns() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes to a valid structure. It fails for unknown clocks only, and every
    // Linux that has io_uring knows these four.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_clock_goes_back() {
        for clock in [coarse_ns, monotonic_ns, thread_cpu_ns, process_cpu_ns] {
            let before = clock();
            assert!(clock() >= before);
        }
        assert!(monotonic_ns() > 0);
    }
}
