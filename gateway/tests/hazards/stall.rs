//! A gateway that did not run for a while, as one whose machine was suspended or out of time: what
//! came meanwhile is served, and nobody is blamed for a silence that was the gateway's own.

use crate::support::client::Client;
use crate::support::gateway::Launch;
use crate::support::wire::*;
use std::thread;
use std::time::{Duration, Instant};

const NULL_ROUTE: &str =
    "[[route]]\nfilter = \"#\"\ntopic = \"\"\n[mqtt]\nconnect_timeout_secs = 4\n";
/// Longer than 1.5 keep-alives and the time to connect.
const STALL: Duration = Duration::from_millis(6_000);

/// The hazard itself, not a wait for something to happen: nobody wakes this thread.
fn stall() {
    let until = Instant::now() + STALL;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

#[test]
fn clients_and_connects_that_wait_through_a_stall_are_served_after_it() {
    const CLIENTS: usize = 100;
    let gateway = Launch::default().config(NULL_ROUTE).start();
    let mut pinging: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client_id = format!("pinging{number}");
            let connect = Connect {
                keep_alive_secs: 3,
                ..Connect::new(V5, &client_id)
            };
            Client::connect_to(gateway.mqtt(), connect).0
        })
        .collect();
    let mut storm: Vec<_> = (0..CLIENTS)
        .map(|_| Client::dial(gateway.mqtt(), V5))
        .collect();
    gateway.wait_for_connections(CLIENTS);
    pinging.iter_mut().for_each(Client::ping);

    gateway.pause();
    pinging
        .iter_mut()
        .for_each(|client| client.send(&PINGREQ_BYTES));
    for (number, client) in storm.iter_mut().enumerate() {
        client.send(&Connect::new(V5, &format!("storm{number}")).encode());
    }
    stall();
    gateway.go_on();

    for client in &mut pinging {
        client.expect(PINGRESP);
    }
    for client in &mut storm {
        assert_eq!(client.expect(CONNACK).reason(), 0);
    }
    let metrics = gateway.wait_until("the stall counted", |metrics| {
        metrics.sum("tributary_stalled_milliseconds_total") > 0.0
    });
    for reason in ["keep_alive", "connect_deadline"] {
        let ended = metrics.labelled("tributary_disconnects_total", "reason", reason);
        assert_eq!(ended, 0.0, "{reason}");
    }
}

#[test]
fn a_client_that_is_silent_after_a_stall_as_well_is_disconnected_all_the_same() {
    let gateway = Launch::default().config(NULL_ROUTE).start();
    let connect = Connect {
        keep_alive_secs: 3,
        ..Connect::new(V5, "silent")
    };
    let mut silent = Client::connect_to(gateway.mqtt(), connect).0;
    gateway.pause();
    stall();
    gateway.go_on();
    silent.expect_end(
        &[0x8D],
        "silent for longer than its keep-alive and the pardon",
    );
}
