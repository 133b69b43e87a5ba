//! The comparison that the lean layer rests on: other keys than rustls's are never taken over.

use rustls::crypto::cipher::{AeadKey, Iv};
use rustls::{ConnectionTrafficSecrets, ExtractedSecrets};

use super::*;
use crate::capture::{Secret, Secrets};

const CLIENT: [u8; 32] = [3; 32];
const SERVER: [u8; 32] = [4; 32];

fn secrets(client: &[u8], server: &[u8]) -> Secrets {
    Secrets {
        client: Secret::new(client.to_vec()),
        server: Secret::new(server.to_vec()),
    }
}

/// What rustls would say for these secrets.
fn extracted(client: &[u8], server: &[u8]) -> ExtractedSecrets {
    let keys = |secret| {
        let (key, iv) = keys::derive(Aead::ChaCha20Poly1305, secret);
        ConnectionTrafficSecrets::Chacha20Poly1305 {
            key: AeadKey::from(*key),
            iv: Iv::from(iv),
        }
    };
    ExtractedSecrets {
        rx: (0, keys(client)),
        tx: (1, keys(server)),
    }
}

fn take_over(secrets: &Secrets, extracted: &ExtractedSecrets) -> Result<Box<Lean<32>>, Fault> {
    Lean::take_over(secrets, extracted)
}

#[test]
fn the_right_secrets_are_taken_over_with_the_counters() {
    let lean = take_over(&secrets(&CLIENT, &SERVER), &extracted(&CLIENT, &SERVER));
    let lean = lean.expect("they agree");
    assert_eq!((lean.rx_secret, lean.tx_secret), (CLIENT, SERVER));
    assert_eq!(
        (lean.rx_seq, lean.tx_seq, lean.aead),
        (0, 1, Aead::ChaCha20Poly1305)
    );
}

#[test]
fn secrets_of_another_connection_or_with_a_bit_turned_are_not() {
    let right = extracted(&CLIENT, &SERVER);
    let mut turned = CLIENT;
    turned[31] ^= 1;
    let mut long = [0; 48];
    long[..32].copy_from_slice(&CLIENT);
    for wrong in [
        secrets(&SERVER, &CLIENT),
        secrets(&CLIENT, &CLIENT),
        secrets(&turned, &SERVER),
        secrets(&CLIENT, &turned),
        secrets(&long, &long),
        secrets(&CLIENT[..31], &SERVER),
    ] {
        let taken = take_over(&wrong, &right);
        assert_eq!(taken.map(|_| ()), Err(Fault::KeysDisagree));
    }
}

#[test]
fn secrets_of_another_length_than_the_layers_are_not() {
    let taken: Result<Box<Lean<48>>, _> =
        Lean::take_over(&secrets(&CLIENT, &SERVER), &extracted(&CLIENT, &SERVER));
    assert_eq!(taken.map(|_| ()), Err(Fault::KeysDisagree));
}
