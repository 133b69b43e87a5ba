//! Memory is an interface: what one idle client costs is a test that fails, not a number in a text.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::wire::*;

/// User memory for one idle connected client with a client id of 16 bytes.
const IDLE_CLIENT_BYTES_MAX: f64 = 256.0;

/// No Kafka is started, so that its memory is not taken for the clients'.
const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";

#[test]
fn an_idle_client_costs_no_more_than_its_budget() {
    const FEW: usize = 1000;
    const MANY: usize = 4000;
    raise_descriptor_limit();
    let gateway = Launch::default().config(NULL_ROUTE).counts_memory().start();
    let mut clients = Vec::new();
    let bytes_at = |count: usize, clients: &mut Vec<Client>| {
        for number in clients.len()..count {
            let mut client = idle_client(&gateway, number);
            client.ping();
            clients.push(client);
        }
        gateway
            .wait_for_connections(count)
            .sum("tributary_user_bytes")
    };
    let few = bytes_at(FEW, &mut clients);
    let many = bytes_at(MANY, &mut clients);
    let each = (many - few) / (MANY - FEW) as f64;
    assert!(
        each > 0.0,
        "the allocator's live bytes do not count the clients: {few}, {many}"
    );
    assert!(
        each <= IDLE_CLIENT_BYTES_MAX,
        "an idle client costs {each:.1} bytes"
    );
}

#[test]
fn clients_that_left_cost_nothing_when_others_take_their_places() {
    const CLIENTS: usize = 1000;
    raise_descriptor_limit();
    let gateway = Launch::default().config(NULL_ROUTE).counts_memory().start();
    let round = |round: usize| {
        let first = round * CLIENTS;
        let clients: Vec<_> = (first..first + CLIENTS)
            .map(|number| idle_client(&gateway, number))
            .collect();
        let bytes = gateway
            .wait_for_connections(CLIENTS)
            .sum("tributary_user_bytes");
        drop(clients);
        gateway.wait_for_connections(0);
        bytes
    };
    let first = round(0);
    let mut last = first;
    for number in 1..8 {
        last = round(number);
    }
    let growth = last - first;
    // A leak of one client's budget in each place would show fourfold.
    let allowed = CLIENTS as f64 * IDLE_CLIENT_BYTES_MAX;
    assert!(
        growth < allowed,
        "{growth} bytes more for other clients in the same places"
    );
}

fn idle_client(gateway: &Gateway, number: usize) -> Client {
    let client_id = format!("device{number:010}");
    assert_eq!(client_id.len(), 16);
    Client::connect_to(
        gateway.mqtt(),
        Connect {
            keep_alive_secs: 600,
            ..Connect::new(V311, &client_id)
        },
    )
    .0
}

/// Thousands of sockets in this one process want more than the usual 1,024 descriptors.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )
    .expect("the soft limit may rise to the hard one");
}
