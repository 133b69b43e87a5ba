//! More newcomers than the gateway can or may take: they are told so, and those who are in keep
//! their service.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::wire::*;

const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";
/// MQTT 3: Server unavailable.
const SERVER_UNAVAILABLE: u8 = 3;
const CONNECTS_PER_SEC: usize = 20;

fn with_budget() -> Gateway {
    let budget = format!("[overload]\nconnects_per_sec = {CONNECTS_PER_SEC}\n");
    Launch::default()
        .config(&(NULL_ROUTE.to_owned() + &budget))
        .start()
}

/// What a newcomer is told.
fn knock(gateway: &Gateway, version: u8, client_id: &str) -> (Client, u8) {
    let mut client = Client::dial(gateway.mqtt(), version);
    client.send(&Connect::new(version, client_id).encode());
    let reason = client.expect(CONNACK).reason();
    (client, reason)
}

#[test]
fn newcomers_over_the_budget_are_told_so_and_closed_and_clients_keep_their_service() {
    let gateway = with_budget();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    let mut told = [0, 0];
    for number in 0..20 * CONNECTS_PER_SEC {
        let version = [V5, V311][number % 2];
        let (mut client, reason) = knock(&gateway, version, &format!("newcomer{number}"));
        match (version, reason) {
            (_, 0) => client.ping(),
            (V5, SERVER_BUSY) | (V311, SERVER_UNAVAILABLE) => {
                told[number % 2] += 1;
                assert_eq!(client.packet(), None, "nothing comes after the refusal");
            }
            other => panic!("unexpected answer {other:?}"),
        }
        bystander.publish("bystander/says", b"served all the while");
    }
    assert!(
        told.iter().all(|count| *count > 0),
        "none was turned away: {told:?}"
    );
    let metrics = gateway.metrics();
    let total = f64::from(told[0] + told[1]);
    assert_eq!(
        metrics.labelled("tributary_shed_total", "reason", "rate"),
        total
    );
    assert_eq!(
        metrics.labelled("tributary_disconnects_total", "reason", "shed"),
        total
    );
    let lines = gateway.log().matches("overloaded: newcomers").count();
    assert!(
        (1..=4).contains(&lines),
        "{lines} lines about one overload of few shards"
    );
}

#[test]
fn whoever_was_turned_away_gets_in_once_the_storm_is_over() {
    let gateway = with_budget();
    let knocks = 10 * CONNECTS_PER_SEC;
    let mut inside = Vec::new();
    let mut outside = Vec::new();
    for number in 0..knocks {
        let client_id = format!("device{number}");
        match knock(&gateway, V5, &client_id) {
            (client, 0) => inside.push(client),
            _ => outside.push(client_id),
        }
    }
    assert!(!outside.is_empty(), "the budget did not hold");
    // Each tries again until it is in: the budget comes back by itself, without a restart.
    for client_id in &outside {
        loop {
            let (client, reason) = knock(&gateway, V5, client_id);
            if reason == 0 {
                inside.push(client);
                break;
            }
            assert_eq!(reason, SERVER_BUSY);
        }
    }
    gateway.wait_for_connections(knocks);
    inside.iter_mut().for_each(Client::ping);
    gateway.wait_until("the end of the overload", |metrics| {
        metrics.sum("tributary_overloaded") == 0.0
    });
    gateway.wait_for_line(&["overloaded no more"]);
}

#[test]
fn newcomers_stop_at_the_memory_bound_and_come_in_again_below_it() {
    // What the gateway has before its first client, a client's sockets, and a bound between.
    const CLIENTS: usize = 9_000;
    crate::budget::raise_descriptor_limit();
    let empty = Launch::default().config(NULL_ROUTE).start();
    let base = empty.metrics().sum("process_resident_memory_bytes") as usize;
    drop(empty);
    let bound = (base + (12 << 20)).max(64 << 20);
    let config = format!("{NULL_ROUTE}[overload]\nmemory_bytes_max = {bound}\n");
    let gateway = Launch::default().config(&config).start();
    let mut inside = Vec::new();
    let refused = (0..4 * CLIENTS).find(|number| {
        let (client, reason) = knock(&gateway, V5, &format!("device{number:010}"));
        inside.push(client);
        reason == SERVER_BUSY
    });
    assert!(
        refused.is_some(),
        "{} clients and no bound met",
        inside.len()
    );
    inside.pop();
    inside[0].ping();
    let metrics = gateway.metrics();
    assert!(metrics.labelled("tributary_shed_total", "reason", "memory") >= 1.0);
    inside.truncate(1);
    gateway.wait_until("memory below the bound", |metrics| {
        metrics.sum("tributary_overloaded") == 0.0
    });
    Client::connect(&gateway, V5, "newcomer").ping();
    inside[0].ping();
}
