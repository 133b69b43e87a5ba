//! What a host allows, as its files say: one snapshot, read from /proc and /sys below a root.

use std::fs;
use std::path::Path;

use tributary_ring::{Features, placement};

/// Capability bit that lifts RLIMIT_MEMLOCK.
const CAP_IPC_LOCK: u32 = 14;
/// Capability bit that lifts the host's bound on open files.
const CAP_SYS_ADMIN: u32 = 21;
const BYTES_PER_KIB: u64 = 1024;
/// What cgroup v1 says when there is no limit: the highest multiple of a page.
const CGROUP_V1_UNLIMITED: u64 = 1 << 62;

/// A host and the process that looks at it. A value that could not be read is `None`.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// "6.18.44"; also what io_uring can do there.
    pub kernel: String,
    /// Why io_uring will not do, a sentence each; empty when it will.
    pub io_uring_missing: Vec<String>,
    pub min_wait: bool,
    pub io_uring_disabled: Option<u64>,
    pub cpus: usize,
    /// Soft and hard limits; `u64::MAX` is unlimited.
    pub nofile: Option<(u64, u64)>,
    pub memlock_bytes: Option<(u64, u64)>,
    pub may_lock_any: bool,
    pub may_open_any: bool,
    pub nr_open: Option<u64>,
    pub file_max: Option<u64>,
    pub files_open: Option<u64>,
    /// LimitNOFILE of the installed unit, and the manager's default.
    pub unit_nofile: Option<String>,
    pub manager_nofile: Option<String>,
    pub memory_available_bytes: Option<u64>,
    /// The tightest limit of the cgroups this process is in, and what is used there.
    pub cgroup_memory_bytes: Option<(u64, u64)>,
    pub huge_pages: Option<String>,
    /// False in a network namespace of its own.
    pub first_netns: bool,
    pub somaxconn: Option<u64>,
    pub syn_backlog: Option<u64>,
    pub syncookies: Option<u64>,
    /// Low, pressure and high, in pages.
    pub tcp_mem_pages: Option<[u64; 3]>,
    pub ports: Option<(u64, u64)>,
    pub ehash_entries: Option<u64>,
    pub time_waits_max: Option<u64>,
    pub time_wait_recycle: Option<u64>,
    pub conntrack_max: Option<u64>,
    pub conntrack_count: Option<u64>,
}

impl Host {
    /// Looks at this host.
    pub fn look() -> Self {
        let mut host = Self::read(Path::new("/"));
        host.on_features(&tributary_ring::probe());
        host.cpus = placement::online_cpus().len();
        host
    }

    /// What io_uring can do, which no file says.
    pub fn on_features(&mut self, features: &Features) {
        self.io_uring_missing.clone_from(&features.missing);
        self.min_wait = features.min_wait;
    }

    /// Reads the files below `root`.
    pub fn read(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).ok();
        let number = |path: &str| text(path).and_then(|text| first_number(&text));
        let limits = text("proc/self/limits").unwrap_or_default();
        let capabilities = text("proc/self/status").and_then(|status| effective(&status));
        let tcp_mem_pages = text("proc/sys/net/ipv4/tcp_mem").and_then(|text| {
            let mut numbers = text.split_whitespace().map(str::parse);
            let mut next = || numbers.next()?.ok();
            Some([next()?, next()?, next()?])
        });
        Self {
            kernel: text("proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .into(),
            io_uring_disabled: number("proc/sys/kernel/io_uring_disabled"),
            nofile: limit(&limits, "Max open files"),
            memlock_bytes: limit(&limits, "Max locked memory"),
            may_lock_any: capabilities.is_some_and(|bits| bits >> CAP_IPC_LOCK & 1 == 1),
            may_open_any: capabilities.is_some_and(|bits| bits >> CAP_SYS_ADMIN & 1 == 1),
            nr_open: number("proc/sys/fs/nr_open"),
            file_max: number("proc/sys/fs/file-max"),
            files_open: number("proc/sys/fs/file-nr"),
            unit_nofile: text("etc/systemd/system/tributary.service")
                .and_then(|unit| setting(&unit, "LimitNOFILE")),
            manager_nofile: text("etc/systemd/system.conf")
                .and_then(|conf| setting(&conf, "DefaultLimitNOFILE")),
            memory_available_bytes: text("proc/meminfo")
                .and_then(|info| of_meminfo(&info, "MemAvailable:")),
            cgroup_memory_bytes: cgroup_memory(root),
            huge_pages: text("sys/kernel/mm/transparent_hugepage/enabled")
                .and_then(|modes| Some(modes.split_once('[')?.1.split_once(']')?.0.to_owned())),
            // The kernel shows this file in the first network namespace alone.
            first_netns: tcp_mem_pages.is_some(),
            somaxconn: number("proc/sys/net/core/somaxconn"),
            syn_backlog: number("proc/sys/net/ipv4/tcp_max_syn_backlog"),
            syncookies: number("proc/sys/net/ipv4/tcp_syncookies"),
            tcp_mem_pages,
            ports: text("proc/sys/net/ipv4/ip_local_port_range").and_then(|text| pair(&text)),
            ehash_entries: number("proc/sys/net/ipv4/tcp_ehash_entries"),
            time_waits_max: number("proc/sys/net/ipv4/tcp_max_tw_buckets"),
            time_wait_recycle: number("proc/sys/net/ipv4/tcp_tw_recycle"),
            conntrack_max: number("proc/sys/net/netfilter/nf_conntrack_max"),
            conntrack_count: number("proc/sys/net/netfilter/nf_conntrack_count"),
            ..Self::default()
        }
    }
}

/// What this process may have at most: the memory of the machine, or the tightest bound of a cgroup
/// that it is in.
pub fn memory_bytes(root: &Path) -> Option<u64> {
    let info = fs::read_to_string(root.join("proc/meminfo")).ok();
    let total = info.and_then(|info| of_meminfo(&info, "MemTotal:"));
    let bound = cgroup_memory(root).map(|(max, _)| max);
    total.into_iter().chain(bound).min()
}

fn first_number(text: &str) -> Option<u64> {
    // A hash table that is shared with the first namespace is told as a negative number.
    text.split_whitespace()
        .next()?
        .trim_start_matches('-')
        .parse()
        .ok()
}

fn pair(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// Soft and hard limit of one line of /proc/self/limits.
fn limit(limits: &str, name: &str) -> Option<(u64, u64)> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut words = line.split_whitespace().map(|word| match word {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    });
    Some((words.next()??, words.next()??))
}

fn effective(status: &str) -> Option<u64> {
    let bits = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(bits.trim(), 16).ok()
}

fn of_meminfo(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    Some(first_number(line)? * BYTES_PER_KIB)
}

/// The last uncommented `KEY=value` of a systemd file.
fn setting(text: &str, key: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| {
        line.trim()
            .strip_prefix(key)?
            .trim_start()
            .strip_prefix('=')
    });
    values.next_back().map(|value| value.trim().to_owned())
}

/// Walks up from the cgroup of this process, in whichever hierarchy counts memory.
fn cgroup_memory(root: &Path) -> Option<(u64, u64)> {
    let own = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mut tightest: Option<(u64, u64)> = None;
    for line in own.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(kinds), Some(path)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let (base, max, used) = match kinds {
            "" => ("sys/fs/cgroup", "memory.max", "memory.current"),
            "memory" => (
                "sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
            ),
            _ => continue,
        };
        let base = root.join(base);
        let mut folder = base.join(path.trim_start_matches('/'));
        while folder.starts_with(&base) {
            let number = |name| first_number(&fs::read_to_string(folder.join(name)).ok()?);
            if let Some(bytes) = number(max).filter(|bytes| *bytes < CGROUP_V1_UNLIMITED)
                && tightest.is_none_or(|(least, _)| bytes < least)
            {
                tightest = Some((bytes, number(used).unwrap_or(0)));
            }
            folder.pop();
        }
    }
    tightest
}

#[cfg(test)]
mod tests;
