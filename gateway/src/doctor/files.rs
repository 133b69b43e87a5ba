//! Open files: the size of a ring's table, and the kernel's own bounds on it.

use super::told::grouped;
use super::{Finding, Host, Verdict, tables_allow, usable_slots};
use crate::limits::RINGS_PER_SHARD_MAX;

/// Descriptors of a process that are no connections.
const ASIDE: u64 = 1_000;
/// A unit with a lower limit than this was never thought about.
const UNIT_NOFILE: &str = "1048576";

pub(super) fn examine(host: &Host, connections: u64) -> Vec<Finding> {
    vec![
        nofile(host, connections),
        nr_open(host, connections),
        file_max(host, connections),
        unit(host),
    ]
}

/// A limit below the number of connections is no obstacle while more tables make up for it.
fn nofile(host: &Host, connections: u64) -> Finding {
    let shards = host.cpus.max(1);
    let needed_per_table = connections.div_ceil((shards * RINGS_PER_SHARD_MAX) as u64);
    let mut finding = Finding {
        knob: "RLIMIT_NOFILE",
        verdict: Verdict::Unknown,
        found: "unknown".into(),
        needed: format!(
            "a table for {} each, in {RINGS_PER_SHARD_MAX} rings on each of {shards} shards",
            grouped(needed_per_table)
        ),
        set: "LimitNOFILE=1048576 in the unit, or limits.d; `ulimit -Hn` shows it".into(),
        otherwise: "connections beyond the tables are refused",
        allows: None,
    };
    let Some((soft, hard)) = host.nofile else {
        return finding;
    };
    let allows = tables_allow(hard, shards);
    let rings = connections.div_ceil(usable_slots(hard).max(1) * shards as u64);
    finding.found = format!(
        "{} soft, {} hard (the gateway raises the soft one itself)",
        shown(soft),
        shown(hard)
    );
    finding.allows = Some(allows);
    finding.verdict = if allows < connections {
        Verdict::Blocks
    } else {
        finding.needed = format!("{rings} ring(s) per shard with a table of that size each");
        finding.set.clear();
        Verdict::Fits
    };
    finding
}

fn nr_open(host: &Host, connections: u64) -> Finding {
    let hard = host.nofile.map_or(u64::MAX, |(_, hard)| hard);
    let in_the_way =
        host.nr_open.is_some_and(|max| max < hard) && tables_allow(hard, host.cpus) < connections;
    Finding {
        knob: "fs.nr_open",
        verdict: match host.nr_open {
            None => Verdict::Unknown,
            Some(_) if in_the_way => Verdict::Costs,
            Some(_) => Verdict::Fits,
        },
        found: host.nr_open.map_or("unknown".into(), grouped),
        needed: "at least the RLIMIT_NOFILE that you set".into(),
        set: if in_the_way {
            "sysctl -w fs.nr_open=2097152"
        } else {
            ""
        }
        .into(),
        otherwise: "RLIMIT_NOFILE cannot be raised above it",
        allows: None,
    }
}

/// Direct descriptors are open files all the same.
fn file_max(host: &Host, connections: u64) -> Finding {
    let open = host.files_open.unwrap_or(0);
    let needed = connections + ASIDE;
    let free = host.file_max.map(|max| max.saturating_sub(open));
    let fits = free.is_none_or(|free| free >= needed);
    Finding {
        knob: "fs.file-max",
        verdict: match free {
            None => Verdict::Unknown,
            Some(_) if fits => Verdict::Fits,
            // The kernel lets CAP_SYS_ADMIN pass, and then everybody else meets the bound.
            Some(_) if host.may_open_any => Verdict::Costs,
            Some(_) => Verdict::Blocks,
        },
        found: free.map_or("unknown".into(), |free| {
            format!("{} free of {}", grouped(free), shown(free + open))
        }),
        needed: format!("{} free", grouped(needed)),
        set: match fits {
            true => String::new(),
            false => format!("sysctl -w fs.file-max={}", (open + needed) * 5 / 4),
        },
        otherwise: "accepts fail with ENFILE, for every process of the host without CAP_SYS_ADMIN",
        allows: free
            .filter(|_| !host.may_open_any)
            .map(|free| free.saturating_sub(ASIDE)),
    }
}

/// systemd does not read limits.d: what counts for a service stands in its unit.
fn unit(host: &Host) -> Finding {
    let told =
        |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}={value}"));
    let found: Vec<String> = [
        told("unit: LimitNOFILE", &host.unit_nofile),
        told("manager: DefaultLimitNOFILE", &host.manager_nofile),
    ]
    .into_iter()
    .flatten()
    .collect();
    let fits = host.unit_nofile.is_some();
    Finding {
        knob: "systemd LimitNOFILE",
        verdict: if fits {
            Verdict::Fits
        } else {
            Verdict::Unknown
        },
        found: match found.is_empty() {
            true => "no tributary.service here".into(),
            false => found.join(", "),
        },
        needed: format!("LimitNOFILE={UNIT_NOFILE}: a service does not see limits.d"),
        set: match fits {
            true => "",
            false => "install tuning/systemd/tributary.service",
        }
        .into(),
        otherwise: "a service starts with the manager's default (soft 1,024, hard 524,288)",
        allows: None,
    }
}

fn shown(limit: u64) -> String {
    if limit >= i64::MAX as u64 {
        "unlimited".into()
    } else {
        grouped(limit)
    }
}
