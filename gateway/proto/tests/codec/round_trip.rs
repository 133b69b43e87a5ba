//! What a client says is what the server hears: decode(encode(x)) = x for every packet.

use crate::chance::for_seeds;
use crate::client::*;
use crate::made_up::*;
use crate::table::{PLACES, Place, ROWS};
use crate::wire::Frame;
use tributary_proto::decode;
use tributary_proto::frame::{Front, front};
use tributary_proto::packet::Packet;
use tributary_proto::version::Version;

/// The one frame that `bytes` are.
fn frame(bytes: &[u8]) -> (u8, &[u8]) {
    match front(bytes, u32::MAX) {
        Ok(Front::Frame {
            first_byte,
            body,
            rest: [],
        }) => (first_byte, body),
        other => panic!("not one whole frame: {other:?}"),
    }
}

fn packet(version: Version, bytes: &[u8]) -> Packet<'_> {
    let (first_byte, body) = frame(bytes);
    decode::packet(version, first_byte, body).expect("what a client wrote right is taken")
}

#[test]
fn a_connect_is_heard_as_it_was_said() {
    for_seeds(2000, |chance| {
        let said = any_connect(chance);
        let bytes = write_connect(&said);
        let (first_byte, body) = frame(&bytes);
        assert_eq!(first_byte, 0x10);
        assert_eq!(decode::connect(body), Ok(said));
    });
}

#[test]
fn a_publish_is_heard_as_it_was_said() {
    for_seeds(3000, |chance| {
        let version = chance.pick(&VERSIONS);
        let said = any_publish(chance, version);
        let bytes = write_publish(version, &said);
        assert_eq!(packet(version, &bytes), Packet::Publish(said));
    });
}

#[test]
fn an_acknowledgement_is_heard_as_it_was_said() {
    for_seeds(2000, |chance| {
        let version = chance.pick(&VERSIONS);
        let first_byte = chance.pick(&[0x40, 0x50, 0x62, 0x70]);
        let said = any_ack(chance, version, first_byte);
        let bytes = write_ack(chance, version, first_byte, &said);
        let expected = match first_byte {
            0x40 => Packet::PubAck(said),
            0x50 => Packet::PubRec(said),
            0x62 => Packet::PubRel(said),
            _ => Packet::PubComp(said),
        };
        assert_eq!(packet(version, &bytes), expected);
    });
}

#[test]
fn subscriptions_are_heard_as_they_were_said() {
    for_seeds(1000, |chance| {
        let version = chance.pick(&VERSIONS);
        let said = any_wanted(chance, version);
        let bytes = write_subscribe(version, &said);
        let Packet::Subscribe(heard) = packet(version, &bytes) else {
            panic!("not SUBSCRIBE")
        };
        assert_eq!(heard.packet_id, said.packet_id);
        assert_eq!(heard.subscription_identifier, said.identifier);
        assert_eq!(heard.user_properties, said.user_properties);
        assert_eq!(heard.count(), said.filters.len());
        assert_eq!(heard.filters.collect::<Vec<_>>(), said.filters);

        let bytes = write_unsubscribe(version, &said);
        let Packet::Unsubscribe(heard) = packet(version, &bytes) else {
            panic!("not UNSUBSCRIBE")
        };
        assert_eq!(
            (heard.packet_id, heard.count()),
            (said.packet_id, said.filters.len())
        );
        assert_eq!(heard.user_properties, said.user_properties);
        assert!(
            heard
                .filters
                .eq(said.filters.iter().map(|(filter, _)| *filter))
        );
    });
}

#[test]
fn a_ping_a_disconnect_and_an_auth_are_heard_as_they_were_said() {
    for_seeds(1000, |chance| {
        let version = chance.pick(&VERSIONS);
        assert_eq!(packet(version, &[0xC0, 0]), Packet::PingReq);
        let said = any_disconnect(chance, version);
        let bytes = write_disconnect(chance, version, &said);
        assert_eq!(packet(version, &bytes), Packet::Disconnect(said));
        let said = any_auth(chance);
        let bytes = write_auth(&said);
        assert_eq!(packet(Version::V5, &bytes), Packet::Auth(said));
    });
}

#[test]
fn user_properties_are_found_between_all_others() {
    for place in PLACES {
        // One user property before, between and after the others that this place may have.
        let mut section = b"\x26\0\x01k\0\x01v".to_vec();
        let mut expected = vec![("k", "v")];
        for row in ROWS
            .iter()
            .filter(|row| row.id != 0x26 && row.places.contains(&place))
        {
            section.extend(row.bytes());
            section.extend(b"\x26\0\x01l\0\x02\xC2\xB0");
            expected.push(("l", "°"));
        }
        let frame = place.frame(&section);
        assert_eq!(user_properties(place, &frame), expected, "{place:?}");
    }
}

fn user_properties(place: Place, frame: &Frame) -> Vec<(&str, &str)> {
    let found = match place {
        Place::Connect => {
            decode::connect(&frame.body)
                .unwrap()
                .properties
                .user_properties
        }
        Place::Will => {
            let connect = decode::connect(&frame.body).unwrap();
            connect.will.expect("a will").properties.user_properties
        }
        _ => match decode::packet(Version::V5, frame.first_byte, &frame.body).unwrap() {
            Packet::Publish(publish) => publish.properties.user_properties,
            Packet::PubAck(ack) | Packet::PubRec(ack) => ack.user_properties,
            Packet::PubRel(ack) | Packet::PubComp(ack) => ack.user_properties,
            Packet::Subscribe(subscribe) => subscribe.user_properties,
            Packet::Unsubscribe(unsubscribe) => unsubscribe.user_properties,
            Packet::Disconnect(disconnect) => disconnect.user_properties,
            Packet::Auth(auth) => auth.user_properties,
            Packet::PingReq => unreachable!("PINGREQ has no place for properties"),
        },
    };
    found.iter().collect()
}
