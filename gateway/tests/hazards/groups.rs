//! A group of clusters: each device is in one of them, whichever gateway it comes by, and a cluster
//! that is gone takes nobody's acknowledgements but those of its own devices.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::kafka::read_topic;
use crate::support::wire::*;
use std::collections::BTreeSet;
use tributary::kafka::Embedded;

const DEVICES: usize = 24;

fn cluster() -> Embedded {
    Embedded::start(&[("says", 3)]).unwrap_or_else(|error| panic!("{error}"))
}

fn gateway(east: &Embedded, west: &Embedded) -> Gateway {
    let config = format!(
        "[kafka.east]\nbrokers = [\"{}\"]\n[kafka.west]\nbrokers = [\"{}\"]\n\
         [group.both]\nclusters = {{ east = 1, west = 1 }}\n\
         [[route]]\nfilter = \"#\"\ntopic = \"says\"\ngroup = \"both\"\n",
        east.brokers(),
        west.brokers()
    );
    Launch::default().config(&config).start()
}

fn device(number: usize) -> String {
    format!("device{number}")
}

/// Every device publishes once by this gateway, and is acknowledged.
fn publish_all(gateway: &Gateway, payload: &[u8]) {
    for number in 0..DEVICES {
        let mut client = Client::connect(gateway, V5, &device(number));
        client.publish("group/says", payload);
    }
}

/// Who has published into a cluster, and how many records there are.
fn devices_in(cluster: &Embedded) -> (BTreeSet<String>, usize) {
    let records = read_topic(cluster.brokers(), "says");
    let id = |key: &Vec<u8>| String::from_utf8_lossy(key).into_owned();
    let ids = records.iter().map(|record| id(&record.key));
    (ids.collect(), records.len())
}

#[test]
fn a_device_is_in_one_cluster_whichever_gateway_it_comes_by() {
    let (east, west) = (cluster(), cluster());
    let gateways = [gateway(&east, &west), gateway(&east, &west)];
    for (gateway, payload) in gateways.iter().zip([b"1", b"2"]) {
        publish_all(gateway, payload);
    }
    let ((in_east, east_count), (in_west, west_count)) = (devices_in(&east), devices_in(&west));
    let both: Vec<_> = in_east.intersection(&in_west).collect();
    assert!(both.is_empty(), "{both:?} are in two clusters");
    assert!(in_east.len() > 4 && in_west.len() > 4, "{in_east:?}");
    assert_eq!(in_east.len() + in_west.len(), DEVICES);
    assert_eq!(
        (east_count, west_count),
        (2 * in_east.len(), 2 * in_west.len())
    );
}

#[test]
fn a_cluster_that_is_gone_harms_its_own_devices_alone() {
    let (east, west) = (cluster(), cluster());
    let gateway = gateway(&east, &west);
    publish_all(&gateway, b"before");
    let ((in_east, _), (in_west, _)) = (devices_in(&east), devices_in(&west));
    assert!(!in_east.is_empty() && !in_west.is_empty());

    drop(east);
    let mut waiting: Vec<Client> = in_east
        .iter()
        .map(|id| Client::connect(&gateway, V5, id))
        .collect();
    for client in &mut waiting {
        let packet_id = client.take_packet_id();
        client.send(&Publish::qos1(packet_id, "group/says", b"during").encode(V5));
    }
    for id in &in_west {
        Client::connect(&gateway, V5, id).publish("group/says", b"during");
    }
    for client in &mut waiting {
        // The ping is answered, and no acknowledgement came before it.
        client.ping();
    }
    let pending = gateway.metrics().sum("tributary_publishes_pending");
    assert_eq!(pending, waiting.len() as f64);
    assert_eq!(devices_in(&west), (in_west.clone(), 2 * in_west.len()));
}
