//! A connection from its first byte to MQTT's, through all that stands between.

use crate::limits::{FRAME_BYTES_MAX, HEAD_BYTES_MAX, PROXY_V2_BYTES_MAX};
use crate::proxy::{Expect, Verdict};
use crate::upgrade::{AwaitRequest, Front, Rules};
use crate::websocket::{CloseCode, Decoder, End, encode};
use crate::{proxy, upgrade, websocket};

const HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 40001 8083\r\n";

const REQUEST: &[u8] = b"GET /mqtt HTTP/1.1\r\n\
    Host: broker.example\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: mqtt\r\n\r\n";

/// CONNECT and PINGREQ of MQTT in one frame and a half, unmasked by a key of zeros, then a close.
const FRAMES: &[u8] = b"\x02\x85\0\0\0\0\x10\x0D\x00\x04M\
    \x80\x8C\0\0\0\0QTT\x04\x02\x00\x3C\x00\x01a\xC0\x00\
    \x88\x80\0\0\0\0";

const MQTT: &[u8] = b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x3C\x00\x01a\xC0\x00";

/// Where a connection is, as a shard would hold it.
enum Stage {
    Proxy,
    Upgrade(AwaitRequest),
    WebSocket(Decoder),
}

/// Feeds the pieces one by one; says what MQTT got, what the client got, and how it ended.
fn run<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<u8>, Option<End>) {
    let rules = Rules {
        path: Some("/mqtt"),
        head_bytes_max: HEAD_BYTES_MAX,
    };
    let mut stage = Stage::Proxy;
    let (mut kept, mut data, mut out, mut end) = (Vec::new(), Vec::new(), Vec::new(), None);
    for piece in pieces {
        kept.extend_from_slice(piece);
        if let Stage::Proxy = stage {
            let verdict = Expect::Header.on_bytes(&kept, PROXY_V2_BYTES_MAX);
            match verdict.expect("the header is right") {
                Verdict::Header { header_bytes, .. } => drop(kept.drain(..header_bytes)),
                Verdict::Wait { .. } => continue,
                Verdict::Direct => panic!("a header was sent"),
            }
            stage = Stage::Upgrade(AwaitRequest::default());
        }
        if let Stage::Upgrade(request) = &mut stage {
            let front = request
                .on_bytes(&kept, &rules)
                .expect("the request is right");
            let Front::Request {
                upgrade,
                head_bytes,
            } = front
            else {
                continue;
            };
            upgrade.answer(&mut out);
            kept.drain(..head_bytes);
            stage = Stage::WebSocket(Decoder::default());
        }
        if let Stage::WebSocket(decoder) = &mut stage {
            let read = decoder.on_read(&mut kept, 0, FRAME_BYTES_MAX);
            data.extend_from_slice(read.data);
            if let Some(why) = read.end {
                encode::close(why.answer(), &mut out);
                end = Some(why);
            }
            kept.clear();
        }
    }
    (data, out, end)
}

#[test]
fn the_first_bytes_of_mqtt_come_through_wherever_the_stream_is_cut() {
    let bytes = [HEADER, REQUEST, FRAMES].concat();
    let at_once = run([&bytes[..]]);
    assert_eq!(at_once.0, MQTT);
    assert!(at_once.1.starts_with(b"HTTP/1.1 101 ") && at_once.1.ends_with(b"\r\n\r\n\x88\x00"));
    assert_eq!(at_once.2, Some(End::Closed { code: None }));
    for cut in 0..=bytes.len() {
        assert_eq!(run([&bytes[..cut], &bytes[cut..]]), at_once, "cut at {cut}");
    }
    assert_eq!(run(bytes.chunks(1)), at_once, "a byte at a time");
}

#[test]
fn mqtt_without_websocket_is_told_apart_from_it() {
    let mut request = AwaitRequest::default();
    let rules = Rules {
        path: None,
        head_bytes_max: HEAD_BYTES_MAX,
    };
    let refusal = request.on_bytes(MQTT, &rules).err();
    assert_eq!(refusal, Some(upgrade::Refusal::NotHttp));
    let mut bytes = MQTT.to_vec();
    let read = Decoder::default().on_read(&mut bytes, 0, FRAME_BYTES_MAX);
    let Some(end) = read.end else {
        panic!("plain MQTT was taken for frames");
    };
    assert_eq!(end.answer(), Some(CloseCode::PROTOCOL_ERROR));
}

#[test]
fn no_two_faults_share_a_name() {
    let mut names = [
        proxy::Malformed::NAMES,
        proxy::Refusal::NAMES,
        proxy::NetworkFault::NAMES,
        upgrade::Refusal::NAMES,
        websocket::Malformed::NAMES,
    ]
    .concat();
    let count = names.len();
    assert!(count > 60, "{count} names");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
