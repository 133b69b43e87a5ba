//! A descriptor limit that is too low for what was asked: refused with the remedy, or started for
//! what fits.

use crate::support::client::Client;
use crate::support::gateway::Launch;
use crate::support::wire::*;

/// So few that even 64 tables of each shard hold far fewer than a million.
const DESCRIPTORS_MAX: usize = 300;
const ASKED: usize = 1_000_000;

#[test]
fn a_gateway_told_to_fit_starts_for_what_the_limit_allows_and_says_so() {
    let config = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n[shards]\ndescriptors = \"fit\"\n";
    let launch = Launch::default().config(config);
    let gateway = launch
        .descriptors_max(DESCRIPTORS_MAX)
        .connections_max(ASKED)
        .start();
    gateway.wait_for_line(&["descriptor limit is too low"]);
    let log = gateway.whole_log();
    assert!(!log.contains("\"connections_max\":1000000"), "{log}");
    Client::connect(&gateway, V5, "device").ping();
}

#[test]
fn without_that_it_refuses_to_start_and_names_both_ways_out() {
    let ended = Launch::default()
        .descriptors_max(DESCRIPTORS_MAX)
        .connections_max(ASKED)
        .start_in_vain();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    for word in ["ulimit -n", "--descriptors fit"] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    assert!(!ended.stdout.contains("ready"), "{}", ended.stdout);
}
