//! Routing by rules: order, captures, and every way a rule can be wrong.

use std::collections::BTreeSet;

use super::*;
use crate::route::{GroupBy, GroupRule};

const CONTEXT: Context<'_> = Context {
    client_id: "dev-7",
    topic: "dw/a12/telemetry",
    user: "fleet",
    qos: 1,
    response_topic: "",
    correlation_data: &[],
};

fn table(rules: &[RouteRule]) -> RouteTable {
    RouteTable::compile(rules).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn rule(filter: &str, topic: &str) -> RouteRule {
    RouteRule::new(filter, "main", topic)
}

#[test]
fn the_first_rule_that_matches_wins() {
    let table = table(&[
        rule("dw/+/telemetry", "telemetry"),
        rule("dw/#", "rest"),
        rule("x", ""),
    ]);
    let topic = |name| table.find(name).and_then(|route| route.topic.literal());
    assert_eq!(topic("dw/a/telemetry"), Some("telemetry"));
    assert_eq!(topic("dw/a/other"), Some("rest"));
    assert_eq!(topic("elsewhere"), None);
    assert_eq!(table.find("x").map(Route::is_null), Some(true));
    assert_eq!(table.find("x").map(Route::has_lane), Some(false));
}

#[test]
fn a_rule_for_subscribers_alone_has_no_lane_and_is_not_the_null_route() {
    let mut after = rule("after", "t");
    after.local = Local::AfterKafka;
    let mut kafka_alone = rule("alone", "t");
    kafka_alone.local = Local::No;
    let local_only = RouteRule::local_only("home/#");
    let table = table(&[after, kafka_alone, rule("null", ""), local_only]);
    let told = |name| {
        let route = table.find(name).expect("it matches");
        (route.has_lane(), route.is_null(), route.local())
    };
    assert_eq!(told("after"), (true, false, Local::AfterKafka));
    assert_eq!(told("alone"), (true, false, Local::No));
    assert_eq!(told("null"), (false, true, Local::Yes));
    assert_eq!(told("home/door"), (false, false, Local::Yes));
    assert_eq!(table.clusters(), ["main"]);
}

#[test]
fn a_rule_that_contradicts_itself_about_subscribers_is_told() {
    let with = |rule: RouteRule, local| RouteRule { local, ..rule };
    let rules = [
        with(RouteRule::local_only("a"), Local::No),
        with(RouteRule::local_only("b"), Local::AfterKafka),
        with(rule("c", ""), Local::AfterKafka),
        with(rule("d", ""), Local::No),
    ];
    let errors = RouteTable::compile(&rules).expect_err("three are wrong");
    let told: Vec<_> = errors.iter().map(|error| (error.rule, error.key)).collect();
    assert_eq!(
        told,
        [(0, "local"), (1, "local"), (2, "local")],
        "{errors:#?}"
    );
    assert!(errors[0].message.contains("topic = \"\""), "{}", errors[0]);
}

#[test]
fn lanes_count_the_clusters_in_the_order_of_the_rules() {
    let table = table(&[
        RouteRule::new("a", "one", "t"),
        RouteRule::new("b", "two", "t-{1}".replace("{1}", "x").as_str()),
        RouteRule::new("c", "one", "u-{qos}"),
        RouteRule::new("d", "", ""),
    ]);
    let lane = |name| table.find(name).and_then(|route| route.lane(&CONTEXT));
    assert_eq!(
        (lane("a"), lane("b"), lane("c")),
        (lane("c"), Some(LaneIndex(1)), Some(LaneIndex(0)))
    );
    assert_eq!(table.clusters(), ["one", "two"]);
    assert_eq!(table.topics(LaneIndex(0)).collect::<Vec<_>>(), ["t"]);
}

#[test]
fn a_publish_becomes_the_record_that_its_rule_describes() {
    let mut rule = rule("dw/+/#", "{2}-{1}");
    rule.key = "{user}/{1}".into();
    rule.headers.push(("qos".into(), "{qos}".into()));
    let table = table(&[rule]);
    let Some(route) = table.find(CONTEXT.topic) else {
        panic!("it matches")
    };
    let mut batch = Batch::default();
    route.render(&CONTEXT, &mut batch, b"21.5", 42);
    let written = batch.written();
    let [record] = written.as_slice() else {
        panic!("one record")
    };
    assert_eq!(
        (&*record.topic, &*record.key),
        ("telemetry-a12", "fleet/a12")
    );
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        record.headers,
        [header("mqtt.topic", CONTEXT.topic), header("qos", "1")]
    );
    assert_eq!((&*record.payload, record.ticket), ("21.5", 42));
    assert_eq!(record.bytes, route.weigh(&CONTEXT, 4));
}

#[test]
fn the_default_rule_keys_by_client_and_carries_the_topic_as_a_header() {
    let table = table(&[rule("#", "mqtt")]);
    let Some(route) = table.find(CONTEXT.topic) else {
        panic!("it matches")
    };
    let mut batch = Batch::default();
    for ticket in 0..3 {
        route.render(&CONTEXT, &mut batch, b"", ticket);
    }
    let written = batch.written();
    assert_eq!(written.len(), 3);
    for record in written {
        assert_eq!((&*record.topic, &*record.key), ("mqtt", "dev-7"));
        assert_eq!(
            record.headers,
            [("mqtt.topic".to_owned(), CONTEXT.topic.to_owned())]
        );
    }
}

#[test]
fn every_mistake_is_told_with_its_rule_and_key() {
    let mut placeholder = rule("b/+", "t");
    placeholder.key = "{clientid}".into();
    let mut header = rule("c", "t");
    header.headers = vec![("h".into(), "{9}".into()), ("i".into(), "{8}".into())];
    let rules = [
        rule("a/#/b", "t"),
        placeholder,
        header,
        rule("d", "no spaces"),
        rule("e/+", "t/{1}"),
        RouteRule::new("f", "", "t"),
        rule("g/+", "t-{2}"),
        rule("h/#", "t"),
        rule("h/x", "t"),
    ];
    let Err(errors) = RouteTable::compile(&rules) else {
        panic!("all are wrong")
    };
    let told: Vec<_> = errors.iter().map(|error| (error.rule, error.key)).collect();
    let expected = [
        (0, "filter"),
        (1, "key"),
        (2, "headers"),
        (2, "headers"),
        (3, "topic"),
        (4, "topic"),
        (5, "cluster"),
        (6, "topic"),
        (8, "filter"),
    ];
    assert_eq!(told, expected, "{errors:#?}");
    assert!(
        errors[8].message.contains("rule 8 (\"h/#\")"),
        "{}",
        errors[8]
    );
    assert!(errors[7].message.contains("\"{1}\""), "{}", errors[7]);
}

fn grouped(filter: &str, topic: &str, by: GroupBy, clusters: &[(&str, u32)]) -> RouteRule {
    RouteRule::grouped_for_test(filter, topic, GroupRule::for_test(by, clusters))
}

#[test]
fn a_group_brings_the_lanes_of_its_clusters_beside_those_of_other_rules() {
    let clusters = [("west", 1), ("main", 1), ("east", 1)];
    let rules = [
        rule("plain/#", "p"),
        grouped("by-client/#", "c", GroupBy::Client, &clusters),
        grouped("by-topic/#", "t", GroupBy::Topic, &clusters),
    ];
    let table = table(&rules);
    assert_eq!(table.clusters(), ["main", "east", "west"]);
    let lanes = |topic: &'static str| {
        let route = table.find(topic).expect("it matches");
        assert!(route.has_lane());
        let ids = (0..100).map(|number| format!("dev-{number}"));
        let lane = |client_id: String| {
            let context = Context {
                client_id: &client_id,
                topic,
                ..CONTEXT
            };
            route.lane(&context)
        };
        ids.filter_map(lane).collect::<BTreeSet<LaneIndex>>()
    };
    assert_eq!(lanes("plain/x"), BTreeSet::from([LaneIndex(0)]));
    assert_eq!(lanes("by-client/x"), (0..3).map(LaneIndex).collect());
    let [by_topic] = lanes("by-topic/x").into_iter().collect::<Vec<_>>()[..] else {
        panic!("one topic is in one cluster")
    };
    // A topic is looked for, before any publish, in each cluster that may get it.
    for lane in (0..3).map(LaneIndex) {
        let topics: Vec<_> = table.topics(lane).collect();
        assert!(topics.contains(&"c"), "{lane:?}: {topics:?}");
        assert_eq!(
            topics.contains(&"t"),
            lane == by_topic,
            "{lane:?}: {topics:?}"
        );
    }
}

#[test]
fn a_group_of_nothing_and_one_of_a_nameless_cluster_are_told() {
    let rules = [
        grouped("a", "t", GroupBy::Client, &[]),
        grouped("b", "t", GroupBy::Client, &[("", 1)]),
        // The null route goes nowhere, whatever it names.
        grouped("c", "", GroupBy::Client, &[]),
    ];
    let errors = RouteTable::compile(&rules).expect_err("two are wrong");
    let told: Vec<_> = errors.iter().map(|error| (error.rule, error.key)).collect();
    assert_eq!(told, [(0, "group"), (1, "group")], "{errors:#?}");
    assert!(errors.iter().all(|error| error.message.contains("; ")));
}
