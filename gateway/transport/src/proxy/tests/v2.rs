//! Version 2: the fixed bytes, lengths and addresses.

use super::*;

#[test]
fn a_relayed_connection_is_short_until_its_last_byte() {
    assert_short_until_whole(&relayed(&[]));
    assert_short_until_whole(&relayed(&value(0x02, b"broker.example")));
    assert_eq!(header(&relayed(&[])).0.endpoints, inet());
}

#[test]
fn a_header_as_haproxy_sends_it_is_read() {
    let captured = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0x00,
        0x0C, 0xAC, 0x13, 0x00, 0x01, 0xAC, 0x13, 0x00, 0x03, 0xA6, 0x52, 0x00, 0x50,
    ];
    assert_short_until_whole(&captured);
    let source = "172.19.0.1:42578".parse().unwrap();
    assert_eq!(header(&captured).0.source(), Some(source));
}

#[test]
fn ipv6_and_unix_addresses_are_read() {
    let mut block = [0; 36];
    block[..4].copy_from_slice(&[0x20, 0x01, 0x0D, 0xB8]);
    block[15] = 9;
    block[31] = 1;
    block[32..].copy_from_slice(&[0x9C, 0x41, 0x07, 0x5B]);
    let bytes = v2(0x21, 0x21, &block);
    assert_short_until_whole(&bytes);
    assert_eq!(
        header(&bytes).0.endpoints,
        Endpoints::Inet {
            source: "[2001:db8::9]:40001".parse().unwrap(),
            destination: "[::1]:1883".parse().unwrap(),
        }
    );

    let mut block = [0; 216];
    block[..8].copy_from_slice(b"/run/dev");
    block[108..].fill(b'x');
    let bytes = v2(0x21, 0x31, &block);
    assert_short_until_whole(&bytes);
    let (header, _) = header(&bytes);
    assert_eq!(
        header.endpoints,
        Endpoints::Unix {
            source: b"/run/dev",
            destination: &[b'x'; 108],
        }
    );
    assert_eq!(header.source(), None);
}

#[test]
fn a_mapped_address_of_version_2_is_the_ipv4_address_that_it_is() {
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 7];
    let bytes = v2(
        0x21,
        0x21,
        &[&mapped[..], &[0; 16], &[0x9C, 0x41, 0, 0]].concat(),
    );
    assert_eq!(
        header(&bytes).0.source(),
        Some("192.0.2.7:40001".parse().unwrap())
    );
}

#[test]
fn a_health_check_speaks_for_itself_whatever_its_block_holds() {
    for (family_and_transport, block) in [(0x00, &[][..]), (0x11, &INET), (0xFF, b"\x02\xFF")] {
        let bytes = v2(0x20, family_and_transport, block);
        assert_short_until_whole(&bytes);
        assert_eq!(header(&bytes).0, Header::of(Endpoints::Local));
    }
}

#[test]
fn what_has_no_address_of_ours_counts_as_unknown() {
    for bytes in [
        v2(0x21, 0x00, &[]),
        v2(0x21, 0x00, b"\x02\xFF"),
        v2(0x21, 0x01, &INET),
        v2(0x21, 0x10, &INET),
        v2(0x21, 0x12, &INET),
        v2(0x21, 0x22, &[0; 36]),
    ] {
        let (header, header_bytes) = header(&bytes);
        assert_eq!(header.endpoints, Endpoints::Unknown, "{bytes:?}");
        assert_eq!(header_bytes, bytes.len());
    }
}

#[test]
fn what_the_format_does_not_know_is_refused() {
    for (bytes, why) in [
        (
            v2(0x11, 0x11, &INET),
            Malformed::VersionUnknown { version: 1 },
        ),
        (
            v2(0x31, 0x11, &INET),
            Malformed::VersionUnknown { version: 3 },
        ),
        (
            v2(0x22, 0x11, &INET),
            Malformed::CommandUnknown { command: 2 },
        ),
        (
            v2(0x2F, 0x11, &INET),
            Malformed::CommandUnknown { command: 15 },
        ),
        (
            v2(0x21, 0x41, &INET),
            Malformed::FamilyUnknown { family: 4 },
        ),
        (
            v2(0x21, 0x13, &INET),
            Malformed::TransportUnknown { transport: 3 },
        ),
        (
            v2(0x21, 0x11, &INET[..11]),
            Malformed::AddressesCut { bytes: 11 },
        ),
        (v2(0x21, 0x11, &[]), Malformed::AddressesCut { bytes: 0 }),
        (
            v2(0x21, 0x21, &[0; 35]),
            Malformed::AddressesCut { bytes: 35 },
        ),
        (
            v2(0x21, 0x31, &[0; 215]),
            Malformed::AddressesCut { bytes: 215 },
        ),
    ] {
        assert_eq!(front(&bytes, ANY_SIZE), Err(why), "{bytes:?}");
    }
}

#[test]
fn a_length_over_the_maximum_is_refused_before_its_bytes_arrive() {
    let at_most = v2(0x21, 0x00, &vec![0; 536 - 16]);
    let over = v2(0x21, 0x00, &vec![0; 536 - 15]);
    assert!(matches!(
        front(&at_most, PROXY_V2_BYTES_MAX),
        Ok(Front::Header {
            header_bytes: 536,
            ..
        })
    ));
    let why = Malformed::HeaderTooLong { bytes: 537 };
    assert_eq!(front(&over, PROXY_V2_BYTES_MAX), Err(why));
    assert_eq!(front(&over[..16], PROXY_V2_BYTES_MAX), Err(why));
    assert_eq!(
        front(&over[..15], PROXY_V2_BYTES_MAX),
        Ok(Front::Short { missing: 1 })
    );
}

#[test]
fn the_largest_length_does_not_wrap() {
    let mut forged = relayed(&[]);
    forged[14..16].fill(0xFF);
    let why = Malformed::HeaderTooLong { bytes: 16 + 65_535 };
    assert_eq!(front(&forged, PROXY_V2_BYTES_MAX), Err(why));
    assert_eq!(front(&forged, ANY_SIZE), Err(why));
}
