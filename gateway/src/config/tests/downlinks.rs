//! Downlinks: what is assumed, which cluster is meant, and what is said of every mistake.

use tributary_proto::version::Qos;

use super::*;
use crate::kafka::downlink::{From, Template};

#[test]
fn a_downlink_needs_no_more_than_a_topic() {
    let settings = good("[downlink.commands]\ntopic = \"commands\"\n", &[]);
    let [downlink] = &settings.downlinks[..] else {
        panic!("{:?}", settings.downlinks)
    };
    let rule = &downlink.rule;
    assert_eq!(
        (&*downlink.cluster, &*downlink.group),
        ("main", "tributary")
    );
    assert_eq!((&rule.to, rule.from), (&None, From::End));
    assert_eq!(rule.device, Template::parse("{key}").ok());
    assert_eq!((rule.qos, rule.expiry_secs), (Qos::AtLeastOnce, 0));
    assert_eq!(
        (rule.uncommitted_max, rule.terms.waiting_max),
        (100_000, 100)
    );
    assert!(!rule.terms.drops_newest && !rule.terms.latest && !rule.user_properties);
    assert_eq!((settings.kafka, settings.node), (Kafka::Embedded, None));
}

#[test]
fn every_key_of_a_downlink_can_be_written_in_the_file_and_in_the_environment() {
    let text = "[kafka.a]\nbrokers = [\"a:1\"]\n[kafka.b]\nbrokers = [\"b:1\"]\n\
                [[route]]\nfilter = \"#\"\nkafka = false\n\
                [node]\nname = \"gw-1\"\n\
                [downlink.states]\ncluster = \"b\"\ntopic = \"states\"\nto = \"s/{key}\"\n\
                device = \"\"\nqos = 2\nexpiry_secs = 60\nlatest = true\nqueue_max = 5\n\
                drop = \"newest\"\nuncommitted_max = 7\ngroup = \"g\"\nuser_properties = true\n";
    let env = [
        ("TRIBUTARY_DOWNLINK__STATES__QUEUE_MAX", "6"),
        ("TRIBUTARY_DOWNLINK__STATES__FROM", "end"),
        ("TRIBUTARY_NODE__NAME", "gw-2"),
    ];
    let settings = good(text, &env);
    let downlink = &settings.downlinks[0];
    let rule = &downlink.rule;
    assert_eq!((&*downlink.name, &*downlink.cluster), ("states", "b"));
    assert_eq!((&*downlink.group, &*rule.topic), ("g", "states"));
    assert_eq!(rule.to, Template::parse("s/{key}").ok());
    assert_eq!((&rule.device, rule.from), (&None, From::End));
    assert_eq!((rule.qos, rule.expiry_secs), (Qos::ExactlyOnce, 60));
    assert_eq!((rule.uncommitted_max, rule.terms.waiting_max), (7, 6));
    assert!(rule.terms.drops_newest && rule.terms.latest && rule.user_properties);
    assert_eq!(settings.kafka, Kafka::Named, "for the downlink alone");
    assert_eq!(settings.node.as_deref(), Some("gw-2"));
}

#[test]
fn a_downlink_is_shared_by_several_gateways_when_it_says_so() {
    let text = "[kafka.main]\nbrokers = [\"a:1\"]\n\
                [downlink.c]\ntopic = \"c\"\ngateways = \"several\"\ngroup = \"g\"\n";
    let settings = good(text, &[]);
    let downlink = &settings.downlinks[0];
    let sharing = downlink.sharing.as_ref().expect("it is shared");
    assert_eq!(
        (&*sharing.handoffs, sharing.session_timeout_secs),
        ("g.handoffs", 30)
    );
    assert!(downlink.rule.terms.several);
    let env = [
        ("TRIBUTARY_DOWNLINK__C__HANDOFFS", "told"),
        ("TRIBUTARY_DOWNLINK__C__SESSION_TIMEOUT_SECS", "6"),
    ];
    let settings = good(text, &env);
    let sharing = settings.downlinks[0]
        .sharing
        .as_ref()
        .expect("it is shared");
    assert_eq!(
        (&*sharing.handoffs, sharing.session_timeout_secs),
        ("told", 6)
    );
    let env = [("TRIBUTARY_DOWNLINK__C__GATEWAYS", "one")];
    let settings = good(text, &env);
    let downlink = &settings.downlinks[0];
    assert!(downlink.sharing.is_none() && !downlink.rule.terms.several);
}

#[test]
fn what_cannot_be_shared_is_told_with_its_line() {
    let kafka = "[kafka.main]\nbrokers = [\"a:1\"]\n";
    let shared = "[downlink.c]\ntopic = \"c\"\ngateways = \"several\"\n";
    for (text, wanted) in [
        (
            format!("{kafka}{shared}device = \"\"\n"),
            "6: [downlink.c].device: is \"\", and",
        ),
        (
            shared.to_owned(),
            "3: [downlink.c].gateways: is \"several\", and the embedded",
        ),
        (
            format!(
                "{kafka}{shared}[downlink.d]\ntopic = \"d\"\ngateways = \"several\"\n\
                     session_timeout_secs = 7\n"
            ),
            "8: [downlink.d].gateways: [downlink.c] has the same group and another",
        ),
        (
            format!("{kafka}{shared}handoffs = \"a/b\"\n"),
            "6: [downlink.c].handoffs: is \"a/b\"; name a Kafka topic",
        ),
        (
            format!("{kafka}{shared}session_timeout_secs = 5\n"),
            "6: [downlink.c].session_timeout_secs: is 5; a number from 6 to 1800",
        ),
        (
            "[downlink.c]\ntopic = \"c\"\nhandoffs = \"h\"\n".to_owned(),
            "3: [downlink.c].handoffs: means something only where gateways",
        ),
        (
            "[downlink.c]\ntopic = \"c\"\ngateways = \"both\"\n".to_owned(),
            "3: [downlink.c].gateways: \"both\" is unknown; there is: one, several",
        ),
    ] {
        let told = faults(&text, &[]);
        let [told] = &told[..] else {
            panic!("{text}: {told:?}")
        };
        assert!(told.starts_with(wanted), "{text}: {told}");
    }
}

#[test]
fn a_compacted_topic_is_read_from_its_begin() {
    let text = "[downlink.states]\ntopic = \"states\"\nlatest = true\n";
    assert_eq!(good(text, &[]).downlinks[0].rule.from, From::Begin);
}

#[test]
fn every_mistake_in_a_downlink_is_told_with_its_line_and_what_would_be_right() {
    let two = "[kafka.a]\nbrokers = [\"a:1\"]\n[kafka.b]\nbrokers = [\"b:1\"]\n\
               [[route]]\nfilter = \"#\"\nkafka = false\n";
    for (line, key, word) in [
        ("", "topic", "is missing; name the Kafka topic"),
        ("topic = \"\"", "topic", "is empty; name the Kafka topic"),
        ("to = \"\"", "to", "is empty; write a template"),
        ("to = \"{topic}\"", "to", "no placeholder; there are {key}"),
        ("device = \"{\"", "device", "not closed; write \"{{\""),
        ("qos = 3", "qos", "is 3; a number from 0 to 2"),
        ("expiry_secs = -1", "expiry_secs", "is -1; a number from 0"),
        ("latest = \"yes\"", "latest", "write true or false"),
        ("queue_max = 0", "queue_max", "a number from 1 to 10000"),
        ("drop = \"old\"", "drop", "there is: oldest, newest"),
        ("uncommitted_max = 0", "uncommitted_max", "a number from 1"),
        ("group = \"a b\"", "group", "is \"a b\"; write a name"),
        ("from = \"start\"", "from", "there is: begin, end"),
        (
            "user_properties = 1",
            "user_properties",
            "write true or false",
        ),
        ("qoss = 1", "qoss", "did you mean \"qos\"?"),
        ("cluster = \"c\"", "cluster", "there is no [kafka.c]"),
    ] {
        let topic = if key == "topic" {
            ""
        } else {
            "topic = \"t\"\n"
        };
        let cluster = if key == "cluster" {
            ""
        } else {
            "cluster = \"a\"\n"
        };
        let told = faults(&format!("{two}[downlink.x]\n{topic}{cluster}{line}\n"), &[]);
        let [told] = &told[..] else {
            panic!("{line}: {told:?}")
        };
        assert!(
            told.contains(&format!("[downlink.x].{key}: ")),
            "{line}: {told}"
        );
        assert!(told.contains(word), "{line}: {told}");
        let wanted = match key {
            _ if line.is_empty() => "8: ",
            "topic" | "cluster" => "10: ",
            _ => "11: ",
        };
        assert!(
            told.starts_with(wanted),
            "{line}: the line is wrong: {told}"
        );
    }
    let told = faults(&format!("{two}[downlink.x]\ntopic = \"t\"\n"), &[]);
    assert!(
        told[0].contains("there are several clusters; name one of: a, b"),
        "{told:?}"
    );
    let told = faults("[node]\nname = \"a/b\"\n", &[]);
    assert!(
        told[0].starts_with("2: [node].name: is \"a/b\"; write a name"),
        "{told:?}"
    );
}

#[test]
fn one_topic_has_one_downlink() {
    let text = "[downlink.a]\ntopic = \"t\"\n[downlink.b]\ntopic = \"t\"\n";
    let told = faults(text, &[]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("4: [downlink.b].topic: [downlink.a] reads"),
        "{told:?}"
    );
}
