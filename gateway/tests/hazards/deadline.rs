//! Clients that fall silent: before their CONNECT, in the middle of it, or after it.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::wire::*;
use std::time::{Duration, Instant};

#[test]
fn a_connect_that_never_comes_is_not_waited_for() {
    let gateway = Launch::default()
        .config("[mqtt]\nconnect_timeout_secs = 1\n")
        .start();
    let mut bystander = Client::connect(&gateway, V5, "bystander");
    let before = gateway.metrics().sum("tributary_disconnects_total");
    let connect = Connect::new(V5, "slow").encode();
    let silent = [&[][..], &connect[..1], &connect[..connect.len() - 1]].map(|said| {
        let mut client = Client::dial(gateway.mqtt(), V5);
        client.send(said);
        client
    });
    for mut client in silent {
        assert_eq!(
            client.packet(),
            None,
            "closed, since no version is agreed on for an answer"
        );
    }
    gateway.wait_until("three ends counted", |metrics| {
        metrics.sum("tributary_disconnects_total") == before + 3.0
    });
    bystander.publish("bystander/says", b"still here");
}

#[test]
fn a_client_silent_beyond_its_keep_alive_is_disconnected_and_a_pinging_one_is_not() {
    let gateway = Gateway::start();
    let with_keep_alive = |version, client_id, keep_alive_secs| {
        let connect = Connect {
            keep_alive_secs,
            ..Connect::new(version, client_id)
        };
        Client::connect_to(gateway.mqtt(), connect).0
    };
    let mut patient = with_keep_alive(V5, "patient", 0);
    let mut pinging = with_keep_alive(V311, "pinging", 4);
    let silent = [(V31, "silent3"), (V311, "silent4"), (V5, "silent5")]
        .map(|(version, client_id)| with_keep_alive(version, client_id, 1));
    let ended = std::thread::scope(|scope| {
        let watcher = scope.spawn(move || {
            for mut client in silent {
                // Keep alive timeout [MQTT-3.1.2-22].
                client.expect_end(&[0x8D], "silent for 1.5 times its keep-alive");
            }
        });
        // Pinging lasts longer than its own silence would be suffered, which is 6 s.
        let begun = Instant::now();
        while !watcher.is_finished() || begun.elapsed() < Duration::from_secs(7) {
            pinging.ping();
            std::thread::park_timeout(Duration::from_millis(50));
        }
        watcher.join()
    });
    ended.expect("the silent ones ended as they should");
    pinging.ping();
    patient.ping();
    gateway.wait_for_connections(2);
}
