//! The kernel's age and its io_uring.

use super::{Finding, Host, Verdict};

pub(super) fn examine(host: &Host) -> Vec<Finding> {
    vec![io_uring(host), min_wait(host), switch(host)]
}

fn io_uring(host: &Host) -> Finding {
    let runs = host.io_uring_missing.is_empty();
    Finding {
        knob: "io_uring",
        verdict: if runs { Verdict::Fits } else { Verdict::Blocks },
        found: match runs {
            true => format!("all it needs, Linux {}", host.kernel),
            false => host.io_uring_missing.join("; "),
        },
        needed: "Linux 6.1 or newer, and no seccomp filter in the way".into(),
        set: match runs {
            true => String::new(),
            false => {
                "boot a newer kernel; in a container allow io_uring_setup, io_uring_enter and \
                      io_uring_register"
                    .into()
            }
        },
        otherwise: "the gateway refuses to start",
        allows: (!runs).then_some(0),
    }
}

fn min_wait(host: &Host) -> Finding {
    Finding {
        knob: "kernel release",
        verdict: if host.min_wait {
            Verdict::Fits
        } else {
            Verdict::Costs
        },
        found: host.kernel.clone(),
        needed: "6.12 or newer, which can wait for completions to gather".into(),
        set: if host.min_wait {
            ""
        } else {
            "boot a newer kernel"
        }
        .into(),
        otherwise: "a second system call per wait",
        allows: None,
    }
}

fn switch(host: &Host) -> Finding {
    // Absent before Linux 6.6, where there was no such switch.
    let level = host.io_uring_disabled.unwrap_or(0);
    Finding {
        knob: "kernel.io_uring_disabled",
        verdict: match level {
            0 => Verdict::Fits,
            // 1 lets members of a group and CAP_SYS_ADMIN pass; the trial ring says whether we may.
            1 if host.io_uring_missing.is_empty() => Verdict::Fits,
            _ => Verdict::Blocks,
        },
        found: level.to_string(),
        needed: "0; with 1 only for CAP_SYS_ADMIN and kernel.io_uring_group".into(),
        set: if level == 0 {
            ""
        } else {
            "sysctl -w kernel.io_uring_disabled=0"
        }
        .into(),
        otherwise: "the gateway refuses to start",
        allows: (level > 1).then_some(0),
    }
}
