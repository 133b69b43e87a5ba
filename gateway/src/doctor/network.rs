//! The network's own tables and queues: backlogs, memory of sockets, ports, conntrack.

use super::told::grouped;
use super::{Finding, Host, Verdict};

/// The gateway asks for this backlog on each listener; the kernel cuts it to somaxconn.
const BACKLOG: u64 = 65_535;
const PORTS_WIDE: u64 = 60_000;
/// Connections per bucket from which on look-ups were measured to cost 5 to 15 %.
const CHAIN_MAX: u64 = 4;

pub(super) fn examine(host: &Host, connections: u64) -> Vec<Finding> {
    vec![
        namespace(host),
        backlog("net.core.somaxconn", host.somaxconn, connections),
        backlog(
            "net.ipv4.tcp_max_syn_backlog",
            host.syn_backlog,
            connections,
        ),
        syncookies(host),
        tcp_mem(host, connections),
        conntrack(host, connections),
        ehash(host, connections),
        time_wait(host, connections),
        recycle(host),
        ports(host),
    ]
}

fn namespace(host: &Host) -> Finding {
    Finding {
        knob: "network namespace",
        verdict: Verdict::Fits,
        found: match host.first_netns {
            true => "the host's",
            false => "one of its own: tcp_mem counts for all and is set outside",
        }
        .into(),
        needed: "any; the knobs below are per namespace but for tcp_mem".into(),
        set: String::new(),
        otherwise: "nothing",
        allows: None,
    }
}

fn backlog(knob: &'static str, found: Option<u64>, connections: u64) -> Finding {
    let needed = connections.min(BACKLOG);
    let fits = found.is_none_or(|queue| queue >= needed);
    Finding {
        knob,
        verdict: match found {
            None => Verdict::Unknown,
            Some(_) if fits => Verdict::Fits,
            Some(_) => Verdict::Costs,
        },
        found: found.map_or("unknown".into(), grouped),
        needed: grouped(needed),
        set: match fits {
            true => String::new(),
            false => format!("sysctl -w {knob}={BACKLOG}"),
        },
        otherwise: "in a storm SYNs are dropped, and those clients try again after 1, 3, 7 s",
        allows: None,
    }
}

fn syncookies(host: &Host) -> Finding {
    let off = host.syncookies == Some(0);
    Finding {
        knob: "net.ipv4.tcp_syncookies",
        verdict: if off { Verdict::Costs } else { Verdict::Fits },
        found: host.syncookies.map_or("unknown".into(), grouped),
        needed: "1".into(),
        set: if off {
            "sysctl -w net.ipv4.tcp_syncookies=1"
        } else {
            ""
        }
        .into(),
        otherwise: "a flood of SYNs keeps everybody out",
        allows: None,
    }
}

/// One small unread message is accounted as a whole page.
fn tcp_mem(host: &Host, connections: u64) -> Finding {
    let fits = host
        .tcp_mem_pages
        .is_none_or(|[_, pressure, _]| pressure >= connections);
    Finding {
        knob: "net.ipv4.tcp_mem",
        verdict: match host.tcp_mem_pages {
            None => Verdict::Unknown,
            Some(_) if fits => Verdict::Fits,
            Some(_) => Verdict::Costs,
        },
        found: host
            .tcp_mem_pages
            .map_or("not visible here".into(), |pages| {
                pages.map(grouped).join(" ")
            }),
        needed: format!("{} pages before pressure", grouped(connections)),
        set: match fits {
            true => String::new(),
            false => format!(
                "sysctl -w net.ipv4.tcp_mem=\"{} {} {}\"",
                connections * 2,
                connections * 3,
                connections * 4
            ),
        },
        otherwise: "memory pressure when all speak at once: small windows, nothing lost",
        allows: None,
    }
}

/// The module may be there without any rule that uses it: then its table stays empty.
fn conntrack(host: &Host, connections: u64) -> Finding {
    let tracks = host.conntrack_count.is_some_and(|count| count > 0);
    let small = host.conntrack_max.is_some_and(|max| max < connections);
    Finding {
        knob: "conntrack",
        verdict: match (host.conntrack_max, small, tracks) {
            (None, ..) | (_, false, false) => Verdict::Fits,
            (_, true, true) => Verdict::Blocks,
            (_, true, false) | (_, false, true) => Verdict::Costs,
        },
        found: match (host.conntrack_max, host.conntrack_count) {
            (None, _) => "not loaded".into(),
            (Some(max), count) => format!(
                "{} of {} entries in use",
                grouped(count.unwrap_or(0)),
                grouped(max)
            ),
        },
        needed: "no tracking of the gateway's port".into(),
        set: match small || tracks {
            false => String::new(),
            true => format!(
                "nft -f tuning/nft/notrack.nft, or sysctl -w \
                 net.netfilter.nf_conntrack_max={}",
                connections * 5 / 4
            ),
        },
        otherwise: "a full table drops every new connection; each entry takes 256 B",
        allows: host.conntrack_max.filter(|_| tracks),
    }
}

fn ehash(host: &Host, connections: u64) -> Finding {
    let fits = host
        .ehash_entries
        .is_none_or(|buckets| buckets * CHAIN_MAX >= connections);
    Finding {
        knob: "net.ipv4.tcp_ehash_entries",
        verdict: match host.ehash_entries {
            None => Verdict::Unknown,
            Some(_) if fits => Verdict::Fits,
            Some(_) => Verdict::Costs,
        },
        found: host.ehash_entries.map_or("unknown".into(), |buckets| {
            format!("{} buckets", grouped(buckets))
        }),
        needed: format!("{} buckets", grouped(connections.div_ceil(CHAIN_MAX))),
        set: match fits {
            true => "",
            false => {
                "boot with thash_entries=; for a new namespace net.ipv4.tcp_child_ehash_entries="
            }
        }
        .into(),
        otherwise: "look-ups in long chains cost 5 to 15 % more CPU per packet",
        allows: None,
    }
}

fn time_wait(host: &Host, connections: u64) -> Finding {
    Finding {
        knob: "net.ipv4.tcp_max_tw_buckets",
        verdict: Verdict::Fits,
        found: host.time_waits_max.map_or("unknown".into(), grouped),
        needed: "any: who closes first keeps 256 B for 60 s, and beyond the bound none".into(),
        set: String::new(),
        otherwise: match host.time_waits_max {
            Some(max) if max < connections => "the rest of a mass close skips TIME_WAIT: harmless",
            _ => "nothing",
        },
        allows: None,
    }
}

/// Gone since Linux 4.12; still found in many a list of settings.
fn recycle(host: &Host) -> Finding {
    let on = host.time_wait_recycle.is_some_and(|value| value != 0);
    Finding {
        knob: "net.ipv4.tcp_tw_recycle",
        verdict: if on { Verdict::Blocks } else { Verdict::Fits },
        found: match host.time_wait_recycle {
            None => "no such knob, as it should be".into(),
            Some(value) => value.to_string(),
        },
        needed: "absent or 0".into(),
        set: if on {
            "sysctl -w net.ipv4.tcp_tw_recycle=0"
        } else {
            ""
        }
        .into(),
        otherwise: "clients behind one NAT are dropped at random",
        allows: None,
    }
}

/// Matters for whoever dials from this host: the gateway's peers do not.
fn ports(host: &Host) -> Finding {
    let count = host.ports.map(|(first, last)| last.saturating_sub(first));
    let fits = count.is_none_or(|count| count >= PORTS_WIDE);
    Finding {
        knob: "net.ipv4.ip_local_port_range",
        verdict: match count {
            None => Verdict::Unknown,
            Some(_) if fits => Verdict::Fits,
            Some(_) => Verdict::Costs,
        },
        found: host
            .ports
            .map_or("unknown".into(), |(first, last)| format!("{first} {last}")),
        needed: "1024 65535 where clients or proxies dial from this host".into(),
        set: match fits {
            true => "",
            false => "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"",
        }
        .into(),
        otherwise: "a proxy or load generator here gets 28,000 connections per source address",
        allows: None,
    }
}
