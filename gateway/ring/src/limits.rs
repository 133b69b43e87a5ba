//! The resource limits that decide how many connections a process can hold.

use std::io;

/// Raises the soft limit on open files to the hard one, and returns it. It bounds the table of each
/// ring, not their sum.
pub fn raise_nofile() -> io::Result<u64> {
    let mut limit = read(libc::RLIMIT_NOFILE)?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the kernel reads a valid structure.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

/// The soft limit on open files.
pub fn nofile() -> io::Result<u64> {
    Ok(read(libc::RLIMIT_NOFILE)?.rlim_cur)
}

/// Bytes that may be locked in memory; `None` when there is no limit. glommio wants 512 KiB.
pub fn memlock_bytes() -> io::Result<Option<u64>> {
    let bytes = read(libc::RLIMIT_MEMLOCK)?.rlim_cur;
    Ok((bytes != libc::RLIM_INFINITY).then_some(bytes))
}

fn read(resource: libc::__rlimit_resource_t) -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes to a valid structure.
    if unsafe { libc::getrlimit(resource, &mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_soft_limit_on_open_files_reaches_the_hard_one() {
        let raised = super::raise_nofile().unwrap();
        assert!(raised > 0);
        assert_eq!(super::nofile().unwrap(), raised);
    }
}
