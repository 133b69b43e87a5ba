//! Rules of who may do what, and every trick to get around them.

use crate::support::client::Client;
use crate::support::gateway::{config_file, run_to_end};
use crate::support::property::*;
use crate::support::rules::*;
use crate::support::wire::*;

/// Every device has a place of its own, and reads what is public.
fn own_places() -> String {
    [
        rule("allow", &["publish", "retain"], &["dev/%c/#"]),
        rule("allow", &["subscribe"], &["dev/%c/#", "public/#"]),
    ]
    .concat()
}

#[test]
fn a_client_publishes_where_the_rules_let_it_and_hears_of_every_refusal() {
    let gateway = start(&own_places());
    let mut client = Client::connect(&gateway, V5, "d1");
    assert_ne!(publish(&mut client, "dev/d1/state"), DENIED);
    for topic in [
        "dev/d2/state",
        "dev/d12",
        "public/news",
        "$SYS/x",
        "dev//d1",
    ] {
        assert_eq!(publish(&mut client, topic), DENIED, "{topic}");
    }
    // Without QoS there is no answer, and nobody is to believe that it went well.
    client.send(
        &Publish {
            qos: 0,
            ..Publish::qos1(0, "dev/d2/x", b"x")
        }
        .encode(V5),
    );
    client.expect_end(&[DENIED], "it published what it must not");
    assert_eq!(
        denied(&gateway, "publish"),
        5.0,
        "$SYS is nobody's in any case"
    );
    assert_eq!(gateway.metrics().imbalance(), 0.0);
}

#[test]
fn an_alias_stands_for_its_topic_before_the_rules_too() {
    let gateway = start(&own_places());
    let mut client = Client::connect(&gateway, V5, "d1");
    let alias = two(0x23, 1);
    let named = Publish {
        properties: &alias,
        ..Publish::qos1(0, "dev/d2/state", b"x")
    };
    assert_eq!(client.announce(named), DENIED);
    let by_alias = Publish {
        topic: b"",
        ..named
    };
    assert_eq!(
        client.announce(by_alias),
        DENIED,
        "its alias was learned and helps nothing"
    );
    let other = Publish {
        topic: b"dev/d1/state",
        ..named
    };
    assert_ne!(client.announce(other), DENIED);
    assert_ne!(
        client.announce(by_alias),
        DENIED,
        "the alias stands for its own place now"
    );
}

#[test]
fn mqtt_3_is_closed_or_told_nothing_as_configured() {
    for version in [V31, V311] {
        for qos in [0, 1, 2] {
            let wrong = Publish {
                qos,
                ..Publish::qos1(1, "dev/d2/x", b"x")
            };
            let gateway = start(&own_places());
            let mut client = Client::connect(&gateway, version, "d1");
            client.send(&wrong.encode(version));
            client.expect_end(&[], "it published what it must not");
            assert_eq!(gateway.metrics().imbalance(), 0.0);
            drop(gateway);
            let rules = own_places() + &rule("allow", &["subscribe"], &["#"]);
            let (gateway, _) = start_with(&rules, "on_denied = \"drop\"\n");
            let mut witness = Client::connect(&gateway, V5, "witness").subscribed("#", 1);
            let mut client = Client::connect(&gateway, version, "d1");
            client.send(&wrong.encode(version));
            match qos {
                0 => {}
                1 => assert_eq!(client.expect(PUBACK).packet_id(), 1),
                _ => assert_eq!(client.expect(PUBREC).packet_id(), 1),
            }
            client.publish("dev/d1/last", b"last");
            let before = witness.receive_until(b"last");
            assert_eq!(before, [], "what was denied goes nowhere");
            let metrics = gateway.metrics();
            let refused = "tributary_publishes_refused_total";
            assert_eq!(metrics.labelled(refused, "reason", "not_allowed"), 1.0);
            assert_eq!(metrics.imbalance(), 0.0);
        }
    }
}

#[test]
fn no_filter_reaches_further_than_the_rules() {
    let gateway = start(&own_places());
    for (version, refusal) in [(V5, DENIED), (V311, 0x80)] {
        let mut client = Client::connect(&gateway, version, "d1");
        for filter in [
            "dev/d1/#",
            "dev/d1/+",
            "public/+/a",
            "$share/g/public/#",
            "dev/d1",
        ] {
            assert_eq!(client.subscribe(filter, 1), 1, "{filter}");
        }
        for filter in [
            "#",
            "+/+",
            "+/#",
            "dev/#",
            "dev/+/state",
            "dev/d2/#",
            "+/d1/state",
            "$SYS/#",
            "$share/g/#",
            "$share/dev/d1/#",
            "$share/g/dev/d2/x",
            "/dev/d1/#",
        ] {
            assert_eq!(client.subscribe(filter, 1), refusal, "{filter}");
        }
        client.ping();
    }
    assert_eq!(denied(&gateway, "subscribe"), 24.0);
}

#[test]
fn a_client_id_widens_no_rule_and_nul_ends_the_connection() {
    let gateway = start(&own_places());
    for id in ["+", "#", "d1/#", "+/+"] {
        let mut client = Client::connect(&gateway, V5, id);
        assert_eq!(client.subscribe(&format!("dev/{id}"), 1), DENIED, "{id}");
        assert_eq!(client.subscribe("dev/d1/x", 1), DENIED, "{id}");
        assert_eq!(publish(&mut client, "dev/d1/x"), DENIED, "{id}");
    }
    let mut client = Client::connect(&gateway, V5, "d1");
    let long = format!("dev/d2/{}", "x".repeat(65_000));
    assert_eq!(publish(&mut client, &long), DENIED);
    client.send(&Publish::qos1(9, "dev/d1/\0", b"x").encode(V5));
    client.expect_end(&[0x81, 0x82, 0x90], "no topic holds NUL");
}

#[test]
fn a_will_to_a_forbidden_topic_keeps_its_client_out_and_takes_nothing_over() {
    let gateway = start(&own_places());
    let mut first = Client::connect(&gateway, V5, "d1");
    for (version, refusal) in [(V5, DENIED), (V311, 5)] {
        for topic in ["dev/d2/gone", "$SYS/gone"] {
            let mut client = Client::dial(gateway.mqtt(), version);
            let will = Some(Will { topic, ..NO_WILL });
            client.send(
                &Connect {
                    will,
                    ..Connect::new(version, "d1")
                }
                .encode(),
            );
            assert_eq!(client.expect(CONNACK).reason(), refusal, "{topic}");
            assert_eq!(client.packet(), None);
        }
    }
    first.ping();
    let will = Some(Will {
        topic: "dev/d1/gone",
        ..NO_WILL
    });
    let connect = Connect {
        will,
        ..Connect::new(V5, "d1")
    };
    drop(Client::connect_to(gateway.mqtt(), connect));
}

#[test]
fn what_may_be_published_and_not_kept_is_refused_whole() {
    let rules = rule("allow", &["publish"], &["a/#"])
        + &rule("allow", &["retain"], &["a/kept"])
        + &rule("allow", &["subscribe"], &["#"]);
    let gateway = start(&rules);
    let mut client = Client::connect(&gateway, V5, "d1");
    let retained = |topic| Publish {
        retain: true,
        ..Publish::qos1(0, topic, b"x")
    };
    assert_ne!(client.announce(retained("a/kept")), DENIED);
    assert_eq!(client.announce(retained("a/other")), DENIED);
    assert_ne!(client.announce(Publish::qos1(0, "a/other", b"x")), DENIED);
    assert_eq!(denied(&gateway, "retain"), 1.0);
    let mut reader = Client::connect(&gateway, V5, "reader").subscribed("a/#", 1);
    let kept = reader.receive();
    assert_eq!((&*kept.topic, kept.retain), ("a/kept", true));
    assert_ne!(client.announce(Publish::qos1(0, "a/last", b"last")), DENIED);
    assert_eq!(reader.receive_until(b"last"), [], "nothing else was kept");
}

#[test]
fn whoever_may_not_receive_is_passed_over_by_every_way_to_it() {
    let rules = format!(
        "{}{}{}",
        rule("deny", &["receive"], &["a/secret/#"]) + "client = \"guest*\"\n",
        rule("allow", &["publish", "retain"], &["#"]),
        rule("allow", &["subscribe", "receive"], &["#"]),
    );
    let gateway = start(&rules);
    let mut host = Client::connect(&gateway, V5, "host");
    let retained = Publish {
        retain: true,
        ..Publish::qos1(0, "a/secret/kept", b"kept")
    };
    assert_ne!(host.announce(retained), DENIED);
    let mut guests: Vec<_> = (0..4)
        .map(|n| Client::connect(&gateway, V5, &format!("guest{n}")).subscribed("a/#", 1))
        .collect();
    let mut member = Client::connect(&gateway, V5, "member").subscribed("$share/g/a/#", 1);
    for guest in &mut guests {
        assert_eq!(guest.subscribe("$share/g/a/#", 1), 1);
    }
    for number in 0..10 {
        let payload = number.to_string();
        host.announce(Publish::qos1(0, "a/secret/x", payload.as_bytes()));
        assert_eq!(
            member.receive().payload,
            payload.as_bytes(),
            "no guest has its turn"
        );
    }
    // A will goes the same way.
    let will = Some(Will {
        topic: "a/secret/will",
        ..NO_WILL
    });
    let connect = Connect {
        will,
        ..Connect::new(V5, "dying")
    };
    Client::connect_to(gateway.mqtt(), connect).0.reset();
    assert_eq!(member.receive().topic, "a/secret/will");
    for (number, guest) in guests.iter_mut().enumerate() {
        let topic = format!("a/open/{number}");
        host.announce(Publish::qos1(0, &topic, b"last"));
        let before = guest.receive_until(b"last");
        assert!(
            before.iter().all(|one| !one.topic.starts_with("a/secret")),
            "{before:?}"
        );
    }
    assert!(
        denied(&gateway, "receive") >= 4.0 * 11.0,
        "each guest, each message"
    );
}

#[test]
fn rules_look_at_the_qos_and_grant_a_lower_one() {
    let rules = rule("allow", &["publish", "subscribe"], &["a"]) + "qos_max = 1\n";
    let gateway = start(&rules);
    let mut client = Client::connect(&gateway, V5, "d1");
    assert_eq!(client.subscribe("a", 2), 1);
    assert_ne!(publish(&mut client, "a"), DENIED);
    client.send(&Publish::qos2(7, "a", b"x").encode(V5));
    assert_eq!(client.answer(PUBREC).reason(), DENIED);
}

#[test]
fn users_are_told_apart_and_an_assigned_id_has_its_own_place() {
    let rules = rule("allow", &["publish"], &["all/#"])
        + "user = \"ann\"\n"
        + &rule("allow", &["publish", "subscribe"], &["%u/#", "dev/%c"]);
    let gateway = start(&rules);
    let connect = |user| Connect {
        user,
        ..Connect::new(V5, "d1")
    };
    for (user, topic, is_allowed) in [
        (Some("ann"), "all/x", true),
        (Some("ann"), "ann/x", true),
        (Some("bob"), "all/x", false),
        (Some("bob"), "ann/x", false),
        (Some("bob"), "bob/x", true),
        (None, "all/x", false),
        (None, "/x", false),
    ] {
        let mut client = Client::connect_to(gateway.mqtt(), connect(user)).0;
        assert_eq!(
            publish(&mut client, topic) != DENIED,
            is_allowed,
            "{user:?} {topic}"
        );
    }
    let (mut client, connack) = Client::connect_to(gateway.mqtt(), Connect::new(V5, ""));
    let id = &connack.connack_properties()[&0x12];
    let topic = format!("dev/{}", String::from_utf8_lossy(&id[2..]));
    assert_ne!(publish(&mut client, &topic), DENIED);
    assert_eq!(publish(&mut client, "dev/"), DENIED);
}

#[test]
fn the_command_line_tells_the_decision_and_its_rule() {
    let rules = rule("deny", &["publish"], &["a/secret"])
        + &rule("allow", &["publish", "subscribe"], &["a/#", "dev/%c"])
        + "user = \"ann\"\ngroup = \"ops\"\nclaims = { site = \"north\" }\n";
    let path = config_file(&rules).display().to_string();
    let config = config_file(&format!("[access]\nrules_file = {path:?}\n"));
    let config = config.display().to_string();
    let ask = |words: &str| {
        let fixed = ["acl", "test", "--config", &config, "--client", "d1"];
        let words: Vec<&str> = fixed.into_iter().chain(words.split(' ')).collect();
        run_to_end(&words)
    };
    let who = "--user ann --group ops --claim site=north";
    let allowed = ask(&format!("{who} publish a/b"));
    assert_eq!(allowed.code, Some(0), "{}", allowed.stderr);
    assert!(
        allowed
            .stdout
            .starts_with("publish is allowed: rule 2 says so"),
        "{}",
        allowed.stdout
    );
    let denied = ask(&format!("{who} publish a/secret --qos 1"));
    assert_eq!(denied.code, Some(1));
    assert!(
        denied
            .stdout
            .starts_with("publish is denied: rule 1 says so"),
        "{}",
        denied.stdout
    );
    assert_eq!(ask(&format!("{who} publish a/b --retain")).code, Some(1));
    assert_eq!(ask("--user bob publish a/b").code, Some(1));
    assert_eq!(ask(&format!("{who} subscribe $share/g/a/#")).code, Some(0));
    assert_eq!(ask(&format!("{who} subscribe +/#")).code, Some(1));
    assert_eq!(ask("walk a/b").code, Some(2));
    std::fs::write(&path, "[[rules]]\n").expect("the file can be written");
    let unusable = ask("publish a/b");
    assert_eq!(unusable.code, Some(2), "no answer is not a no");
    assert!(
        unusable.stderr.contains("neither allows nor denies"),
        "{}",
        unusable.stderr
    );
}
