//! A SCRAM client written from RFC 5802: it shares the hash with the server and nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

pub(super) const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";

/// Knows a name, already escaped, and a password, already prepared.
pub(super) struct Client {
    name: String,
    password: String,
    header: &'static str,
    extensions: &'static str,
}

impl Client {
    pub(super) fn new(name: &str, password: &str) -> Client {
        Client {
            name: name.to_owned(),
            password: password.to_owned(),
            header: "n,,",
            extensions: "",
        }
    }

    pub(super) fn header(self, header: &'static str) -> Client {
        Client { header, ..self }
    }

    /// Behind the nonce, in both messages.
    pub(super) fn extensions(self, extensions: &'static str) -> Client {
        Client { extensions, ..self }
    }

    pub(super) fn first(&self) -> String {
        format!("{}{}", self.header, self.bare())
    }

    fn bare(&self) -> String {
        format!("n={},r={NONCE}{}", self.name, self.extensions)
    }

    pub(super) fn last(&self, server_first: &str) -> String {
        let without_proof = self.without_proof(server_first);
        let client_key = hmac(&self.salted(server_first), b"Client Key");
        let signature = hmac(
            &Sha256::digest(client_key),
            self.said(server_first).as_bytes(),
        );
        let proof: Vec<u8> = client_key
            .iter()
            .zip(signature)
            .map(|(a, b)| a ^ b)
            .collect();
        format!("{without_proof},p={}", STANDARD.encode(proof))
    }

    /// What a server that knows the password must answer.
    pub(super) fn server_final(&self, server_first: &str) -> String {
        let server_key = hmac(&self.salted(server_first), b"Server Key");
        let signature = hmac(&server_key, self.said(server_first).as_bytes());
        format!("v={}", STANDARD.encode(signature))
    }

    fn without_proof(&self, server_first: &str) -> String {
        let nonce = field(server_first, "r=");
        let binding = STANDARD.encode(self.header);
        format!("c={binding},r={nonce}{}", self.extensions)
    }

    fn said(&self, server_first: &str) -> String {
        let last = self.without_proof(server_first);
        format!("{},{server_first},{last}", self.bare())
    }

    fn salted(&self, server_first: &str) -> [u8; 32] {
        let salt = STANDARD.decode(field(server_first, "s=")).expect("a salt");
        let rounds: u32 = field(server_first, "i=").parse().expect("a number");
        // Hi() as RFC 5802 writes it down.
        let password = self.password.as_bytes();
        let mut block = hmac(password, &[&salt[..], &[0, 0, 0, 1]].concat());
        let mut sum = block;
        for _ in 1..rounds {
            block = hmac(password, &block);
            sum.iter_mut()
                .zip(block)
                .for_each(|(sum, byte)| *sum ^= byte);
        }
        sum
    }
}

/// One attribute of a server-first message.
pub(super) fn field<'a>(message: &'a str, attribute: &str) -> &'a str {
    let found = message
        .split(',')
        .find_map(|field| field.strip_prefix(attribute));
    found.unwrap_or_else(|| panic!("no {attribute} in {message}"))
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
