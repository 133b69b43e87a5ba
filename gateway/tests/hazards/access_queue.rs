//! What waits for a client when the rules change: it goes with the right to it, and what was sent
//! already stays.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch, config_file};
use crate::support::property::*;
use crate::support::rules::*;
use crate::support::subscriber::{LASTING_SECS, LOCAL_ONLY};
use crate::support::wire::*;

const ACTIONS: [&str; 3] = ["publish", "subscribe", "receive"];

fn everything() -> String {
    rule("allow", &ACTIONS, &["#"])
}

/// Everything, but nobody is handed what is secret.
fn no_secrets() -> String {
    rule("deny", &["receive"], &["a/secret"]) + &everything()
}

/// What waits in sessions.
fn wait_for_queued(gateway: &Gateway, count: usize) {
    gateway.wait_until(&format!("{count} messages wait"), |metrics| {
        metrics.sum("tributary_queued_messages") == count as f64
    });
}

/// The messages of sessions that were dropped since their clients may not have them.
fn refused(gateway: &Gateway) -> f64 {
    let name = "tributary_deliveries_dropped_total";
    gateway.metrics().labelled(name, "reason", "refused")
}

fn send_some(gateway: &Gateway) {
    let mut host = Client::connect(gateway, V5, "host");
    for topic in ["a/secret", "a/open", "a/secret", "a/open"] {
        host.announce(Publish::qos1(0, topic, b"x"));
    }
}

/// What a client has had up to a last message that is sent now.
fn topics(gateway: &Gateway, client: &mut Client) -> Vec<String> {
    let mut host = Client::connect(gateway, V5, "host");
    host.announce(Publish::qos1(0, "a/open", b"last"));
    let had = client.receive_until(b"last");
    had.into_iter().map(|one| one.topic).collect()
}

fn reload(gateway: &Gateway, file: &std::path::Path, rules: &str) {
    std::fs::write(file, rules).expect("the file can be written");
    gateway.reload();
}

#[test]
fn a_reload_drops_what_waits_for_one_who_may_not_have_it_any_more() {
    let (gateway, file) = start_with(&everything(), "");
    let (away, _) = Client::resume(&gateway, V5, "away");
    away.subscribed("a/#", 1).leave(0, &[]);
    send_some(&gateway);
    wait_for_queued(&gateway, 4);
    reload(&gateway, &file, &no_secrets());
    wait_for_queued(&gateway, 2);
    assert_eq!(refused(&gateway), 2.0);
    assert_eq!(denied(&gateway, "receive"), 2.0);
    let (mut back, was_there) = Client::resume(&gateway, V5, "away");
    assert!(was_there);
    assert_eq!(topics(&gateway, &mut back), ["a/open", "a/open"]);
}

#[test]
fn what_was_sent_before_a_reload_stays_and_what_waits_behind_it_goes() {
    let (gateway, file) = start_with(&everything(), "");
    let properties = [two(RECEIVE_MAXIMUM, 1), four(SESSION_EXPIRY, LASTING_SECS)].concat();
    let connect = Connect {
        properties: &properties,
        ..Connect::new(V5, "slow")
    };
    let (slow, _) = Client::connect_to(gateway.mqtt(), connect);
    let mut slow = slow.subscribed("a/#", 1);
    send_some(&gateway);
    let first = slow.receive_in_silence();
    assert_eq!(first.topic, "a/secret");
    wait_for_queued(&gateway, 3);
    reload(&gateway, &file, &no_secrets());
    wait_for_queued(&gateway, 2);
    slow.send(&frame(0x40, &first.packet_id.to_be_bytes()));
    assert_eq!(topics(&gateway, &mut slow), ["a/open", "a/open"]);
    assert_eq!(refused(&gateway), 1.0);
}

#[test]
fn a_subscription_that_is_taken_away_takes_along_what_waits_by_it_alone() {
    let open = rule("allow", &["publish", "subscribe"], &["#"]);
    let (gateway, file) = start_with(&open, "");
    let (away, _) = Client::resume(&gateway, V5, "away");
    away.subscribed("a/secret", 1)
        .subscribed("a/open", 1)
        .leave(0, &[]);
    send_some(&gateway);
    wait_for_queued(&gateway, 4);
    let narrow = rule("allow", &["publish"], &["#"]) + &rule("allow", &["subscribe"], &["a/open"]);
    reload(&gateway, &file, &narrow);
    wait_for_queued(&gateway, 2);
    let (mut back, _) = Client::resume(&gateway, V5, "away");
    assert_eq!(topics(&gateway, &mut back), ["a/open", "a/open"]);
    assert_eq!(gateway.metrics().sum("tributary_access_revoked_total"), 1.0);
    assert_eq!(denied(&gateway, "receive"), 0.0, "no rule speaks of it");
}

#[test]
fn a_session_on_disk_is_judged_when_its_client_comes_back() {
    let folder = config_file("").with_extension("store");
    let store = format!(
        "[store]\nkind = \"local\"\npath = {:?}\n",
        folder.display().to_string()
    );
    let gateway = Launch::default()
        .config(&format!("{LOCAL_ONLY}{store}"))
        .start();
    let (away, _) = Client::resume(&gateway, V5, "away");
    away.subscribed("a/#", 1).leave(0, &[]);
    // With a store an acknowledgement says that the session on disk has it.
    send_some(&gateway);
    gateway.kill();
    drop(gateway);
    let (gateway, _) = start_with(&no_secrets(), &store);
    assert_eq!(gateway.metrics().sum("tributary_queued_messages"), 4.0);
    let (mut back, was_there) = Client::resume(&gateway, V5, "away");
    assert!(was_there);
    assert_eq!(topics(&gateway, &mut back), ["a/open", "a/open"]);
    assert_eq!(refused(&gateway), 2.0);
    // A SUBACK waits for the disk, and with it for what its shard wrote before.
    let back = back.subscribed("a/#", 1);
    gateway.kill();
    drop((back, gateway));
    let gateway = Launch::default()
        .config(&format!("{LOCAL_ONLY}{store}"))
        .start();
    assert_eq!(
        gateway.metrics().sum("tributary_queued_messages"),
        0.0,
        "nor is it on disk"
    );
    drop(gateway);
    let _ = std::fs::remove_dir_all(folder);
}
