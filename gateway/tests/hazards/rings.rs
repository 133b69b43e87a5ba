//! A low limit on open files makes a shard run many small rings: none of that may show outside.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::wire::*;

/// Far fewer descriptors than clients, so that each shard needs several tables.
const DESCRIPTORS_MAX: usize = 300;
/// Homes are drawn by chance: half of them and five deviations more fit three tables.
const CLIENTS: usize = 1300;

const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";

#[test]
fn many_rings_in_a_shard_hold_more_clients_than_one_table_and_serve_each() {
    let gateway = many_rings();
    let mut clients = fill(&gateway);
    for client in &mut clients {
        client.publish("a/b", b"through whichever ring");
        client.ping();
    }
    let metrics = gateway.metrics();
    let handed_over = metrics.sum("tributary_handed_over_total");
    assert_eq!(handed_over, metrics.sum("tributary_taken_over_total"));
    assert!(handed_over > 0.0, "some homes are on the other shard");
    drop(clients);
    gateway.wait_for_connections(0);
    fill(&gateway).iter_mut().for_each(Client::ping);
}

#[test]
fn one_client_too_many_is_told_so_and_the_next_gets_the_place_of_one_who_left() {
    let gateway = many_rings();
    let mut clients = fill(&gateway);
    let mut newcomer = Client::dial(gateway.mqtt(), V5);
    newcomer.send(&Connect::new(V5, "one-too-many").encode());
    assert_eq!(newcomer.expect(CONNACK).reason(), SERVER_BUSY);
    clients.pop();
    gateway.wait_for_connections(CLIENTS - 1);
    Client::connect(&gateway, V5, "just-in-time").ping();
    clients.iter_mut().for_each(Client::ping);
}

fn many_rings() -> Gateway {
    crate::budget::raise_descriptor_limit();
    let launch = Launch::default().config(NULL_ROUTE);
    let gateway = launch
        .descriptors_max(DESCRIPTORS_MAX)
        .connections_max(CLIENTS)
        .start();
    assert!(
        !gateway.log().contains("\"rings_per_shard\":1,"),
        "{}",
        gateway.log()
    );
    gateway
}

fn fill(gateway: &Gateway) -> Vec<Client> {
    let connect = |number| Client::connect(gateway, V5, &format!("device{number:010}"));
    let clients: Vec<_> = (0..CLIENTS).map(connect).collect();
    gateway.wait_for_connections(CLIENTS);
    clients
}
