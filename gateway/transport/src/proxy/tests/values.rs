//! Typed values of version 2.

use super::*;

const VERIFIED: &[u8] = &[0, 0, 0, 0];

/// The SSL value with these flags, verdict and inner values.
fn ssl(client: u8, verify: &[u8], values: &[u8]) -> Vec<u8> {
    value(0x20, &[&[client], verify, values].concat())
}

/// A header that ends with its checksum.
fn checked(values: &[u8], damage: u32) -> Vec<u8> {
    let mut bytes = relayed(&[values, &value(0x03, &[0; 4]), &value(0x04, b"padding")].concat());
    let sum = crc32c::crc32c(&bytes) ^ damage;
    let at = 16 + 12 + values.len() + 3;
    bytes[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    bytes
}

#[test]
fn what_a_balancer_tells_of_tls_is_read() {
    let inner = [
        value(0x21, b"TLSv1.3"),
        value(0x22, b"device-0042"),
        value(0x23, b"TLS_AES_128_GCM_SHA256"),
    ];
    let values = [
        value(0x01, b"mqtt"),
        value(0x02, b"broker.example"),
        value(0x05, b"\x00opaque\xFF"),
        ssl(0x07, VERIFIED, &inner.concat()),
        value(0xE0, b"of somebody's own"),
    ];
    let bytes = relayed(&values.concat());
    assert_short_until_whole(&bytes);
    let (header, _) = header(&bytes);
    assert_eq!(header.endpoints, inet());
    assert_eq!(header.authority, Some("broker.example"));
    assert_eq!(header.unique_id, Some(&b"\x00opaque\xFF"[..]));
    assert_eq!(header.tls.and_then(|tls| tls.version), Some("TLSv1.3"));
    assert_eq!(header.tls_client_name(), Some("device-0042"));
}

#[test]
fn a_name_counts_only_when_its_certificate_was_shown_and_verified() {
    let name = value(0x22, b"device-0042");
    let client_name = |client: u8, verify: &[u8]| {
        let bytes = relayed(&ssl(client, verify, &name));
        header(&bytes).0.tls_client_name().map(str::to_owned)
    };
    let found = Some("device-0042".to_owned());
    assert_eq!(
        client_name(0x03, VERIFIED),
        found,
        "shown in this connection"
    );
    assert_eq!(
        client_name(0x05, VERIFIED),
        found,
        "shown in the session that it resumes"
    );
    assert_eq!(
        client_name(0x01, VERIFIED),
        None,
        "none was shown, and so none found bad"
    );
    assert_eq!(client_name(0x07, &[0, 0, 0, 18]), None, "self-signed");
    assert_eq!(
        client_name(0x06, VERIFIED),
        None,
        "a certificate without TLS"
    );
    assert_eq!(
        header(&relayed(&[])).0.tls_client_name(),
        None,
        "no TLS told"
    );
}

#[test]
fn a_checksum_is_verified_wherever_it_stands() {
    for values in [vec![], value(0x02, b"broker.example")] {
        assert_short_until_whole(&checked(&values, 0));
        for damage in [1, 0x8000_0000, u32::MAX] {
            let found = front(&checked(&values, damage), ANY_SIZE).map(drop);
            assert_eq!(found, Err(Malformed::ChecksumWrong));
        }
    }
}

#[test]
fn a_checksum_finds_every_flipped_bit_of_addresses_and_values() {
    let right = checked(&value(0x02, b"broker.example"), 0);
    for bit in 16 * 8..right.len() * 8 {
        let mut wrong = right.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        let found = front(&wrong, ANY_SIZE);
        // A type that is no longer the checksum's leaves nothing to be verified.
        let unchecked = bit / 8 == right.len() - 10 - 7;
        assert!(found.is_err() || unchecked, "bit {bit}: {found:?}");
    }
}

#[test]
fn lengths_must_come_out_even() {
    let cn_too_long = [&[0x22, 0, 9][..], b"short"].concat();
    for (values, why) in [
        (vec![0x02], Malformed::TypeCut),
        (vec![0x02, 0], Malformed::TypeCut),
        (vec![0x02, 0, 1], Malformed::ValueCut { kind: 0x02 }),
        (
            vec![0xE0, 0xFF, 0xFF, 1, 2],
            Malformed::ValueCut { kind: 0xE0 },
        ),
        ([value(0x04, b""), vec![0]].concat(), Malformed::TypeCut),
        (
            value(0x20, &[1, 0, 0, 0]),
            Malformed::ValueCut { kind: 0x20 },
        ),
        (ssl(1, VERIFIED, &[0x21, 0]), Malformed::TypeCut),
        (
            ssl(1, VERIFIED, &cn_too_long),
            Malformed::ValueCut { kind: 0x22 },
        ),
        (value(0x03, &[0; 3]), Malformed::ChecksumLength { bytes: 3 }),
        (value(0x03, &[0; 5]), Malformed::ChecksumLength { bytes: 5 }),
        (
            value(0x05, &[0; 129]),
            Malformed::UniqueIdTooLong { bytes: 129 },
        ),
    ] {
        let bytes = relayed(&values);
        assert_eq!(front(&bytes, ANY_SIZE), Err(why), "{values:?}");
    }
    assert_eq!(
        header(&relayed(&value(0x05, &[7; 128]))).0.unique_id,
        Some(&[7; 128][..])
    );
}

#[test]
fn a_value_that_decides_comes_once() {
    let checksum_twice = [value(0x03, &[0; 4]), value(0x03, &[0; 4])].concat();
    // The first of two sums is wrong with near certainty, and is found first.
    let bytes = relayed(&checksum_twice);
    assert_eq!(front(&bytes, ANY_SIZE), Err(Malformed::ChecksumWrong));
    let name = value(0x22, b"a");
    for (values, kind) in [
        ([value(0x02, b"a"), value(0x02, b"b")].concat(), 0x02),
        ([value(0x05, b"a"), value(0x05, b"a")].concat(), 0x05),
        (
            [ssl(7, VERIFIED, &name), ssl(7, VERIFIED, &name)].concat(),
            0x20,
        ),
        (
            ssl(7, VERIFIED, &[name.clone(), name.clone()].concat()),
            0x22,
        ),
    ] {
        let bytes = relayed(&values);
        assert_eq!(front(&bytes, ANY_SIZE), Err(Malformed::ValueTwice { kind }));
    }
}

#[test]
fn text_is_fit_for_a_log() {
    for (kind, text) in [
        (0x02, &b"a\nb"[..]),
        (0x02, b"\xFF"),
        (0x02, b"a\0"),
        (0x02, b"\x7F"),
    ] {
        let bytes = relayed(&value(kind, text));
        assert_eq!(
            front(&bytes, ANY_SIZE),
            Err(Malformed::TextInvalid { kind })
        );
    }
    let bytes = relayed(&ssl(7, VERIFIED, &value(0x22, b"admin\r\n")));
    assert_eq!(
        front(&bytes, ANY_SIZE),
        Err(Malformed::TextInvalid { kind: 0x22 })
    );
    let umlaut = relayed(&ssl(7, VERIFIED, &value(0x22, "Gerät 7".as_bytes())));
    assert_eq!(header(&umlaut).0.tls_client_name(), Some("Gerät 7"));
}
