//! Who may send a header, must, or may not.

use super::*;

const BALANCER: &str = "10.0.0.9";
const DEVICE: &str = "203.0.113.5";
const MQTT: &[u8] = b"\x10\x0C\x00\x04MQTT\x04\x02\x00\x3C\x00\x00";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 40001 1883\r\n";

fn on_accept(mode: Mode, peer: &str) -> Result<Expect, Refusal> {
    let policy = Policy {
        mode,
        trusted: Networks::parse(["10.0.0.0/8"]).unwrap(),
        v2_bytes_max: PROXY_V2_BYTES_MAX,
    };
    policy.on_accept(peer.parse().ok())
}

fn on_bytes(mode: Mode, peer: &str, bytes: &[u8]) -> Result<usize, Refusal> {
    match on_accept(mode, peer)?.on_bytes(bytes, PROXY_V2_BYTES_MAX)? {
        Verdict::Header { header_bytes, .. } => Ok(header_bytes),
        Verdict::Direct => Ok(0),
        Verdict::Wait { missing } => panic!("waits for {missing} bytes behind {bytes:?}"),
    }
}

#[test]
fn a_required_header_comes_from_a_trusted_peer_or_nobody_comes() {
    let mode = Mode::Required;
    assert_eq!(on_bytes(mode, BALANCER, LINE), Ok(LINE.len()));
    assert_eq!(on_bytes(mode, BALANCER, &relayed(&[])), Ok(28));
    assert_eq!(on_bytes(mode, BALANCER, MQTT), Err(Refusal::HeaderMissing));
    assert_eq!(on_accept(mode, DEVICE), Err(Refusal::SourceUntrusted));
    assert_eq!(
        on_accept(mode, "a Unix socket"),
        Err(Refusal::SourceUntrusted)
    );
}

#[test]
fn an_optional_header_is_the_choice_of_trusted_peers_alone() {
    let mode = Mode::Optional;
    assert_eq!(on_bytes(mode, BALANCER, LINE), Ok(LINE.len()));
    assert_eq!(on_bytes(mode, BALANCER, MQTT), Ok(0));
    assert_eq!(on_bytes(mode, DEVICE, MQTT), Ok(0));
    for forged in [LINE, &relayed(&[])] {
        assert_eq!(
            on_bytes(mode, DEVICE, forged),
            Err(Refusal::SourceUntrusted)
        );
    }
}

#[test]
fn a_listener_without_headers_takes_them_from_nobody() {
    for peer in [BALANCER, DEVICE] {
        assert_eq!(on_bytes(Mode::Refused, peer, MQTT), Ok(0));
        for bytes in [LINE, &relayed(&[])] {
            let found = on_bytes(Mode::Refused, peer, bytes);
            assert_eq!(found, Err(Refusal::HeaderUnexpected));
        }
    }
}

#[test]
fn the_peers_of_a_unix_socket_are_trusted_by_name() {
    let policy = Policy {
        mode: Mode::Required,
        trusted: Networks::parse(["unix"]).unwrap(),
        v2_bytes_max: PROXY_V2_BYTES_MAX,
    };
    assert_eq!(policy.on_accept(None), Ok(Expect::Header));
    assert_eq!(
        policy.on_accept(DEVICE.parse().ok()),
        Err(Refusal::SourceUntrusted)
    );
}

#[test]
fn a_header_is_awaited_at_every_cut() {
    for expect in [Expect::Header, Expect::HeaderOrNot] {
        for whole in [LINE.to_vec(), relayed(&value(0x02, b"broker.example"))] {
            for cut in 0..whole.len() {
                let verdict = expect.on_bytes(&whole[..cut], PROXY_V2_BYTES_MAX);
                assert!(
                    matches!(verdict, Ok(Verdict::Wait { .. })),
                    "cut at {cut}: {verdict:?}"
                );
            }
            let bytes = [&whole[..], MQTT].concat();
            let Ok(Verdict::Header { header_bytes, .. }) = expect.on_bytes(&bytes, 536) else {
                panic!("no header");
            };
            assert_eq!(&bytes[header_bytes..], MQTT);
        }
    }
}

#[test]
fn a_client_without_a_header_waits_for_nothing_but_its_first_byte() {
    for expect in [
        Expect::HeaderOrNot,
        Expect::NoHeader,
        Expect::NoHeaderFromHere,
    ] {
        assert_eq!(expect.on_bytes(&[], 536), Ok(Verdict::Wait { missing: 1 }));
        assert_eq!(expect.on_bytes(&[0x10], 536), Ok(Verdict::Direct));
    }
    assert_eq!(Expect::NoHeader.on_bytes(b"PRO", 536), Ok(Verdict::Direct));
}

#[test]
fn a_second_header_behind_the_first_is_refused() {
    let lines = [LINE, LINE].concat();
    let mixed = [&relayed(&[])[..], LINE].concat();
    let binary = [LINE, &relayed(&[])].concat();
    for bytes in [lines, mixed, binary] {
        assert_eq!(
            on_bytes(Mode::Required, BALANCER, &bytes),
            Err(Refusal::HeaderTwice)
        );
        assert_eq!(
            on_bytes(Mode::Optional, BALANCER, &bytes),
            Err(Refusal::HeaderTwice)
        );
    }
}

#[test]
fn a_malformed_header_is_refused_with_its_fault() {
    let why = Malformed::PortInvalid;
    let found = on_bytes(
        Mode::Required,
        BALANCER,
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\n",
    );
    let refusal = Refusal::HeaderMalformed { why };
    assert_eq!(found, Err(refusal));
    assert_eq!(refusal.name(), "proxy_header_malformed");
    assert_eq!(why.name(), "proxy_port_invalid");
    assert!(
        refusal
            .to_string()
            .ends_with("(why: port is not a plain number below 65536)")
    );
}
