//! Issues tokens of every kind for the tests, right ones and wrong ones.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::Algorithm;

/// One key pair of each type.
pub(super) struct Issuer {
    pub(super) secret: Vec<u8>,
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

pub(super) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Issuer {
    pub(super) fn new() -> Self {
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING);
        Self {
            secret: (0..64).collect(),
            rsa: RsaKeyPair::generate(rsa::KeySize::Rsa2048).expect("a key can be made"),
            p256: p256.expect("a key can be made"),
            p384: p384.expect("a key can be made"),
            ed25519: Ed25519KeyPair::generate().expect("a key can be made"),
        }
    }

    pub(super) fn token(&self, algorithm: Algorithm, claims: &Value) -> String {
        self.token_with(
            algorithm,
            &json!({"alg": algorithm.name(), "typ": "JWT"}),
            claims,
        )
    }

    /// Signs by `algorithm`, whatever the header says.
    pub(super) fn token_with(
        &self,
        algorithm: Algorithm,
        header: &Value,
        claims: &Value,
    ) -> String {
        let signed = format!(
            "{}.{}",
            encoded(header.to_string()),
            encoded(claims.to_string())
        );
        let signature = self.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", encoded(signature))
    }

    fn sign(&self, algorithm: Algorithm, text: &[u8]) -> Vec<u8> {
        let hash = |hash| {
            let key = hmac::Key::new(hash, &self.secret);
            hmac::sign(&key, text).as_ref().to_vec()
        };
        let random = SystemRandom::new();
        match algorithm {
            Algorithm::Hs256 => hash(hmac::HMAC_SHA256),
            Algorithm::Hs384 => hash(hmac::HMAC_SHA384),
            Algorithm::Hs512 => hash(hmac::HMAC_SHA512),
            Algorithm::Rs256 => self.sign_rsa(&RSA_PKCS1_SHA256, text),
            Algorithm::Rs384 => self.sign_rsa(&RSA_PKCS1_SHA384, text),
            Algorithm::Rs512 => self.sign_rsa(&RSA_PKCS1_SHA512, text),
            Algorithm::Ps256 => self.sign_rsa(&RSA_PSS_SHA256, text),
            Algorithm::Ps384 => self.sign_rsa(&RSA_PSS_SHA384, text),
            Algorithm::Ps512 => self.sign_rsa(&RSA_PSS_SHA512, text),
            Algorithm::Es256 => {
                let signature = self.p256.sign(&random, text);
                signature.expect("it can be signed").as_ref().to_vec()
            }
            Algorithm::Es384 => {
                let signature = self.p384.sign(&random, text);
                signature.expect("it can be signed").as_ref().to_vec()
            }
            Algorithm::EdDsa => self.ed25519.sign(text).as_ref().to_vec(),
        }
    }

    fn sign_rsa(&self, encoding: &'static dyn RsaEncoding, text: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self.rsa.sign(encoding, &random, text, &mut signature);
        signed.expect("it can be signed");
        signature
    }

    /// The public keys as SubjectPublicKeyInfo: RSA, P-256, P-384, Ed25519.
    pub(super) fn ders(&self) -> [Vec<u8>; 4] {
        let rsa = self.rsa.public_key().as_der().expect("it can be written");
        let p256 = self.p256.public_key().as_der().expect("it can be written");
        let p384 = self.p384.public_key().as_der().expect("it can be written");
        let ed25519 = self
            .ed25519
            .public_key()
            .as_der()
            .expect("it can be written");
        [
            rsa.as_ref().to_vec(),
            p256.as_ref().to_vec(),
            p384.as_ref().to_vec(),
            ed25519.as_ref().to_vec(),
        ]
    }

    pub(super) fn pem(&self) -> String {
        self.ders()
            .iter()
            .map(|der| pem("PUBLIC KEY", der))
            .collect()
    }

    /// The public keys and the secret as a key set; `id` names each by its type.
    pub(super) fn key_set(&self) -> Value {
        // RFC 8017, A.1.1: two integers, the modulus behind 9 bytes, a zero among them.
        let rsa = self.rsa.public_key().as_ref();
        let n = encoded(&rsa[9..265]);
        let half = |point: &[u8], which: usize| {
            let length = (point.len() - 1) / 2;
            encoded(&point[1 + which * length..1 + (which + 1) * length])
        };
        let [p256, p384] = [&self.p256, &self.p384].map(|key| key.public_key().as_ref());
        json!({"keys": [
            {"kty": "RSA", "kid": "rsa", "n": n, "e": "AQAB", "use": "sig"},
            {"kty": "EC", "kid": "p256", "crv": "P-256", "x": half(p256, 0), "y": half(p256, 1)},
            {"kty": "EC", "kid": "p384", "crv": "P-384", "x": half(p384, 0), "y": half(p384, 1)},
            {"kty": "OKP", "kid": "ed", "crv": "Ed25519",
             "x": encoded(self.ed25519.public_key().as_ref())},
            {"kty": "oct", "kid": "oct", "k": encoded(&self.secret), "key_ops": ["verify"]},
        ]})
    }
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let lines: Vec<_> = STANDARD.encode(der).into_bytes();
    let lines = lines
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    format!(
        "-----BEGIN {label}-----\n{}-----END {label}-----\n",
        lines.collect::<String>()
    )
}
