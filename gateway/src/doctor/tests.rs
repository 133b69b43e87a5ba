//! Findings against hosts that are made up, knob by knob, and one look at this one.

use super::*;

/// A host as a careful operator leaves it.
fn tuned() -> Host {
    Host {
        kernel: "6.18.0".into(),
        min_wait: true,
        io_uring_disabled: Some(0),
        cpus: 2,
        nofile: Some((1_048_576, 1_048_576)),
        memlock_bytes: Some((8 << 20, 8 << 20)),
        nr_open: Some(1_048_576),
        file_max: Some(9_000_000),
        files_open: Some(1_000),
        unit_nofile: Some("1048576".into()),
        memory_available_bytes: Some(24 << 30),
        huge_pages: Some("madvise".into()),
        first_netns: true,
        somaxconn: Some(65_535),
        syn_backlog: Some(65_535),
        syncookies: Some(1),
        tcp_mem_pages: Some([2_000_000, 3_000_000, 4_000_000]),
        ports: Some((1024, 65_535)),
        ehash_entries: Some(4 << 20),
        time_waits_max: Some(131_072),
        ..Host::default()
    }
}

fn verdict(host: &Host, connections: u64, knob: &str) -> Verdict {
    let findings = examine(host, connections);
    let finding = findings.iter().find(|finding| finding.knob == knob);
    finding.unwrap_or_else(|| panic!("no knob {knob}")).verdict
}

#[test]
fn a_million_fits_on_a_tuned_host_and_every_knob_says_so() {
    for finding in examine(&tuned(), 1_000_000) {
        assert_eq!(finding.verdict, Verdict::Fits, "{finding:?}");
        assert!(finding.set.is_empty(), "{finding:?}");
        assert!(!finding.found.is_empty() && !finding.needed.is_empty());
    }
}

#[test]
fn whatever_is_not_right_says_how_to_set_it_and_what_happens_otherwise() {
    let host = Host {
        cpus: 1,
        nofile: Some((256, 256)),
        ..Host::default()
    };
    for finding in examine(&host, 5_000_000) {
        if matches!(finding.verdict, Verdict::Blocks | Verdict::Costs) {
            assert!(!finding.set.is_empty(), "{finding:?}");
            assert!(!finding.otherwise.is_empty(), "{finding:?}");
        }
    }
}

#[test]
fn a_small_descriptor_limit_is_made_up_for_by_tables_until_there_are_no_more() {
    let host = Host {
        nofile: Some((1024, 20_000)),
        ..tuned()
    };
    let knob = "RLIMIT_NOFILE";
    assert_eq!(verdict(&host, 1_000_000, knob), Verdict::Fits);
    let allows = tables_allow(20_000, 2);
    assert_eq!(verdict(&host, allows, knob), Verdict::Fits);
    assert_eq!(verdict(&host, allows + 1, knob), Verdict::Blocks);
}

#[test]
fn open_files_of_others_count_against_the_hosts_bound() {
    let host = Host {
        file_max: Some(1_100_000),
        files_open: Some(200_000),
        ..tuned()
    };
    assert_eq!(verdict(&host, 800_000, "fs.file-max"), Verdict::Fits);
    assert_eq!(verdict(&host, 1_000_000, "fs.file-max"), Verdict::Blocks);
    let host = Host {
        may_open_any: true,
        ..host
    };
    assert_eq!(verdict(&host, 1_000_000, "fs.file-max"), Verdict::Costs);
}

#[test]
fn memory_bounds_the_connections_and_so_does_a_cgroup() {
    let host = Host {
        memory_available_bytes: Some(3 << 30),
        ..tuned()
    };
    assert_eq!(verdict(&host, 1_000_000, "memory"), Verdict::Blocks);
    assert_eq!(verdict(&host, 500_000, "memory"), Verdict::Fits);
    let host = Host {
        cgroup_memory_bytes: Some((2 << 30, 1 << 30)),
        ..tuned()
    };
    assert_eq!(verdict(&host, 500_000, "cgroup memory"), Verdict::Blocks);
}

#[test]
fn conntrack_blocks_only_where_it_tracks() {
    let with = |max, count| Host {
        conntrack_max: Some(max),
        conntrack_count: Some(count),
        ..tuned()
    };
    assert_eq!(
        verdict(&with(262_144, 0), 100_000, "conntrack"),
        Verdict::Fits
    );
    assert_eq!(
        verdict(&with(262_144, 0), 1_000_000, "conntrack"),
        Verdict::Costs
    );
    assert_eq!(
        verdict(&with(262_144, 9), 1_000_000, "conntrack"),
        Verdict::Blocks
    );
    assert_eq!(
        verdict(&with(2_000_000, 9), 1_000_000, "conntrack"),
        Verdict::Costs
    );
}

#[test]
fn what_is_slow_does_not_block_and_what_is_unreadable_is_unknown() {
    let host = Host {
        somaxconn: Some(4_096),
        syn_backlog: None,
        ..tuned()
    };
    assert_eq!(
        verdict(&host, 1_000_000, "net.core.somaxconn"),
        Verdict::Costs
    );
    assert_eq!(verdict(&host, 4_000, "net.core.somaxconn"), Verdict::Fits);
    let knob = "net.ipv4.tcp_max_syn_backlog";
    assert_eq!(verdict(&host, 1_000_000, knob), Verdict::Unknown);
}

#[test]
fn the_json_says_whether_it_fits_and_what_bounds_it() {
    let host = Host {
        nofile: Some((1024, 1024)),
        ..tuned()
    };
    let said = told::json(1_000_000, &examine(&host, 1_000_000));
    assert_eq!(said["fits"], false);
    assert_eq!(said["bounded_by"], "RLIMIT_NOFILE");
    assert_eq!(said["allows"], tables_allow(1024, 2));
    let findings = said["findings"].as_array().unwrap();
    assert_eq!(findings.len(), examine(&host, 1).len());
    assert!(
        findings
            .iter()
            .all(|finding| finding["verdict"].is_string())
    );
}

#[test]
fn this_host_can_be_looked_at() {
    let host = Host::look();
    assert!(host.cpus > 0 && !host.kernel.is_empty());
    assert!(host.nofile.is_some() && host.memory_available_bytes.is_some());
    assert!(default_connections(&host) > 0);
    let table = told::table(1_000, &examine(&host, 1_000));
    assert!(table.contains("This host allows"), "{table}");
}
