//! Thousands of connections that never become clients: silent ones, slow ones, halves of a CONNECT.
//! Clients are served beside them, newcomers get in, and what they cost comes back.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::wire::*;
use crate::support::{DEADLINE, ask_until};

const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";
const STRANGERS: usize = 5_000;
/// User memory that one of them may cost: its place in a list and half a CONNECT.
const STRANGER_BYTES_MAX: f64 = 512.0;

/// A third says nothing, a third says one byte now and then, a third says half a CONNECT.
fn strangers(gateway: &Gateway, count: usize) -> Vec<Client> {
    let connect = Connect::new(V5, "half-a-connect").encode();
    let said = [&[][..], &connect[..1], &connect[..connect.len() / 2]];
    let dial = |number: usize| {
        let mut client = Client::dial(gateway.mqtt(), V5);
        client.send(said[number % said.len()]);
        client
    };
    (0..count).map(dial).collect()
}

#[test]
fn thousands_that_never_finish_their_connect_cost_little_and_disturb_no_one() {
    crate::budget::raise_descriptor_limit();
    let gateway = Launch::default().config(NULL_ROUTE).start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    let before = gateway.metrics().sum("tributary_user_bytes");
    let mut crowd = strangers(&gateway, STRANGERS);
    let accepted = (STRANGERS + 1) as f64;
    let during = gateway.wait_until("all of them accepted", |metrics| {
        metrics.sum("tributary_ring_accepted_total") == accepted
    });
    let each = (during.sum("tributary_user_bytes") - before) / STRANGERS as f64;
    assert!(
        each < STRANGER_BYTES_MAX,
        "a stranger costs {each:.0} bytes"
    );
    // One byte more from each of the slow ones: still no CONNECT.
    for client in crowd.iter_mut().skip(1).step_by(3) {
        client.send(&[0x7F]);
    }
    bystander.publish("bystander/says", b"here");
    Client::connect(&gateway, V311, "newcomer").ping();
    drop(crowd);
    gateway.wait_for_connections(1);
    let after = gateway.wait_until("their memory back", |metrics| {
        let left = metrics.sum("tributary_user_bytes") - before;
        left < STRANGERS as f64 * STRANGER_BYTES_MAX / 8.0
    });
    assert_eq!(after.sum("tributary_connections"), 1.0);
    bystander.ping();
}

#[test]
fn strangers_that_fill_the_table_make_room_for_a_newcomer() {
    crate::budget::raise_descriptor_limit();
    // Tables for few clients, and a patience that would keep them full for an hour.
    let config = format!("{NULL_ROUTE}[mqtt]\nconnect_timeout_secs = 3600\n");
    let gateway = Launch::default()
        .config(&config)
        .connections_max(200)
        .start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    let crowd: Vec<_> = (0..3_000)
        .map(|_| Client::dial(gateway.mqtt(), V5))
        .collect();
    let (mut newcomer, connack) = persistent(&gateway, "newcomer");
    assert_eq!(connack.reason(), 0);
    newcomer.publish("newcomer/says", b"in at last");
    bystander.publish("bystander/says", b"served all the while");
    let metrics = gateway.metrics();
    let ended = metrics.labelled("tributary_disconnects_total", "reason", "connect_deadline");
    assert!(ended > 0.0, "someone had to give way");
    drop(crowd);
    gateway.wait_for_connections(2);
}

/// A newcomer that tries again when the full table has dropped it without a word, as the kernel
/// does to one each time the table fills up, or has told it that there is no room yet.
fn persistent(gateway: &Gateway, client_id: &str) -> (Client, Packet) {
    let come = || {
        let mut client = Client::dial(gateway.mqtt(), V5);
        client.send_unless_closed(&Connect::new(V5, client_id).encode());
        let connack = client.packet()?;
        (connack.reason() != SERVER_BUSY).then_some((client, connack))
    };
    ask_until(DEADLINE, come).expect("there is room in time")
}
