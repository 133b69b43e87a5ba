//! The simple 1-RTT handshake of RFC 8448 section 3, from its application secrets on.

use super::*;

/// Hexadecimal digits in groups, as the RFC prints them.
fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
    digits
        .chunks(2)
        .map(|pair| byte(pair).expect("two digits"))
        .collect()
}

const CLIENT_SECRET: &str = "9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 87 5a fa 0b 06 df 00
    87 f7 92 eb b7 c1 75 04 a5";
const SERVER_SECRET: &str = "a1 1a f9 f0 55 31 f8 56 ad 47 11 6b 45 a9 50 32 82 04 b4 f4 4b fb 6b
    3a 4b 4f 1f 3f cb 63 16 43";
const CLIENT_DATA: &str = "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea
    42 f9 14 aa 66 bc ab 3f 2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92
    a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4";
const SERVER_DATA: &str = "17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc
    32 25 d0 5f 82 aa 1b 36 e3 0e fa f9 7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0
    a2 1c 00 47 c2 ab f3 32 54 0d d0 32 e1 67 c2 95 5d";
const CLIENT_ALERT: &str =
    "17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3";
const SERVER_ALERT: &str =
    "17 03 03 00 13 b5 8f d6 71 66 eb f5 99 d2 47 20 cf be 7e fa 7a 88 64 a9";

/// The server when the client's Finished has come and its ticket has gone out.
fn server() -> Lean<32> {
    let mut server = lean::<32>(0);
    server.rx_secret = bytes(CLIENT_SECRET).try_into().expect("32 bytes");
    server.tx_secret = bytes(SERVER_SECRET).try_into().expect("32 bytes");
    server.tx_seq = 1;
    server
}

#[test]
fn keys_are_the_ones_of_the_trace() {
    let (key, iv) = keys::derive(Aead::Aes128Gcm, &bytes(CLIENT_SECRET));
    assert_eq!(
        key[..16],
        bytes("17 42 2d da 59 6e d5 d9 ac d8 90 e3 c6 3f 50 51")
    );
    assert_eq!(iv[..], bytes("5b 78 92 3d ee 08 57 90 33 e5 23 d9"));
    let (key, iv) = keys::derive(Aead::Aes128Gcm, &bytes(SERVER_SECRET));
    assert_eq!(
        key[..16],
        bytes("9f 02 28 3b 6c 9c 07 ef c2 6b b9 f2 ac 92 e3 56")
    );
    assert_eq!(iv[..], bytes("cf 78 2b 88 dd 83 54 9a ad f1 e9 84"));
}

#[test]
fn the_clients_records_open() {
    let mut server = server();
    let payload: Vec<u8> = (0..50).collect();
    let (mut record, mut out) = (bytes(CLIENT_DATA), Vec::new());
    let opened = server.burst().open(&mut record, &mut out);
    assert_eq!(opened, Opened::Data(5..55));
    assert_eq!(record[5..55], payload);
    assert_eq!(
        open(&mut server, bytes(CLIENT_ALERT)),
        (Opened::Closed, Vec::new())
    );
}

#[test]
fn our_records_are_the_ones_of_the_trace_to_the_byte() {
    let mut server = server();
    let payload: Vec<u8> = (0..50).collect();
    let mut out = Vec::new();
    server.burst().seal(&payload, &mut out).expect("it is open");
    assert_eq!(out, bytes(SERVER_DATA));
    out.clear();
    server.burst().close(&mut out);
    assert_eq!(out, bytes(SERVER_ALERT));
}
