//! Rules that come in a token or from a web service: asked before those of the file, and refused
//! whole when anything about them is wrong.

use std::net::TcpListener;
use std::path::PathBuf;

use crate::support::client::Client;
use crate::support::doorway::*;
use crate::support::gateway::{Gateway, Launch, config_file, run_to_end};
use crate::support::rules::*;
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;

const BAD: u8 = 0x86;
const LISTENER: &str = "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n";

/// A gateway that takes rules out of tokens and has these itself, in a file of their own.
fn start(rules: &str) -> (Gateway, PathBuf) {
    let file = config_file(rules);
    let path = file.display().to_string();
    let text = format!(
        "{LISTENER}auth = [\"jwt\"]\n{JWT}rules_claim = \"acl\"\n\
         [access]\nrules_file = {path:?}\n{LOCAL_ONLY}"
    );
    (Launch::default().listeners(&text).start(), file)
}

/// A token whose rules are these, as JSON.
fn token_with(acl: &str) -> String {
    let later = now_unix_sec() + 600;
    let claims = format!("{{\"sub\":\"ann\",\"exp\":{later},\"acl\":{acl}}}");
    token("{\"alg\":\"HS256\"}", &claims, SECRET)
}

fn bring(gateway: &Gateway, client_id: &str, acl: &str) -> Client {
    let token = token_with(acl);
    let connect = shown(V5, client_id, Some("ann"), Some(&token));
    Client::connect_to(gateway.mqtt(), connect).0
}

const OWN_PLACE: &str =
    r##"[{"allow": ["publish", "subscribe"], "topics": ["dev/%c/#"], "qos_max": 1}]"##;

#[test]
fn a_token_allows_what_its_client_needs_and_the_file_need_not_know() {
    let (gateway, _) = start("");
    for id in ["d1", "d2", "d3", "d4"] {
        let mut client = bring(&gateway, id, OWN_PLACE);
        let own = format!("dev/{id}/x");
        assert_eq!(client.subscribe(&own, 1), 1);
        assert_eq!(client.subscribe("dev/+/x", 1), DENIED);
        assert_ne!(publish(&mut client, &own), DENIED);
        assert_eq!(publish(&mut client, "dev/d9/x"), DENIED);
        assert_eq!(client.receive().topic, own);
        client.send(&Publish::qos2(7, &own, b"x").encode(V5));
        assert_eq!(
            client.answer(PUBREC).reason(),
            DENIED,
            "it says nothing of QoS 2"
        );
    }
    let mut without = Client::connect_to(
        gateway.mqtt(),
        shown(V5, "d5", Some("ann"), Some(&token_with("[]"))),
    );
    assert_eq!(publish(&mut without.0, "dev/d5/x"), DENIED);
}

#[test]
fn a_token_denies_what_the_file_allows_and_the_rest_is_as_the_file_says() {
    let open = rule("allow", &["publish", "subscribe"], &["a/#"]);
    let (gateway, _) = start(&open);
    let narrow = r##"[{"deny": ["publish"], "topics": ["a/secret/#"]},
        {"deny": ["subscribe"], "topics": ["a/#"], "user": "bob"},
        {"allow": ["publish"], "topics": ["#"], "group": "ops"}]"##;
    let mut client = bring(&gateway, "d1", narrow);
    for (topic, is_allowed) in [("a/x", true), ("a/secret/x", false), ("b", false)] {
        assert_eq!(publish(&mut client, topic) != DENIED, is_allowed, "{topic}");
    }
    assert_eq!(client.subscribe("a/#", 1), 1, "she is not bob");
    // A will goes the same way.
    let token = token_with(narrow);
    let will = Some(Will {
        topic: "a/secret/gone",
        ..NO_WILL
    });
    let mut dying = Client::dial(gateway.mqtt(), V5);
    let connect = Connect {
        will,
        ..shown(V5, "dying", Some("ann"), Some(&token))
    };
    dying.send(&connect.encode());
    assert_eq!(dying.expect(CONNACK).reason(), DENIED);
}

#[test]
fn rules_that_cannot_be_read_keep_their_client_out() {
    let (gateway, _) = start(&rule("allow", &["publish", "subscribe"], &["#"]));
    let fine = r#"{"allow":["publish"],"topics":["a"]}"#;
    let many = vec![fine; 65].join(",");
    let long = format!(
        "[{{\"allow\":[\"publish\"],\"topics\":[\"{}\"]}}]",
        "a".repeat(4_096)
    );
    let lists = [
        format!("[{fine},{{\"allow\":[\"publish\"],\"topics\":[\"a\"],\"topic\":\"b\"}}]"),
        format!("[{many}]"),
        long,
        fine.to_string(),
        "\"publish\"".to_string(),
        "null".to_string(),
        r#"[{"topics":["a"]}]"#.to_string(),
        r#"[{"allow":["publish"],"topics":["a#"]}]"#.to_string(),
        r#"[{"allow":["publish"],"topics":["%x"]}]"#.to_string(),
        r#"[{"allow":["publish"],"topics":["a"],"qos_max":"1"}]"#.to_string(),
    ];
    for acl in &lists {
        let token = token_with(acl);
        assert_eq!(
            knock(&gateway, V5, "d1", Some("ann"), Some(&token)),
            BAD,
            "{acl}"
        );
        let log = gateway.whole_log();
        assert!(!log.contains(&token), "no token in a line");
    }
    let metrics = gateway.metrics();
    let refused = "tributary_auth_refused_total";
    let by_claims = metrics.labelled(refused, "reason", "token_claims");
    assert_eq!(by_claims, lists.len() as f64);
    gateway.wait_for_line(&["rules that came along cannot be read", "rule 2", "topic"]);
    assert_eq!(
        knock(
            &gateway,
            V5,
            "d1",
            Some("ann"),
            Some(&token_with(OWN_PLACE))
        ),
        0
    );
}

#[test]
fn a_reload_changes_the_file_and_not_what_a_client_brought() {
    let (gateway, file) = start(&rule("allow", &["publish"], &["old"]));
    let mut client = bring(&gateway, "d1", OWN_PLACE);
    assert_ne!(publish(&mut client, "old"), DENIED);
    std::fs::write(&file, rule("allow", &["publish"], &["new"])).expect("it can be written");
    gateway.reload();
    gateway.wait_for_line(&["[access] is renewed"]);
    // The rest of the shards may be a turn behind.
    let renewed = || (publish(&mut client, "new") != DENIED).then_some(());
    assert!(crate::support::ask_until(crate::support::DEADLINE, renewed).is_some());
    assert_eq!(publish(&mut client, "old"), DENIED);
    assert_ne!(publish(&mut client, "dev/d1/x"), DENIED);
    assert_eq!(publish(&mut client, "dev/d2/x"), DENIED);
}

#[test]
fn a_token_asks_where_its_client_comes_from_and_a_reload_remembers_it() {
    let (gateway, file) = start(&rule("allow", &["publish"], &["old"]));
    let here = r#"[{"allow":["publish"],"topics":["here"],"address":["127.0.0.0/8"]},
        {"allow":["publish"],"topics":["there"],"address":["192.0.2.0/24"]}]"#;
    // Several, so that some are at home on another shard than where they come in.
    let mut clients: Vec<_> = (0..8)
        .map(|number| bring(&gateway, &format!("d{number}"), here))
        .collect();
    let check = |clients: &mut Vec<Client>| {
        for client in clients {
            assert_ne!(publish(client, "here"), DENIED);
            assert_eq!(publish(client, "there"), DENIED);
        }
    };
    check(&mut clients);
    std::fs::write(&file, rule("allow", &["publish"], &["new"])).expect("it can be written");
    gateway.reload();
    gateway.wait_for_line(&["[access] is renewed"]);
    for client in &mut clients {
        let renewed = || (publish(client, "new") != DENIED).then_some(());
        assert!(crate::support::ask_until(crate::support::DEADLINE, renewed).is_some());
    }
    check(&mut clients);
}

/// What a client may publish to whom a web service gives these rules; `None` when it is refused.
fn by_hook(gateway: &Gateway, hook: &TcpListener, id: &str, rules: &str) -> Result<Client, u8> {
    let mut client = Client::dial(gateway.mqtt(), V5);
    client.send(&shown(V5, id, Some("ann"), Some("x")).encode());
    let (stream, _) = hook.accept().expect("it is asked");
    let body = format!("{{\"result\":\"allow\",\"user\":\"ann\",\"rules\":{rules}}}");
    answer(stream, "200 OK", &body);
    match client.expect(CONNACK).reason() {
        0 => Ok(client),
        refusal => Err(refusal),
    }
}

#[test]
fn a_web_service_brings_rules_too_and_none_where_nobody_asks_them() {
    let hook = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = hook.local_addr().expect("it is bound");
    let asks = format!(
        "{LISTENER}auth = [\"http\"]\n[auth.http]\nurl = \"http://{url}/who\"\n\
         timeout_millis = 30_000\n"
    );
    let rules = format!("{asks}[access]\ndefault = \"deny\"\n{LOCAL_ONLY}");
    let gateway = Launch::default().listeners(&rules).start();
    let mut client = by_hook(&gateway, &hook, "d1", OWN_PLACE).expect("it is let in");
    assert_ne!(publish(&mut client, "dev/d1/x"), DENIED);
    assert_eq!(publish(&mut client, "dev/d2/x"), DENIED);
    let unreadable = by_hook(&gateway, &hook, "d2", "[{\"allow\":[]}]").err();
    assert_eq!(unreadable, Some(0x88), "as for any answer that is none");
    drop(gateway);

    let gateway = Launch::default()
        .listeners(&format!("{asks}{LOCAL_ONLY}"))
        .start();
    assert_eq!(
        by_hook(&gateway, &hook, "d1", OWN_PLACE).err(),
        Some(DENIED)
    );
    assert!(
        by_hook(&gateway, &hook, "d2", "null").is_ok(),
        "it brings none"
    );
    let refused = "tributary_auth_refused_total";
    assert_eq!(
        gateway
            .metrics()
            .labelled(refused, "reason", "rules_unasked"),
        1.0
    );
    gateway.wait_for_line(&["clients bring rules of their own", "add [access]"]);
}

#[test]
fn the_command_line_tries_the_rules_of_a_token() {
    let rules = "[access]\nrules = [{ allow = [\"publish\"], topics = [\"a/#\"] }]\n";
    let config = config_file(rules).display().to_string();
    let own = r##"[{"deny":["publish"],"topics":["a/secret"]}]"##;
    let file = config_file(own).display().to_string();
    let ask = |rules: &str, topic: &str| {
        run_to_end(&[
            "acl", "test", "--config", &config, "--client", "d1", "--rules", rules, "publish",
            topic,
        ])
    };
    for rules in [own, &format!("@{file}")] {
        let denied = ask(rules, "a/secret");
        assert_eq!(denied.code, Some(1), "{}", denied.stderr);
        assert!(
            denied.stdout.starts_with("publish is denied: own rule 1"),
            "{}",
            denied.stdout
        );
        let allowed = ask(rules, "a/b");
        assert_eq!(allowed.code, Some(0));
        let line =
            "  publish, own rule 1: none of [\"a/secret\"] matches\n  publish, rule 1: decides";
        assert!(allowed.stdout.contains(line), "{}", allowed.stdout);
    }
    let wrong = ask("[{\"allow\":[\"publsh\"],\"topics\":[\"a\"]}]", "a/b");
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong
            .stderr
            .contains("--rules: rule 1: \"publsh\" is no action"),
        "{}",
        wrong.stderr
    );
}
