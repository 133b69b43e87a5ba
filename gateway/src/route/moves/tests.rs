//! Dry runs: what moves is what the rules say, rule by rule, and nothing is counted twice.

use super::*;
use crate::route::{GroupBy, GroupRule};

const CLIENTS: u64 = 10_000;

fn grouped(clusters: &[(&str, u32)]) -> RouteRule {
    let group = GroupRule::for_test(GroupBy::Client, clusters);
    RouteRule::grouped_for_test("dw/+/t", "t", group)
}

fn counted(old: &[RouteRule], new: &[RouteRule]) -> Moves {
    let mut moves = Moves::between(old, new).unwrap_or_else(|errors| panic!("{errors:?}"));
    (0..CLIENTS).for_each(|number| moves.count_client(&format!("device-{number:06}")));
    moves
}

/// From, to, and how many, of one tally.
fn told(tally: &Tally) -> Vec<(String, String, u64)> {
    let pairs = tally.moves.iter().map(|((from, to), count)| {
        let name = |cluster: &Option<String>| cluster.clone().unwrap_or("-".into());
        (name(from), name(to), *count)
    });
    pairs.collect()
}

/// The same, written by hand.
fn moved<const N: usize>(moves: [(&str, &str, u64); N]) -> Vec<(String, String, u64)> {
    moves
        .map(|(from, to, count)| (from.into(), to.into(), count))
        .into()
}

#[test]
fn a_cluster_more_draws_from_each_and_other_rules_keep_still() {
    let plain = RouteRule::new("#", "west", "rest");
    let old = [grouped(&[("east", 1), ("west", 1)]), plain.clone()];
    let new = [grouped(&[("east", 1), ("west", 1), ("south", 2)]), plain];
    let moves = counted(&old, &new);
    let [fleet, rest] = moves.tallies() else {
        panic!("{moves:?}")
    };
    assert_eq!((&*fleet.filter, fleet.client_count), ("dw/+/t", CLIENTS));
    let [(.., from_east), (.., from_west)] = told(fleet)[..] else {
        panic!("{fleet:?}")
    };
    assert_eq!(
        told(fleet),
        moved([("east", "south", from_east), ("west", "south", from_west)])
    );
    let share = fleet.moved_count() as f64 / CLIENTS as f64;
    assert!((0.48..0.52).contains(&share), "{share}");
    assert_eq!((rest.client_count, rest.moved_count()), (CLIENTS, 0));
}

#[test]
fn what_did_not_go_to_kafka_or_no_longer_does_is_said_so() {
    let old = [
        RouteRule::new("a/#", "east", "t"),
        RouteRule::new("b/#", "", ""),
    ];
    let new = [
        RouteRule::local_only("a/#"),
        RouteRule::new("b/#", "west", "t"),
        RouteRule::new("c", "west", "t"),
    ];
    let moves = counted(&old, &new);
    let all: Vec<_> = moves.tallies().iter().flat_map(told).collect();
    assert_eq!(
        all,
        moved([
            ("east", "-", CLIENTS),
            ("-", "west", CLIENTS),
            ("-", "west", CLIENTS)
        ])
    );
}

#[test]
fn a_rule_that_is_no_more_is_counted_where_its_clients_go_now() {
    let old = [
        RouteRule::new("dw/+/t", "east", "t"),
        RouteRule::new("#", "west", "rest"),
    ];
    let new = [RouteRule::new("#", "west", "rest")];
    let moves = counted(&old, &new);
    let filters: Vec<_> = moves.tallies().iter().map(|tally| &*tally.filter).collect();
    assert_eq!(filters, ["#", "dw/+/t"]);
    assert_eq!(moves.tallies()[0].moved_count(), 0);
    assert_eq!(
        told(&moves.tallies()[1]),
        moved([("east", "west", CLIENTS)])
    );
}

#[test]
fn a_given_topic_counts_once_for_the_rule_that_takes_it() {
    let old = [
        RouteRule::new("a/#", "east", "t"),
        RouteRule::new("b", "east", "t"),
    ];
    let new = [
        RouteRule::new("a/x", "west", "t"),
        RouteRule::new("a/#", "east", "t"),
    ];
    let mut moves = Moves::between(&old, &new).expect("both are right");
    for topic in ["a/x", "a/y", "b", "elsewhere", "a/x"] {
        moves.count_publish("device-1", topic);
    }
    let counts: Vec<_> = moves
        .tallies()
        .iter()
        .map(|tally| (&*tally.filter, tally.client_count, told(tally)))
        .collect();
    let expected = [
        ("a/x", 2, moved([("east", "west", 2)])),
        ("a/#", 1, moved([])),
        ("b", 1, moved([("east", "-", 1)])),
    ];
    assert_eq!(counts, expected);
    assert_eq!(moves.unrouted_count(), 1);
}

#[test]
fn a_client_id_fits_into_every_filter() {
    assert_eq!(topic_of("dw/+/t/#", "a/b+c#d"), "dw/a-b-c-d/t/a-b-c-d");
    assert_eq!(topic_of("#", "$x"), "-x");
    assert_eq!(topic_of("plain", "x"), "plain");
}
