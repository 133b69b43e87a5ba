//! What a newcomer shows of itself, and what a gateway knows it by: users, tokens.

use super::client::Client;
use super::gateway::{Gateway, config_file, run_with_input};
use super::wire::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const NULL_ROUTE: &str = "[[route]]\nfilter = \"#\"\ntopic = \"\"\n";
pub(crate) const SECRET: &str = "a secret of at least 32 bytes here";
/// Reads tokens under that secret.
pub(crate) const JWT: &str = "[auth.jwt]\nsecret = \"a secret of at least 32 bytes here\"\n\
    algorithms = [\"HS256\"]\ngroups_claim = \"groups\"\nclaims = [\"site\"]\n";

/// A file of users.
pub(crate) struct Users(PathBuf);

impl Users {
    pub(crate) fn of(users: &[(&str, &str)]) -> Users {
        let file = Users(config_file(""));
        users
            .iter()
            .for_each(|(name, password)| file.put(name, password));
        file
    }

    pub(crate) fn put(&self, name: &str, password: &str) {
        put(&self.0.display().to_string(), name, password);
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.0
    }

    pub(crate) fn section(&self) -> String {
        format!("[auth.users]\nfile = {:?}\n", self.0.display().to_string())
    }
}

/// Adds a user to a file, as the operator does.
pub(crate) fn put(path: &str, name: &str, password: &str) {
    let ended = run_with_input(&["passwd", path, name], &format!("{password}\n"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// A CONNECT that shows these.
pub(crate) fn shown<'a>(
    version: u8,
    client_id: &'a str,
    user: Option<&'a str>,
    password: Option<&'a str>,
) -> Connect<'a> {
    Connect {
        user,
        password: password.map(str::as_bytes),
        ..Connect::new(version, client_id)
    }
}

/// What a gateway says to such a CONNECT.
pub(crate) fn knock(
    gateway: &Gateway,
    version: u8,
    client_id: &str,
    user: Option<&str>,
    password: Option<&str>,
) -> u8 {
    knock_at(gateway.mqtt(), version, client_id, user, password)
}

/// The same at one of its listeners.
pub(crate) fn knock_at(
    target: SocketAddr,
    version: u8,
    client_id: &str,
    user: Option<&str>,
    password: Option<&str>,
) -> u8 {
    let mut client = Client::dial(target, version);
    client.send(&shown(version, client_id, user, password).encode());
    let reason = client.expect(CONNACK).reason();
    match reason {
        0 => client.leave(0, &[]),
        _ => assert_eq!(client.packet(), None, "nothing comes behind a refusal"),
    }
    reason
}

/// A token with this header and these claims, signed by HMAC-SHA-256 whatever the header says.
pub(crate) fn token(header: &str, claims: &str, secret: &str) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("keys of any length do");
    let signature = mac.chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", encode(&signature))
}

pub(crate) fn now_unix_sec() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is past 1970").as_secs()
}

/// Reads a request to its end and answers it once; what it was.
pub(crate) fn answer(mut stream: TcpStream, status: &str, body: &str) -> String {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !request.ends_with(b"}") {
        let length = stream.read(&mut chunk).expect("a request comes");
        assert!(length > 0, "it was cut");
        request.extend_from_slice(&chunk[..length]);
    }
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream
        .write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())
        .expect("the gateway reads");
    String::from_utf8_lossy(&request).into_owned()
}
