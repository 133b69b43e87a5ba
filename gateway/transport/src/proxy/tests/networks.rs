//! Networks by text, and who is in them.

use super::*;

fn contains(networks: &[&str], address: &str) -> bool {
    let networks = Networks::parse(networks.iter().copied()).expect("the networks are right");
    networks.contains(Some(address.parse().expect("the address is right")))
}

#[test]
fn a_network_holds_its_first_address_and_its_last_and_no_neighbour() {
    for (network, first, last, below, above) in [
        (
            "10.0.0.0/8",
            "10.0.0.0",
            "10.255.255.255",
            "9.255.255.255",
            "11.0.0.0",
        ),
        (
            "192.0.2.128/25",
            "192.0.2.128",
            "192.0.2.255",
            "192.0.2.127",
            "192.0.3.0",
        ),
        (
            "192.0.2.7",
            "192.0.2.7",
            "192.0.2.7",
            "192.0.2.6",
            "192.0.2.8",
        ),
        (
            "192.0.2.7/32",
            "192.0.2.7",
            "192.0.2.7",
            "192.0.2.6",
            "192.0.2.8",
        ),
        (
            "2001:db8::/32",
            "2001:db8::",
            "2001:db8:ffff::1",
            "2001:db7::",
            "2001:db9::",
        ),
        ("::1", "::1", "::1", "::", "::2"),
    ] {
        assert!(contains(&[network], first), "{network} and {first}");
        assert!(contains(&[network], last), "{network} and {last}");
        assert!(!contains(&[network], below), "{network} and {below}");
        assert!(!contains(&[network], above), "{network} and {above}");
    }
}

#[test]
fn every_address_of_a_family_is_in_its_widest_network() {
    assert!(contains(&["0.0.0.0/0"], "255.255.255.255"));
    assert!(!contains(&["0.0.0.0/0"], "::1"));
    assert!(contains(&["::/0"], "ffff::"));
    assert!(!contains(&["::/0"], "10.0.0.1"));
}

#[test]
fn a_peer_of_a_socket_for_both_families_is_known_by_its_ipv4_address() {
    assert!(contains(&["10.0.0.0/8"], "::ffff:10.1.2.3"));
    assert!(!contains(&["::/0"], "::ffff:10.1.2.3"));
}

#[test]
fn any_of_several_will_do() {
    let networks = ["10.0.0.0/8", "unix", "::1"];
    assert!(contains(&networks, "10.9.9.9"));
    assert!(contains(&networks, "::1"));
    assert!(!contains(&networks, "192.0.2.1"));
    assert!(Networks::parse(networks).unwrap().contains(None));
    assert!(
        !Networks::parse(["0.0.0.0/0", "::/0"])
            .unwrap()
            .contains(None)
    );
}

#[test]
fn nobody_is_in_no_network() {
    let none = Networks::default();
    assert!(none.is_empty() && !none.contains(None));
    assert!(!none.contains("10.0.0.1".parse().ok()));
    assert!(!Networks::parse(["unix"]).unwrap().is_empty());
}

#[test]
fn text_that_is_no_network_says_why() {
    for (text, fault) in [
        ("", NetworkFault::NotAnAddress),
        ("localhost", NetworkFault::NotAnAddress),
        ("10.0.0/8", NetworkFault::NotAnAddress),
        ("10.0.0.1:1883", NetworkFault::NotAnAddress),
        ("/8", NetworkFault::NotAnAddress),
        ("10.0.0.0/", NetworkFault::PrefixNotANumber),
        ("10.0.0.0/+8", NetworkFault::PrefixNotANumber),
        ("10.0.0.0/8/8", NetworkFault::PrefixNotANumber),
        ("10.0.0.0/255.0.0.0", NetworkFault::PrefixNotANumber),
        ("10.0.0.0/33", NetworkFault::PrefixTooLong { bits: 33 }),
        ("::/129", NetworkFault::PrefixTooLong { bits: 129 }),
        ("10.1.2.3/8", NetworkFault::HostBitsSet { bits: 8 }),
        ("0.0.0.1/0", NetworkFault::HostBitsSet { bits: 0 }),
        ("2001:db8::1/64", NetworkFault::HostBitsSet { bits: 64 }),
        ("::ffff:10.0.0.0/104", NetworkFault::MappedIpv4),
    ] {
        assert_eq!(text.parse::<Network>(), Err(fault), "{text:?}");
    }
    assert_eq!(
        Networks::parse(["10.0.0.0/8", "tea"]),
        Err((1, NetworkFault::NotAnAddress))
    );
}

#[test]
fn a_network_is_written_as_it_is_read() {
    for text in ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::/0"] {
        assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
    }
}
