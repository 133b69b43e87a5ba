//! Version 1.

use super::*;

#[test]
fn the_line_of_the_specification_is_read() {
    let bytes = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n";
    let (header, header_bytes) = header(bytes);
    assert_eq!(&bytes[header_bytes..], b"GET / HTTP/1.1\r\n");
    assert_eq!(
        header.endpoints,
        Endpoints::Inet {
            source: "192.168.0.1:56324".parse().unwrap(),
            destination: "192.168.0.11:443".parse().unwrap(),
        }
    );
    assert_eq!(header.source(), Some("192.168.0.1:56324".parse().unwrap()));
    assert_eq!(
        (header.tls, header.authority, header.unique_id),
        (None, None, None)
    );
}

#[test]
fn every_family_is_short_until_its_last_byte() {
    for line in [
        "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
        "PROXY TCP6 2001:db8::1 ::1 1 0\r\n",
        "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
         ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
        "PROXY UNKNOWN\r\n",
    ] {
        assert_short_until_whole(line.as_bytes());
    }
}

#[test]
fn an_unknown_family_hides_whatever_follows_it() {
    let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                   ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert_eq!(longest.len(), 107);
    for line in [
        "PROXY UNKNOWN\r\n",
        "PROXY UNKNOWN 1.2.3.4 what  ever\r\n",
        longest,
    ] {
        let (header, header_bytes) = header(line.as_bytes());
        assert_eq!(header.endpoints, Endpoints::Unknown, "{line:?}");
        assert_eq!(header.source(), None);
        assert_eq!(header_bytes, line.len());
    }
}

#[test]
fn a_mapped_address_is_the_ipv4_address_that_it_is() {
    let (header, _) = header(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 40001 1883\r\n");
    assert_eq!(header.source(), Some("192.0.2.7:40001".parse().unwrap()));
}

#[test]
fn a_line_has_107_bytes_at_most() {
    let line = |padding: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(padding));
    assert_eq!(header(line(91).as_bytes()).1, 107);
    let over = line(92);
    for cut in [107, 108] {
        let found = front(&over.as_bytes()[..cut], ANY_SIZE);
        assert_eq!(found, Err(Malformed::LineTooLong), "cut at {cut}");
    }
    let endless = "PROXY TCP4 ".repeat(100);
    assert_eq!(
        front(endless.as_bytes(), ANY_SIZE),
        Err(Malformed::LineTooLong)
    );
}

#[test]
fn a_line_ends_with_both_bytes_and_holds_printable_ones_alone() {
    for (line, why) in [
        ("PROXY UNKNOWN\n", Malformed::LineEndBroken),
        ("PROXY UNKNOWN\rx", Malformed::LineEndBroken),
        ("PROXY UNKNOWN\r\r\n", Malformed::LineEndBroken),
        (
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n",
            Malformed::LineEndBroken,
        ),
        ("PROXY UNKNOWN \0\r\n", Malformed::LineNotPrintable),
        ("PROXY UNKNOWN \t\r\n", Malformed::LineNotPrintable),
        ("PROXY UNKNOWN \u{E4}\r\n", Malformed::LineNotPrintable),
    ] {
        assert_eq!(front(line.as_bytes(), ANY_SIZE), Err(why), "{line:?}");
    }
}

/// Lines of which one word is wrong, by what is wrong with it.
const WRONG_LINES: [(Malformed, &[&str]); 4] = [
    (
        Malformed::ProtocolUnknown,
        &[
            "PROXY \r\n",
            "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY UNKNOWNS\r\n",
        ],
    ),
    (
        Malformed::FieldsMiscounted,
        &[
            "PROXY TCP4\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
            "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
        ],
    ),
    (
        Malformed::AddressInvalid,
        &[
            "PROXY TCP4  1.2.3.4 5.6.7.8 1\r\n",
            "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
            "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY TCP4 256.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY TCP4 1.2.3.4 a.example 1 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
        ],
    ),
    (
        Malformed::PortInvalid,
        &[
            "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 +2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 0x2\r\n",
        ],
    ),
];

#[test]
fn whatever_does_not_exactly_match_is_refused() {
    for (why, lines) in WRONG_LINES {
        for line in lines {
            assert_eq!(front(line.as_bytes(), ANY_SIZE), Err(why), "{line:?}");
        }
    }
}
