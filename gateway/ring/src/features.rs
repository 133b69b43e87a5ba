//! What this kernel can do for a ring, and in plain words what it cannot.

use std::fs;
use std::io;

use io_uring::{IoUring, Probe, cqueue, opcode, squeue};

/// What was found out about the kernel.
#[derive(Clone, Debug)]
pub struct Features {
    /// As the kernel names itself, "6.18.44".
    pub kernel: String,
    /// A wait can ask for many completions and settle for one after a while (Linux 6.12). Without
    /// it a ring needs a second system call when the first wait was in vain.
    pub min_wait: bool,
    /// A connection can be closed with RST (Linux 6.7).
    pub reset: bool,
    /// A connection's peer can be asked for (Linux 6.7).
    pub peer_name: bool,
    /// One sentence per thing that a ring cannot do without; empty when it will run.
    pub missing: Vec<String>,
}

impl Features {
    pub fn will_run(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Tries what a ring needs, on a small ring that is gone afterwards.
pub fn probe() -> Features {
    let kernel = kernel_release();
    let mut features = Features {
        kernel,
        min_wait: false,
        reset: false,
        peer_name: false,
        missing: Vec::new(),
    };
    let ring = IoUring::<squeue::Entry, cqueue::Entry>::builder()
        .setup_submit_all()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_coop_taskrun()
        .setup_taskrun_flag()
        .build(8);
    let ring = match ring {
        Ok(ring) => ring,
        Err(error) => {
            features.missing.push(explain_open_error(error).to_string());
            return features;
        }
    };
    features.min_wait = ring.params().is_feature_min_timeout();
    // The probe says that socket commands exist, not which: options came with 6.7.
    features.reset = at_least(&features.kernel, 6, 7);
    features.peer_name = at_least(&features.kernel, 6, 7);
    let mut known = Probe::new();
    if let Err(error) = ring.submitter().register_probe(&mut known) {
        features.missing.push(format!(
            "the kernel does not say what its io_uring can do: {error}"
        ));
        return features;
    }
    let needed = [
        (opcode::AcceptMulti::CODE, "ACCEPT"),
        (opcode::PollAdd::CODE, "POLL_ADD"),
        (opcode::Recv::CODE, "RECV"),
        (opcode::Send::CODE, "SEND"),
        (opcode::Shutdown::CODE, "SHUTDOWN"),
        (opcode::Close::CODE, "CLOSE"),
        (opcode::AsyncCancel::CODE, "ASYNC_CANCEL"),
        (opcode::Connect::CODE, "CONNECT"),
        (opcode::MsgRingSendFd::CODE, "MSG_RING"),
    ];
    let absent = needed.iter().filter(|(code, _)| !known.is_supported(*code));
    features.missing.extend(absent.map(|(_, name)| {
        format!(
            "this kernel's io_uring ({}) has no {name}; 6.1 or newer has",
            features.kernel
        )
    }));
    features
}

/// Says why the kernel would not open a ring, and what can be done about it.
pub(crate) fn explain_open_error(error: io::Error) -> io::Error {
    let kernel = kernel_release();
    let sentence = match error.raw_os_error() {
        Some(libc::ENOSYS) => format!(
            "this kernel ({kernel}) has no io_uring, or a seccomp filter hides it (containers: \
             allow io_uring_setup, io_uring_enter and io_uring_register)"
        ),
        Some(libc::EPERM | libc::EACCES) => match io_uring_disabled() {
            0 => "io_uring is forbidden here, most likely by a container's seccomp filter: allow \
                  io_uring_setup, io_uring_enter and io_uring_register"
                .to_owned(),
            level => format!(
                "io_uring is switched off on this host (kernel.io_uring_disabled = {level}): set \
                 it to 0 with sysctl"
            ),
        },
        Some(libc::EINVAL) => format!(
            "this kernel ({kernel}) is too old, or the sizes asked for are out of range: io_uring \
             with DEFER_TASKRUN needs Linux 6.1 or newer"
        ),
        Some(libc::ENOMEM) => "there is not enough memory, or not enough that may be locked \
                               (RLIMIT_MEMLOCK, ulimit -l), for an io_uring"
            .to_owned(),
        Some(libc::EMFILE) => {
            "the limit on open files (RLIMIT_NOFILE, ulimit -n) is used up".into()
        }
        _ => return error,
    };
    io::Error::new(error.kind(), sentence)
}

fn io_uring_disabled() -> u32 {
    // Absent before Linux 6.6, where io_uring could not be switched off.
    let text = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

fn kernel_release() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    text.trim().to_owned()
}

fn at_least(release: &str, major: u32, minor: u32) -> bool {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    found >= (major, minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        assert!(at_least("6.18.44-fc-v657", 6, 7));
        assert!(at_least("7.0", 6, 7));
        assert!(!at_least("6.6.1", 6, 7));
        assert!(!at_least("", 6, 7));
    }

    #[test]
    fn this_machine_can_run_a_ring() {
        let features = probe();
        assert!(features.will_run(), "{:?}", features.missing);
        assert!(!features.kernel.is_empty());
    }

    #[test]
    fn a_forbidden_ring_is_explained_with_what_to_do() {
        let told = explain_open_error(io::Error::from_raw_os_error(libc::EPERM)).to_string();
        assert!(
            told.contains("io_uring_setup") || told.contains("sysctl"),
            "{told}"
        );
    }
}
