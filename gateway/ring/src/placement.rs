//! Which CPUs this process may use: one shard each.

/// The CPUs that the scheduler lets this thread run on, in order; never empty. A container or
/// `taskset` may leave fewer than the machine has.
pub fn online_cpus() -> Vec<usize> {
    // SAFETY: the all-zero set is a valid one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes at most the given size to a valid set; 0 is the calling thread.
    let done = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &mut set) };
    if done < 0 {
        // EINVAL: more than 1024 CPUs. Counting them is then all we can do.
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        return (0..count).collect();
    }
    // SAFETY: the index stays below the size of the set.
    (0..libc::CPU_SETSIZE as usize)
        .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn as_many_cpus_are_online_as_the_standard_library_counts_at_least() {
        let counted = std::thread::available_parallelism().unwrap().get();
        assert!(super::online_cpus().len() >= counted);
    }
}
