//! Every property in every packet: in its place, misplaced, twice, cut, and out of range.

use crate::table::{Kind, PLACES, Place, ROWS, Row, fault};
use crate::wire::Bytes;
use tributary_proto::malformed::{Field, Malformed};
use tributary_proto::reason::Reason;
use tributary_proto::version::Version;

/// What is found wrong when `properties`, with the company they need, stand at `place`.
fn fault_at(place: Place, id: u8, properties: &[u8]) -> Option<Malformed> {
    let section = Bytes::new().raw(place.company(id)).raw(properties).0;
    fault(Version::V5, &place.frame(&section))
}

/// Every place together with every property that the specification allows there.
fn allowed() -> impl Iterator<Item = (Place, &'static Row)> {
    const { &ROWS }
        .iter()
        .flat_map(|row| row.places.iter().map(move |&place| (place, row)))
}

#[test]
fn a_property_is_taken_in_its_place_and_refused_in_any_other() {
    let mut misplaced = 0;
    for place in PLACES {
        for row in &ROWS {
            let found = fault_at(place, row.id, &row.bytes());
            let expected = match (row.places.contains(&place), place, row.id) {
                (true, _, _) => None,
                (false, Place::Publish, 0x0B) => Some(Malformed::SubscriptionIdentifierFromClient),
                (false, _, id) => Some(Malformed::PropertyMisplaced { id }),
            };
            assert_eq!(found, expected, "property {:#04x} in {place:?}", row.id);
            misplaced += usize::from(expected.is_some());
        }
    }
    assert_eq!(misplaced, 11 * 27 - allowed().count());
    assert!(
        misplaced > 200,
        "only {misplaced} misplaced properties were tried"
    );
}

#[test]
fn a_property_given_twice_is_refused_unless_it_is_the_users() {
    for (place, row) in allowed() {
        let expected = match row.kind {
            Kind::Pair => None,
            _ => Some(Malformed::PropertyTwice { id: row.id }),
        };
        // At once, and with something else between.
        let user = b"\x26\0\0\0\0".to_vec();
        let between = [Some(Vec::new()), Some(user), neighbour(place, row.id)];
        for other in between.into_iter().flatten() {
            let section = [row.bytes(), other, row.bytes()].concat();
            let found = fault_at(place, row.id, &section);
            assert_eq!(found, expected, "{section:x?} in {place:?}");
        }
    }
}

/// A property other than `id` that may stand beside it at `place`.
fn neighbour(place: Place, id: u8) -> Option<Vec<u8>> {
    allowed()
        .filter(|(at, row)| *at == place && ![id, 0x15, 0x16, 0x26].contains(&row.id))
        .map(|(_, row)| row.bytes())
        .next()
}

#[test]
fn a_property_cut_anywhere_in_its_value_is_refused() {
    let mut cuts = 0;
    for (place, row) in allowed() {
        for cut in 0..row.value.len() {
            let expected = Malformed::Truncated {
                field: Field::Property(row.id),
            };
            let found = fault_at(place, row.id, &row.bytes_with(&row.value[..cut]));
            assert_eq!(
                found,
                Some(expected),
                "{:#04x} in {place:?} cut at {cut}",
                row.id
            );
            cuts += 1;
        }
    }
    assert!(cuts > 150, "only {cuts} cuts were tried");
}

#[test]
fn a_section_longer_than_its_packet_is_refused() {
    for place in [
        Place::Connect,
        Place::Publish,
        Place::Subscribe,
        Place::PubAck,
        Place::Auth,
    ] {
        let frame = place.frame(&[]);
        // Where the empty section's length stands in the frames of the table.
        let length_at = match place {
            Place::Connect => 10,
            Place::Publish => 7,
            Place::Subscribe => 2,
            Place::PubAck => 3,
            _ => 1,
        };
        assert_eq!(frame.body[length_at], 0, "{place:?}");
        let field = Field::PropertyLength;
        for (length, expected) in [
            (&[0x7F][..], Malformed::Truncated { field }),
            (&[0xFF, 0xFF, 0xFF, 0x7F], Malformed::Truncated { field }),
            (
                &[0xFF, 0xFF, 0xFF, 0xFF, 0x01],
                Malformed::VarintTooLong { field },
            ),
            (&[0x80, 0x00], Malformed::VarintNotMinimal { field }),
        ] {
            let mut wrong = frame.clone();
            wrong
                .body
                .splice(length_at..=length_at, length.iter().copied());
            let found = fault(Version::V5, &wrong);
            assert_eq!(found, Some(expected), "{place:?} with length {length:x?}");
        }
    }
}

#[test]
fn identifiers_that_name_no_property_are_refused_everywhere() {
    let known: Vec<u32> = ROWS.iter().map(|row| u32::from(row.id)).collect();
    let unknown: Vec<u32> = (0..=300)
        .chain([268_435_455])
        .filter(|id| !known.contains(id))
        .collect();
    assert_eq!(unknown.len(), 302 - 27);
    for place in PLACES {
        for &id in &unknown {
            let section = Bytes::new().varint(id).raw(&[0; 8]).0;
            let found = fault(Version::V5, &place.frame(&section));
            assert_eq!(found, Some(Malformed::PropertyUnknown { id }), "{place:?}");
        }
        // The user property's identifier, padded to two bytes.
        let padded = fault(Version::V5, &place.frame(&[0xA6, 0x00, 0, 0, 0, 0]));
        assert_eq!(
            padded,
            Some(Malformed::VarintNotMinimal {
                field: Field::PropertyId
            })
        );
    }
}

#[test]
fn a_bool_is_nothing_but_0_or_1() {
    for (place, row) in allowed().filter(|(_, row)| row.kind == Kind::Bool) {
        for value in 0..=255 {
            let found = fault_at(place, row.id, &[row.id, value]);
            let expected = (value > 1).then_some(Malformed::PropertyNotBool { id: row.id, value });
            assert_eq!(found, expected, "{:#04x} in {place:?}", row.id);
        }
    }
}

#[test]
fn zero_is_refused_where_it_would_mean_nothing() {
    let wrong = [
        (
            Place::Connect,
            &[0x21, 0, 0][..],
            Malformed::ReceiveMaxZero,
            Reason::ProtocolError,
        ),
        (
            Place::Connect,
            &[0x27, 0, 0, 0, 0],
            Malformed::PacketBytesMaxZero,
            Reason::ProtocolError,
        ),
        (
            Place::Publish,
            &[0x23, 0, 0],
            Malformed::TopicAliasZero,
            Reason::TopicAliasInvalid,
        ),
        (
            Place::Subscribe,
            &[0x0B, 0],
            Malformed::SubscriptionIdentifierZero,
            Reason::ProtocolError,
        ),
    ];
    for (place, section, malformed, reason) in wrong {
        assert_eq!(fault(Version::V5, &place.frame(section)), Some(malformed));
        assert_eq!(malformed.reason(), reason);
    }
    // The other numbers may be zero.
    for (place, section) in [
        (Place::Connect, &[0x11, 0, 0, 0, 0][..]),
        (Place::Connect, &[0x22, 0, 0]),
        (Place::Will, &[0x18, 0, 0, 0, 0]),
        (Place::Publish, &[0x02, 0, 0, 0, 0]),
    ] {
        assert_eq!(
            fault(Version::V5, &place.frame(section)),
            None,
            "{section:x?}"
        );
    }
}

#[test]
fn a_subscription_identifier_is_a_whole_minimal_integer() {
    let field = Field::Property(0x0B);
    for (value, expected) in [
        (&[0xFF, 0xFF, 0xFF, 0x7F][..], None),
        (
            &[0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            Some(Malformed::VarintTooLong { field }),
        ),
        (
            &[0x81, 0x80, 0x00],
            Some(Malformed::VarintNotMinimal { field }),
        ),
    ] {
        let section = Bytes::new().u8(0x0B).raw(value).0;
        assert_eq!(
            fault(Version::V5, &Place::Subscribe.frame(&section)),
            expected
        );
    }
}

#[test]
fn text_in_a_property_is_well_formed_and_without_nul() {
    let mut tried = 0;
    for (place, row) in allowed() {
        let field = Field::Property(row.id);
        let values: &[&[u8]] = match row.kind {
            Kind::Text => &[b"\0\x02\xC3\x28", b"\0\x03\xED\xA0\x80", b"\0\x03a\0b"],
            Kind::Pair => &[
                b"\0\x02\xC3\x28\0\0",
                b"\0\x01k\0\x04\xF4\x90\x80\x80",
                b"\0\x01k\0\x01\0",
                b"\0\x02\0k\0\0",
            ],
            _ => continue,
        };
        for value in values {
            let has_nul = str::from_utf8(&value[2..]).is_ok();
            let expected = if has_nul {
                Malformed::HasNul { field }
            } else {
                Malformed::NotUtf8 { field }
            };
            let found = fault_at(place, row.id, &row.bytes_with(value));
            assert_eq!(found, Some(expected), "{value:x?} in {place:?}");
            tried += 1;
        }
    }
    assert!(tried > 80, "only {tried} texts were tried");
}

#[test]
fn misplaced_is_malformed_and_twice_is_a_protocol_error() {
    assert_eq!(
        Malformed::PropertyMisplaced { id: 1 }.reason(),
        Reason::MalformedPacket
    );
    assert_eq!(
        Malformed::PropertyUnknown { id: 0 }.reason(),
        Reason::MalformedPacket
    );
    assert_eq!(
        Malformed::PropertyTwice { id: 1 }.reason(),
        Reason::ProtocolError
    );
    assert_eq!(
        Malformed::PropertyNotBool { id: 1, value: 2 }.reason(),
        Reason::ProtocolError
    );
}

#[test]
fn earlier_versions_have_no_properties() {
    for version in [Version::V31, Version::V311] {
        // The section's length byte becomes payload; a non-empty acknowledgement is too long.
        assert_eq!(fault(version, &Place::Publish.frame(&[])), None);
        let found = fault(version, &Place::PubAck.frame(&[]));
        assert_eq!(found, Some(Malformed::TrailingBytes { bytes: 2 }));
        let found = fault(version, &Place::Disconnect.frame(&[]));
        assert_eq!(found, Some(Malformed::TrailingBytes { bytes: 2 }));
        assert_eq!(
            fault(version, &Place::Auth.frame(&[])),
            Some(Malformed::AuthBeforeV5)
        );
    }
}
