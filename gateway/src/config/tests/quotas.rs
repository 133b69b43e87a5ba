//! Quotas: what is assumed, which bound counts where there are two, and what is said of mistakes.

use std::time::Duration;

use tributary_access::address::Grouping;
use tributary_access::holdoffs;
use tributary_access::rate::Rate;

use super::{Settings, faults, good};
use crate::quota::{Over, Terms};

fn settings(text: &str) -> Settings {
    good(text, &[])
}

fn rate(per_sec: u64, burst: u32) -> Option<Rate> {
    Some(Rate::per_sec(per_sec, burst).expect("in bounds"))
}

#[test]
fn without_a_section_and_with_empty_ones_nothing_is_bounded() {
    assert_eq!(settings("").quota, Terms::default());
    let empty = settings("[quota.client]\n[quota.user]\n[quota.address]\n[quota.node]\n");
    assert!(empty.quota.is_empty());
}

#[test]
fn twice_as_much_may_come_at_once_unless_something_else_is_said() {
    let quota = settings(
        "[quota.client]\npublishes_per_sec = 50\nbytes_per_sec = 1000\nbytes_burst = 7\n\
         [quota.node]\nbytes_per_sec = 5\nover = \"close\"\n",
    )
    .quota;
    let client = quota.client.expect("it is written");
    assert_eq!(client.meter.messages, rate(50, 100));
    assert_eq!(client.meter.bytes, rate(1_000, 7));
    assert_eq!(client.over, Over::Slow);
    let node = quota.node.expect("it is written");
    assert_eq!((node.meter.messages, node.over), (None, Over::Close));
}

#[test]
fn users_and_addresses_have_connections_too() {
    let quota = settings(
        "[quota.user]\nconnections_max = 3\n\
         [quota.address]\nconnects_per_sec = 10\nconnects_burst = 11\nipv4_bits = 24\n",
    )
    .quota;
    let user = quota.user.expect("it is written").accounts;
    assert_eq!((user.connections_max, user.connects), (Some(3), None));
    let (grouping, address) = quota.address.expect("it is written");
    assert_eq!(Some(grouping), Grouping::new(24, 64));
    assert_eq!(address.accounts.connects, rate(10, 11));
}

#[test]
fn flapping_is_watched_as_soon_as_its_section_is_there() {
    let secs = Duration::from_secs;
    let terms = |connects, within, first, longest| {
        let rate = Rate::per(connects, secs(within), connects as u32).expect("in bounds");
        holdoffs::Terms::new(rate, secs(first), secs(longest), secs(longest))
    };
    let of = |text: &str| settings(text).quota.flapping;
    assert_eq!(of("[quota.flapping]\n"), terms(15, 60, 60, 600));
    let longer = "[quota.flapping]\nconnects = 3\nwithin_secs = 10\nhold_off_secs = 900\n";
    assert_eq!(of(longer), terms(3, 10, 900, 900));
}

#[test]
fn of_two_bounds_for_the_same_thing_the_smaller_counts() {
    let settings = settings(
        "[listen.a]\naddress = \"127.0.0.1:1\"\npacket_bytes_max = 70000\n\
         [listen.b]\naddress = \"127.0.0.1:2\"\npacket_bytes_max = 1000\n\
         [mqtt]\nsubscriptions_per_client_max = 5\nqueue_messages_max = 50\n\
         [quota.client]\nsubscriptions_max = 10\nqueue_max = 20\npacket_bytes_max = 2000\n",
    );
    assert_eq!(settings.mqtt.subscriptions_per_client_max, 5);
    assert_eq!(settings.mqtt.queue_messages_max, 20);
    assert_eq!(settings.mqtt.packet_bytes_max, 2_000);
    let listeners = settings.listeners.iter();
    let bounds: Vec<_> = listeners
        .map(|listener| listener.packet_bytes_max)
        .collect();
    assert_eq!(bounds, [Some(2_000), Some(1_000)]);
    assert!(settings.quota.is_empty());
}

#[test]
fn every_mistake_is_said_with_its_line_and_its_remedy() {
    type Mistake = (&'static str, (usize, &'static str, &'static str));
    const MISTAKES: [Mistake; 10] = [
        (
            "[quota.clients]\nx = 1\n",
            (1, "[quota.clients]", "did you mean \"client\"?"),
        ),
        (
            "[quota]\nclient = 5\n",
            (2, "[quota.client]", "not a table"),
        ),
        (
            "[quota.client]\npublishes_per_sec = 0\n",
            (2, "[quota.client].publishes_per_sec", "a number from 1 to"),
        ),
        (
            "[quota.client]\nbytes_burst = 10\n",
            (2, "[quota.client].bytes_burst", "write bytes_per_sec too"),
        ),
        (
            "[quota.user]\nover = \"slow\"\n",
            (2, "[quota.user].over", "no rate beside it"),
        ),
        (
            "[quota.user]\nbytes_per_sec = 1\nover = \"drop\"\n",
            (3, "[quota.user].over", "there is: slow, refuse, close"),
        ),
        (
            "[quota.node]\nconnections_max = 5\n",
            (
                2,
                "[quota.node].connections_max",
                "max_connections under [shards]",
            ),
        ),
        (
            "[quota.address]\nconnections_max = 5\nipv6_bits = 129\n",
            (3, "[quota.address].ipv6_bits", "a number from 0 to 128"),
        ),
        (
            "[quota.flapping]\nhold_off_secs = 60\nhold_off_secs_max = 10\n",
            (
                3,
                "[quota.flapping].hold_off_secs_max",
                "at least hold_off_secs",
            ),
        ),
        (
            "[quota.client]\nconnections_max = 1\n",
            (2, "[quota.client].connections_max", "unknown key"),
        ),
    ];
    for (text, (line, key, part)) in MISTAKES {
        let said = faults(text, &[]);
        let begin = format!("{line}: {key}: ");
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        assert!(
            said[0].starts_with(&begin) && said[0].contains(part),
            "{text}: {said:?}"
        );
    }
}
