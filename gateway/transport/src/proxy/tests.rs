//! Headers whole, cut, forged and doubled; the encoder that makes them is the tests' own.

mod lines;
mod networks;
mod policy;
mod v2;
mod values;

use super::*;
use crate::limits::PROXY_V2_BYTES_MAX;
use crate::random::Random;

const ANY_SIZE: u16 = u16::MAX;

/// Reads a header that must be whole and right.
#[track_caller]
fn header(bytes: &[u8]) -> (Header<'_>, usize) {
    match front(bytes, ANY_SIZE) {
        Ok(Front::Header {
            header,
            header_bytes,
        }) => (header, header_bytes),
        other => panic!("no header: {other:?}"),
    }
}

/// The fixed 16 bytes and what is to stand behind them, with a length that fits.
fn v2(version_and_command: u8, family_and_transport: u8, block: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([version_and_command, family_and_transport]);
    bytes.extend((block.len() as u16).to_be_bytes());
    bytes.extend(block);
    bytes
}

/// 192.0.2.7:40001 to 10.0.0.1:1883.
const INET: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x9C, 0x41, 0x07, 0x5B];

fn inet() -> Endpoints<'static> {
    Endpoints::Inet {
        source: "192.0.2.7:40001".parse().unwrap(),
        destination: "10.0.0.1:1883".parse().unwrap(),
    }
}

/// A relayed TCP connection over IPv4 with these values behind the addresses.
fn relayed(values: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[&INET[..], values].concat())
}

fn value(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut value = vec![kind];
    value.extend((bytes.len() as u16).to_be_bytes());
    value.extend(bytes);
    value
}

/// Asserts that every true beginning of `bytes` is short, never promises more than there is, and is
/// whole with the last byte, whatever follows.
#[track_caller]
fn assert_short_until_whole(bytes: &[u8]) {
    for cut in 0..bytes.len() {
        match front(&bytes[..cut], ANY_SIZE) {
            Ok(Front::Short { missing }) => {
                assert!(
                    missing > 0 && cut + missing <= bytes.len(),
                    "cut at {cut}: {missing}"
                );
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
    let whole = header(bytes);
    assert_eq!(whole.1, bytes.len());
    let followed = [bytes, b"\x10\x0CPROXY \r\n"].concat();
    assert_eq!(header(&followed), whole);
}

#[test]
fn what_begins_as_neither_version_is_no_header() {
    let mqtt = b"\x10\x0C\x00\x04MQTT";
    let tls = b"\x16\x03\x01\x02\x00";
    for bytes in [
        &mqtt[..],
        tls,
        b"GET / HTTP/1.1\r\n",
        b"PROXI",
        b"\r\n\r\n\0\r\nQUIT\r",
    ] {
        assert_eq!(
            front(bytes, ANY_SIZE),
            Err(Malformed::SignatureAbsent),
            "{bytes:?}"
        );
    }
}

#[test]
fn random_damage_never_panics_and_never_reads_past_the_header() {
    let mut random = Random::new(1);
    let values = [
        value(0x02, b"a.example"),
        value(0x20, b"\x01\0\0\0\0\x21\0\x01x"),
    ]
    .concat();
    let originals = [
        relayed(&values),
        b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n".to_vec(),
    ];
    let (mut whole, mut wrong) = (0, 0);
    for round in 0..20_000 {
        let mut bytes = originals[round % 2].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] = random.byte();
        }
        match front(&bytes, PROXY_V2_BYTES_MAX) {
            Ok(Front::Header { header_bytes, .. }) => {
                assert!(header_bytes <= bytes.len());
                whole += 1;
            }
            Ok(Front::Short { missing }) => assert!(missing > 0),
            Err(_) => wrong += 1,
        }
    }
    assert!(whole > 1000 && wrong > 1000, "{whole} whole, {wrong} wrong");
}
