//! Rules that change: sessions that come back to others, and clients that are there meanwhile.

use crate::support::client::Client;
use crate::support::gateway::{Launch, config_file};
use crate::support::property::*;
use crate::support::rules::*;
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;

#[test]
fn a_session_comes_back_to_what_its_client_may_have_now() {
    let rules = rule("allow", &["publish"], &["#"])
        + &rule("allow", &["subscribe"], &["all"])
        + &rule("allow", &["subscribe"], &["ann"])
        + "user = \"ann\"\n";
    let gateway = start(&rules);
    let expiry = four(SESSION_EXPIRY, 60);
    let connect = |user| Connect {
        clean: false,
        properties: &expiry,
        user,
        ..Connect::new(V5, "d1")
    };
    let ann = Client::connect_to(gateway.mqtt(), connect(Some("ann"))).0;
    ann.subscribed("all", 1).subscribed("ann", 1).leave(0, &[]);
    let (mut bob, connack) = Client::connect_to(gateway.mqtt(), connect(Some("bob")));
    assert_eq!(connack.body[0] & 1, 1, "the session is there");
    let mut host = Client::connect(&gateway, V5, "host");
    host.announce(Publish::qos1(0, "ann", b"for ann"));
    host.announce(Publish::qos1(0, "all", b"last"));
    assert_eq!(bob.receive_until(b"last"), []);
    assert_eq!(gateway.metrics().sum("tributary_access_revoked_total"), 1.0);
}

#[test]
fn a_reload_applies_to_those_who_are_connected() {
    const CLIENTS: usize = 600; // More than one turn renews.
    let open = rule("allow", &["publish", "subscribe"], &["#"]);
    let (gateway, file) = start_with(&open, "");
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|n| Client::connect(&gateway, V5, &format!("d{n}")))
        .collect();
    for client in &mut clients {
        assert_eq!(client.subscribe("dev/#", 1), 1);
        assert_eq!(client.subscribe("news", 1), 1);
    }
    let will = Some(Will {
        topic: "dev/dying",
        ..NO_WILL
    });
    let connect = Connect {
        will,
        ..Connect::new(V5, "dying")
    };
    let dying = Client::connect_to(gateway.mqtt(), connect).0;
    let mut host = Client::connect(&gateway, V5, "host");
    assert_ne!(publish(&mut host, "dev/d1"), DENIED);
    let narrow = rule("allow", &["publish", "subscribe"], &["news", "dev/%c"]);
    std::fs::write(&file, narrow).expect("the file can be written");
    gateway.reload();
    gateway.wait_until("every client has lost one subscription", |metrics| {
        metrics.sum("tributary_access_revoked_total") == CLIENTS as f64
    });
    gateway.wait_for_line(&["a subscription is taken away", "dev/#"]);
    assert_eq!(publish(&mut host, "dev/d1"), DENIED);
    dying.reset();
    gateway.wait_for_connections(CLIENTS + 1);
    assert_ne!(host.announce(Publish::qos1(0, "news", b"last")), DENIED);
    for client in &mut clients {
        let before = client.receive_until(b"last");
        let topics: Vec<&str> = before.iter().map(|one| &*one.topic).collect();
        assert_eq!(topics, ["dev/d1"], "from before the reload, and no will");
    }
    // What is wrong changes nothing.
    std::fs::write(&file, "[[rules]]\nallow = [\"publsh\"]\n").expect("it can be written");
    gateway.reload();
    gateway.wait_for_line(&["everything stays as it was", "publsh"]);
    assert_eq!(publish(&mut host, "dev/d1"), DENIED);
    assert_ne!(publish(&mut host, "dev/host"), DENIED);
}

#[test]
fn a_session_that_lasts_loses_its_subscription_for_good() {
    let folder = config_file("").with_extension("store");
    let store = format!(
        "[store]\nkind = \"local\"\npath = {:?}\n",
        folder.display().to_string()
    );
    let open = rule("allow", &["publish", "subscribe"], &["#"]);
    let (gateway, file) = start_with(&open, &store);
    let (client, _) = Client::resume(&gateway, V5, "d1");
    client
        .subscribed("dev/#", 1)
        .subscribed("news", 1)
        .leave(0, &[]);
    let narrow = rule("allow", &["publish", "subscribe"], &["news"])
        + &rule("allow", &["publish"], &["dev/#"]);
    std::fs::write(&file, narrow).expect("the file can be written");
    gateway.reload();
    gateway.wait_until("a subscription is taken away", |metrics| {
        metrics.sum("tributary_access_revoked_total") == 1.0
    });
    // A SUBACK waits for the disk, and with it for what its shard wrote before.
    let (client, was_there) = Client::resume(&gateway, V5, "d1");
    assert!(was_there);
    let client = client.subscribed("news", 1);
    gateway.kill();
    drop((client, gateway));
    let config = format!("{LOCAL_ONLY}{store}");
    let gateway = Launch::default().config(&config).start();
    assert_eq!(gateway.metrics().sum("tributary_subscriptions"), 1.0);
    let (mut client, was_there) = Client::resume(&gateway, V5, "d1");
    assert!(was_there);
    client.announce(Publish::qos1(0, "dev/x", b"unseen"));
    client.announce(Publish::qos1(0, "news", b"last"));
    assert_eq!(client.receive_until(b"last"), []);
    drop(gateway);
    let _ = std::fs::remove_dir_all(folder);
}
