//! Memory: what so many connections take in the kernel and in the gateway, and who bounds it.

use super::told::{gibibytes, grouped};
use super::{Finding, Host, Verdict};
use crate::limits::{KERNEL_BYTES_PER_CONNECTION, LOCKED_BYTES_PER_SHARD, idle_client};

/// What the gateway takes before its first client: rings, buffers, Kafka's queues.
const GATEWAY_BASE_BYTES: u64 = 256 << 20;

const PER_CONNECTION: u64 = KERNEL_BYTES_PER_CONNECTION + idle_client::BYTES_MAX as u64;

pub(super) fn examine(host: &Host, connections: u64) -> Vec<Finding> {
    vec![
        memory(host, connections),
        cgroup(host, connections),
        memlock(host),
        huge_pages(host),
    ]
}

fn needed_bytes(connections: u64) -> u64 {
    connections * PER_CONNECTION + GATEWAY_BASE_BYTES
}

fn allowed_by(bytes: u64) -> u64 {
    bytes.saturating_sub(GATEWAY_BASE_BYTES) / PER_CONNECTION
}

fn memory(host: &Host, connections: u64) -> Finding {
    let needed = needed_bytes(connections);
    let found = host.memory_available_bytes;
    let fits = found.is_none_or(|bytes| bytes >= needed);
    Finding {
        knob: "memory",
        verdict: match found {
            None => Verdict::Unknown,
            Some(_) if fits => Verdict::Fits,
            Some(_) => Verdict::Blocks,
        },
        found: found.map_or("unknown".into(), |bytes| {
            format!("{} available", gibibytes(bytes))
        }),
        needed: format!(
            "{}: {} B in the kernel and {} B in the gateway for each idle client",
            gibibytes(needed),
            grouped(KERNEL_BYTES_PER_CONNECTION),
            idle_client::BYTES_MAX
        ),
        set: if fits {
            ""
        } else {
            "more memory, or fewer connections on this host"
        }
        .into(),
        otherwise: "the kernel kills the process that takes most: the gateway",
        allows: found.map(allowed_by),
    }
}

fn cgroup(host: &Host, connections: u64) -> Finding {
    let needed = needed_bytes(connections);
    let free = host
        .cgroup_memory_bytes
        .map(|(max, used)| max.saturating_sub(used));
    let fits = free.is_none_or(|bytes| bytes >= needed);
    Finding {
        knob: "cgroup memory",
        verdict: if fits { Verdict::Fits } else { Verdict::Blocks },
        found: host
            .cgroup_memory_bytes
            .map_or("no limit".into(), |(max, used)| {
                format!("{} used of {}", gibibytes(used), gibibytes(max))
            }),
        needed: format!("{} free, or no limit", gibibytes(needed)),
        set: if fits {
            ""
        } else {
            "MemoryMax=infinity in the unit, or a higher memory.max"
        }
        .into(),
        otherwise: "the gateway is killed although the host has memory left",
        allows: free.map(allowed_by),
    }
}

fn memlock(host: &Host) -> Finding {
    let needed = LOCKED_BYTES_PER_SHARD * host.cpus.max(1) as u64;
    let fits = host.may_lock_any || host.memlock_bytes.is_some_and(|(soft, _)| soft >= needed);
    Finding {
        knob: "RLIMIT_MEMLOCK",
        verdict: match (fits, host.memlock_bytes) {
            (true, _) => Verdict::Fits,
            (false, None) => Verdict::Unknown,
            (false, Some(_)) => Verdict::Blocks,
        },
        found: match (host.may_lock_any, host.memlock_bytes) {
            (true, _) => "any amount (CAP_IPC_LOCK)".into(),
            (false, None) => "unknown".into(),
            (false, Some((u64::MAX, _))) => "unlimited".into(),
            (false, Some((soft, _))) => format!("{} KiB", grouped(soft >> 10)),
        },
        needed: format!("{} KiB: 512 per shard", needed >> 10),
        set: if fits {
            ""
        } else {
            "LimitMEMLOCK=infinity in the unit, or CAP_IPC_LOCK"
        }
        .into(),
        otherwise: "the gateway refuses to start",
        allows: (!fits && host.memlock_bytes.is_some()).then_some(0),
    }
}

fn huge_pages(host: &Host) -> Finding {
    let always = host.huge_pages.as_deref() == Some("always");
    Finding {
        knob: "transparent huge pages",
        verdict: if always {
            Verdict::Costs
        } else {
            Verdict::Fits
        },
        found: host.huge_pages.clone().unwrap_or_else(|| "none".into()),
        needed: "madvise or never".into(),
        set: match always {
            true => "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
            false => "",
        }
        .into(),
        otherwise: "memory comes back in pieces of 2 MiB or not at all after a mass disconnect",
        allows: None,
    }
}
