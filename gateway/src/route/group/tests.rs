//! What a group promises: shares by weight, few moves, and the same answer everywhere and for ever.

use std::collections::BTreeMap;

use super::*;

/// Clients per count; with it, no share below is further than 1 in 100 from what it should be.
const CLIENTS: usize = 100_000;

/// The cluster of each client, in a group by client, for the Kafka topic "telemetry".
fn places(clusters: &[(&'static str, u32)]) -> Vec<&'static str> {
    (0..CLIENTS)
        .map(|n| place(GroupBy::Client, clusters, "telemetry", &client(n)))
        .collect()
}

fn client(number: usize) -> String {
    format!("device-{number:06}")
}

fn place(
    by: GroupBy,
    clusters: &[(&'static str, u32)],
    topic: &str,
    client_id: &str,
) -> &'static str {
    let topic = Template::parse(topic, &[]).unwrap_or_else(|error| panic!("{error}"));
    let position = |name: &str| clusters.iter().position(|(other, _)| *other == name);
    let lane_of = |name: &str| position(name).map(|index| LaneIndex(index as u8));
    let group = Group::compile(&GroupRule::for_test(by, clusters), &topic, lane_of)
        .expect("it has clusters");
    let context = Context {
        client_id,
        topic: "dw/a/t",
        user: "",
        qos: 1,
        response_topic: "",
        correlation_data: &[],
    };
    clusters[usize::from(group.lane(&topic, &context).0)].0
}

/// How many clients each cluster has, of each pair of places.
fn moves(
    from: &[&'static str],
    to: &[&'static str],
) -> BTreeMap<(&'static str, &'static str), usize> {
    let mut moves = BTreeMap::new();
    let pairs = from.iter().zip(to).filter(|(from, to)| from != to);
    pairs.for_each(|(from, to)| *moves.entry((*from, *to)).or_insert(0) += 1);
    moves
}

fn assert_share(count: usize, share: f64, what: &str) {
    let off = count as f64 / CLIENTS as f64 - share;
    assert!(
        off.abs() < 0.01,
        "{what}: {count} of {CLIENTS} instead of {share}"
    );
}

#[test]
fn each_cluster_has_its_share_by_weight() {
    for clusters in [
        &[("east", 1), ("west", 1)][..],
        &[("east", 1), ("west", 2)],
        &[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)],
        &[("north", 7), ("south", 2), ("tiny", 1)],
        &[("k1", 100), ("k2", 300)],
    ] {
        let places = places(clusters);
        let whole: u32 = clusters.iter().map(|(_, weight)| weight).sum();
        for (name, weight) in clusters {
            let count = places.iter().filter(|place| *place == name).count();
            assert_share(count, f64::from(*weight) / f64::from(whole), name);
        }
    }
}

#[test]
fn a_cluster_more_takes_its_share_from_each_and_moves_nothing_else() {
    let before = places(&[("east", 1), ("west", 2)]);
    let after = places(&[("east", 1), ("south", 1), ("west", 2)]);
    let moves = moves(&before, &after);
    let pairs: Vec<_> = moves.keys().copied().collect();
    assert_eq!(pairs, [("east", "south"), ("west", "south")]);
    assert_share(moves[&("east", "south")], 1.0 / 12.0, "from east");
    assert_share(moves[&("west", "south")], 2.0 / 12.0, "from west");
}

#[test]
fn a_cluster_less_leaves_its_share_to_the_others_and_moves_nothing_else() {
    let before = places(&[("east", 1), ("south", 1), ("west", 2)]);
    let after = places(&[("east", 1), ("west", 2)]);
    let moves = moves(&before, &after);
    let pairs: Vec<_> = moves.keys().copied().collect();
    assert_eq!(pairs, [("south", "east"), ("south", "west")]);
    let moved: usize = moves.values().sum();
    assert_eq!(
        moved,
        before.iter().filter(|place| **place == "south").count()
    );
    assert_share(moves[&("south", "east")], 1.0 / 12.0, "to east");
    assert_share(moves[&("south", "west")], 2.0 / 12.0, "to west");
}

#[test]
fn more_weight_only_brings_and_as_much_as_it_says() {
    let before = places(&[("east", 1), ("west", 1)]);
    let after = places(&[("east", 1), ("west", 3)]);
    let moves = moves(&before, &after);
    assert_eq!(
        moves.keys().copied().collect::<Vec<_>>(),
        [("east", "west")]
    );
    assert_share(moves[&("east", "west")], 0.25, "to west");
}

#[test]
fn neither_their_order_nor_a_common_factor_of_the_weights_matters() {
    let places_of = places(&[("east", 1), ("west", 2), ("south", 3)]);
    assert_eq!(places_of, places(&[("south", 3), ("east", 1), ("west", 2)]));
    assert_eq!(
        places_of,
        places(&[("east", 20), ("west", 40), ("south", 60)])
    );
}

#[test]
fn by_topic_a_topic_is_in_one_cluster_and_topics_are_spread() {
    let clusters = [("east", 1), ("west", 1)];
    let at = |topic: &str, client_id: &str| place(GroupBy::Topic, &clusters, topic, client_id);
    let mut seen = BTreeMap::new();
    for number in 0..200 {
        let topic = format!("topic-{number}");
        let one = at(&topic, &client(0));
        assert!(
            (1..20).all(|other| at(&topic, &client(other)) == one),
            "{topic}"
        );
        *seen.entry(one).or_insert(0) += 1;
    }
    assert!(
        seen.len() == 2 && seen.values().all(|count| *count > 60),
        "{seen:?}"
    );
}

#[test]
fn a_topic_from_a_template_hashes_like_the_same_topic_written_out() {
    let clusters = [("east", 1), ("west", 1), ("south", 1)];
    let mut seen = BTreeMap::new();
    for number in 0..100 {
        let id = client(number);
        for by in [GroupBy::Topic, GroupBy::Client] {
            let written = place(by, &clusters, &format!("t-{id}"), &id);
            assert_eq!(place(by, &clusters, "t-{client_id}", &id), written, "{id}");
            *seen.entry(written).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// Kafka topic, client id, and the cluster by topic and by client, of `east` with weight 1, `west`
/// with 2 and `south` with 3. A gateway of another version must say the same.
const VECTORS: [(&str, &str, &str, &str); 12] = [
    ("mqtt", "", "south", "south"),
    ("mqtt", "a", "south", "west"),
    ("mqtt", "b", "south", "east"),
    ("mqtt", "device-000000", "south", "west"),
    ("mqtt", "device-000001", "south", "west"),
    ("mqtt", "device-000002", "south", "east"),
    ("telemetry", "device-000000", "west", "east"),
    ("telemetry", "device-000001", "west", "south"),
    ("telemetry", "device-000002", "west", "west"),
    ("events", "7c:9e:bd:00:11:22", "south", "south"),
    ("state", "\u{e4}\u{f6}\u{fc}", "south", "south"),
    (
        "state",
        "a client id that is longer than the sixteen bytes of most",
        "south",
        "south",
    ),
];

#[test]
fn the_answers_are_those_that_are_written_down() {
    let clusters = [("east", 1), ("west", 2), ("south", 3)];
    let told = VECTORS.map(|(topic, client_id, ..)| {
        let at = |by| place(by, &clusters, topic, client_id);
        (topic, client_id, at(GroupBy::Topic), at(GroupBy::Client))
    });
    assert_eq!(told, VECTORS);
}
