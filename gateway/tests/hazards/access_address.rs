//! Rules about where clients come from: told by a balancer, asked of the socket, or not known.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch, config_file, run_to_end};
use crate::support::rules::*;
use crate::support::wire::*;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

const LOCAL: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";
const SHARDS: usize = 4;

/// A rule for those who come from there.
fn from(effect: &str, networks: &[&str], topics: &[&str]) -> String {
    rule(effect, &["publish"], topics) + &format!("address = {networks:?}\n")
}

fn listening(listeners: &str, rules: &str) -> (Gateway, std::path::PathBuf) {
    let file = config_file(rules);
    let path = file.display().to_string();
    let text = format!("{listeners}[access]\nrules_file = {path:?}\n{LOCAL}");
    (
        Launch::default().listeners(&text).shards(SHARDS).start(),
        file,
    )
}

/// Whether a client may publish to the topic of its own name.
fn may(client: &mut Client, topic: &str) -> bool {
    publish(client, topic) != DENIED
}

#[test]
fn what_a_balancer_tells_is_what_rules_go_by() {
    let rules = from("deny", &["10.1.0.0/16", "2001:db8:1::/48"], &["#"])
        + &from("allow", &["10.0.0.0/8", "2001:db8::/32"], &["#"]);
    let listener = "[listen.mqtt]\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"required\"\n\
        proxy_from = [\"127.0.0.1\"]\n";
    let (gateway, _) = listening(listener, &rules);
    let cases = [
        ("TCP4 10.2.3.4 127.0.0.1", true),
        ("TCP4 10.1.3.4 127.0.0.1", false),
        ("TCP4 192.0.2.1 127.0.0.1", false),
        ("TCP6 2001:db8:2::1 ::1", true),
        ("TCP6 2001:db8:1::1 ::1", false),
        ("TCP6 ::ffff:10.2.3.4 ::1", true),
        ("TCP6 ::ffff:10.1.3.4 ::1", false),
    ];
    // Several client ids, so that some are at home on another shard than where they come in.
    for (n, (told, is_allowed)) in cases.into_iter().cycle().take(28).enumerate() {
        let id = format!("d{n}");
        let mut client = Client::dial(gateway.mqtt(), V5);
        let header = format!("PROXY {told} 4000 1883\r\n").into_bytes();
        client.send(&[header, Connect::new(V5, &id).encode()].concat());
        assert_eq!(client.expect(CONNACK).reason(), 0);
        assert_eq!(may(&mut client, "a"), is_allowed, "{told}");
    }
}

#[test]
fn a_socket_is_asked_where_it_comes_from_and_one_without_address_gains_nothing() {
    let rules = from("allow", &["127.0.0.0/8"], &["loopback"])
        + &from("deny", &["192.0.2.0/24"], &["guarded"])
        + &rule("allow", &["publish"], &["guarded", "open"]);
    let path = config_file("").with_extension("sock");
    let listeners = format!(
        "[listen.mqtt]\naddress = \"127.0.0.1:0\"\n[listen.local]\naddress = \"unix:{}\"\n",
        path.display()
    );
    let (gateway, _) = listening(&listeners, &rules);
    for n in 0..16 {
        let mut client = Client::connect(&gateway, V5, &format!("d{n}"));
        for topic in ["loopback", "guarded", "open"] {
            assert!(may(&mut client, topic), "{topic}");
        }
    }
    for n in 0..8 {
        let mut socket = UnixStream::connect(&path).expect("it listens");
        let mut told = Vec::new();
        socket
            .write_all(&Connect::new(V5, &format!("u{n}")).encode())
            .expect("it is read");
        for topic in ["loopback", "guarded", "open"] {
            let publish = Publish::qos1(1, topic, b"x").encode(V5);
            socket.write_all(&publish).expect("it is read");
        }
        socket.write_all(&[0xE0, 0]).expect("it is read");
        socket.read_to_end(&mut told).expect("it is answered");
        let reasons = puback_reasons(&told);
        let denied: Vec<bool> = reasons.iter().map(|reason| *reason == DENIED).collect();
        assert_eq!(denied, [true, true, false], "{told:x?}");
    }
}

/// The reasons of the PUBACKs behind a CONNACK.
fn puback_reasons(mut bytes: &[u8]) -> Vec<u8> {
    let mut reasons = Vec::new();
    while let [kind, length, rest @ ..] = bytes {
        let (body, next) = rest.split_at(usize::from(*length));
        if *kind >> 4 == PUBACK {
            reasons.push(body.get(2).copied().unwrap_or(0));
        }
        bytes = next;
    }
    reasons
}

#[test]
fn a_reload_that_begins_to_ask_knows_nothing_of_those_who_are_here_and_keeps_what_it_learns() {
    let open = rule("allow", &["publish"], &["#"]);
    let (gateway, file) = start_with(&open, "");
    let mut early = Client::connect(&gateway, V5, "early");
    assert!(may(&mut early, "a"));
    let mut reload_count = 0;
    let mut put = |rules: &str, probe: &mut Client, topic| {
        std::fs::write(&file, rules).expect("the file can be written");
        gateway.reload();
        reload_count += 1;
        // Each shard has a line of its own.
        let all_have_it = || {
            let log = gateway.whole_log();
            let line = "the new rules apply to every client";
            (log.matches(line).count() == SHARDS * reload_count).then_some(())
        };
        let applies = crate::support::ask_until(crate::support::DEADLINE, all_have_it);
        assert!(applies.is_some() && may(probe, topic), "{rules}");
    };
    let marked = |name: &str| rule("allow", &["publish"], &[name]);
    put(
        &(from("allow", &["127.0.0.1"], &["a"]) + &marked("one")),
        &mut early,
        "one",
    );
    gateway.wait_for_line(&["rules ask for addresses that none asked for before"]);
    assert!(!may(&mut early, "a"), "where it comes from was not asked");
    let mut late: Vec<_> = (0..8)
        .map(|n| Client::connect(&gateway, V5, &format!("late{n}")))
        .collect();
    assert!(late.iter_mut().all(|client| may(client, "a")));
    // Other networks, for the same clients.
    put(
        &(from("allow", &["10.0.0.0/8"], &["a"]) + &marked("two")),
        &mut early,
        "two",
    );
    for client in &mut late {
        assert!(may(client, "two") && !may(client, "a"));
    }
    put(
        &(from("allow", &["127.0.0.0/8"], &["a"]) + &marked("three")),
        &mut early,
        "three",
    );
    for client in &mut late {
        assert!(may(client, "three") && may(client, "a"));
    }
    assert!(!may(&mut early, "a"));
    drop(early);
    gateway.wait_for_connections(8);
    let mut early = Client::connect(&gateway, V5, "early");
    assert!(may(&mut early, "a"), "it has come again");
}

#[test]
fn acl_test_goes_by_an_address_too() {
    let file = config_file(
        &from("allow", &["10.0.0.0/8"], &["a"]).replace("[[rules]]", "[[access.rules]]"),
    );
    let path = file.display().to_string();
    let said = |rest: &[&str]| {
        let line = ["acl", "test", "--config", &path, "--client", "d1"];
        let ended = run_to_end(&[&line, rest, &["publish", "a"]].concat());
        (ended.code, ended.stdout)
    };
    assert_eq!(said(&["--address", "10.1.2.3"]).0, Some(0));
    let (code, text) = said(&["--address", "192.0.2.1"]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("the address is in none of 10.0.0.0/8"),
        "{text}"
    );
    let (code, text) = said(&[]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("it is not known where the client comes from"),
        "{text}"
    );
    assert_eq!(said(&["--address", "10.0.0.0/8"]).0, Some(2));
}
