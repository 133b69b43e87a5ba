//! Frames cut anywhere, and what a server must not send.

use super::*;

const NONCE: [u8; 16] = *b"the sample nonce";
const MASK: [u8; 4] = [1, 2, 3, 4];

fn answer() -> Vec<u8> {
    let accept = upgrade::accept(&NONCE);
    let text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\
         Sec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
    text.into_bytes()
}

/// What a server sends: no mask.
fn unmasked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first_byte];
    match payload.len() {
        short @ 0..=125 => out.push(short as u8),
        long => {
            out.push(126);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

/// One that is up.
fn opened() -> WebSocket {
    let mut websocket = WebSocket::new(NONCE);
    let up = websocket.open(&mut answer(), MASK, &mut Vec::new());
    assert_eq!(up, Ok(true));
    websocket
}

#[test]
fn packets_come_out_whole_however_frames_are_cut() {
    let long = [7; 300];
    let mut stream = answer();
    stream.extend(unmasked(FIN | BINARY, b"one"));
    stream.extend(unmasked(FIN | PING, b"ping"));
    stream.extend(unmasked(BINARY, b"tw"));
    stream.extend(unmasked(FIN | CONTINUATION, b"o"));
    stream.extend(unmasked(FIN | BINARY, b""));
    stream.extend(unmasked(FIN | PONG, b""));
    stream.extend(unmasked(FIN | BINARY, &long));
    let mut pong = Vec::new();
    write(PONG, MASK, b"ping", &mut pong);
    let mut expected = b"onetwo".to_vec();
    expected.extend(long);
    for step in 1..stream.len() {
        let (mut websocket, mut read, mut owed) = (WebSocket::new(NONCE), Vec::new(), Vec::new());
        let mut ups = 0;
        for chunk in stream.chunks(step) {
            let mut bytes = chunk.to_vec();
            let is_up = websocket.open(&mut bytes, MASK, &mut owed);
            ups += u32::from(is_up.expect("the stream is good"));
            read.extend(bytes);
        }
        assert_eq!((ups, &read, &owed), (1, &expected, &pong), "step {step}");
        assert_eq!(websocket.cut.capacity(), 0, "an idle one owns no memory");
    }
}

#[test]
fn what_a_server_must_not_send_is_named() {
    let fault_of = |bytes: &[u8]| opened().open(&mut bytes.to_vec(), MASK, &mut Vec::new());
    let named = |fault| Err(Close::WebSocket(fault));
    assert_eq!(fault_of(&[0x81, 0]), named(FrameFault::Opcode(1)));
    assert_eq!(fault_of(&[0x82, 0x80]), named(FrameFault::Masked));
    assert_eq!(fault_of(&[0xc2, 0]), named(FrameFault::Reserved));
    assert_eq!(fault_of(&[PING, 0]), named(FrameFault::Control));
    assert_eq!(
        fault_of(&[FIN | PING, 126, 0, 126]),
        named(FrameFault::Control)
    );
    assert_eq!(
        fault_of(&unmasked(FIN | CLOSE, &GOODBYE)),
        Err(Close::Ended)
    );
}

#[test]
fn what_we_send_is_masked_and_has_the_length_that_fits() {
    for (length, head_bytes) in [(125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10)] {
        let (payload, mut out) = (vec![9; length], Vec::new());
        frame(MASK, &payload, &mut out);
        assert_eq!((out[0], out[1] & MASKED), (FIN | BINARY, MASKED));
        assert_eq!(out.len(), head_bytes + 4 + length);
        let masked = &out[head_bytes + 4..];
        assert!(
            masked
                .iter()
                .enumerate()
                .all(|(at, byte)| byte ^ MASK[at % 4] == 9)
        );
    }
}
