//! A key with the algorithms that it is good for, and no others.

pub(super) mod set;

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;

use super::Algorithm;
use super::algorithm::Scheme;
use crate::fault::Fault;
use crate::limits::TOKEN_KEYS_MAX;
use crate::secret::Secret;

/// Bytes of the shortest RSA key that signatures are taken from: 2,048 bits (RFC 7518, 3.3).
const RSA_MODULUS_BYTES_MIN: usize = 256;

/// One key, parsed once for each algorithm that may be used with it.
pub(super) struct Key {
    /// `kid`, if its set names it.
    pub(super) id: Option<Box<str>>,
    verifiers: Vec<(Algorithm, Verifier)>,
}

enum Verifier {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

/// What a key is made of, by type.
enum Material<'a> {
    Secret(&'a [u8]),
    Rsa {
        n: &'a [u8],
        e: &'a [u8],
    },
    /// A point, not compressed.
    P256(&'a [u8]),
    P384(&'a [u8]),
    Ed25519(&'a [u8]),
    /// SubjectPublicKeyInfo, whose type is found out by parsing.
    Der(&'a [u8]),
}

impl Key {
    pub(super) fn is_good_for(&self, algorithm: Algorithm) -> bool {
        self.verifiers.iter().any(|(own, _)| *own == algorithm)
    }

    pub(super) fn has_signed(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        let own = self.verifiers.iter().find(|(own, _)| *own == algorithm);
        match own.map(|(_, verifier)| verifier) {
            None => false,
            // It compares in constant time, and only a tag in full length.
            Some(Verifier::Hmac(key)) => hmac::verify(key, text, signature).is_ok(),
            Some(Verifier::Public(key)) => key.verify_sig(text, signature).is_ok(),
        }
    }

    pub(super) fn from_secret(secret: &Secret, algorithms: &[Algorithm]) -> Result<Self, Fault> {
        let bytes = secret.as_bytes();
        for algorithm in algorithms {
            let Scheme::Hmac(hash) = algorithm.scheme() else {
                continue;
            };
            let wanted = secret_bytes_min(hash);
            if bytes.len() < wanted {
                let wrong = format!("has {} bytes, too few for {algorithm}", bytes.len());
                let right = format!("use {wanted} random bytes or more");
                return Err(Fault::new("secret", wrong, right));
            }
        }
        Ok(Self::new(None, &Material::Secret(bytes), algorithms))
    }

    /// Every `PUBLIC KEY` of the text.
    pub(super) fn from_pem(text: &str, algorithms: &[Algorithm]) -> Result<Vec<Self>, Fault> {
        let fault = |wrong: &str| {
            let right = "use PUBLIC KEY in PEM: RSA of 2,048 bits or more, P-256, P-384 or \
                         Ed25519, as `openssl pkey -pubout` writes it";
            Fault::new("public_key", wrong, right)
        };
        if text.contains("PRIVATE KEY") {
            return Err(fault("holds a private key, which has no business here"));
        }
        let mut keys = Vec::new();
        for der in SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes()) {
            let der = der.map_err(|_| fault("is no PEM"))?;
            let key = Self::new(None, &Material::Der(&der), algorithms);
            if key.verifiers.is_empty() {
                return Err(fault("holds a key for none of the algorithms"));
            }
            keys.push(key);
        }
        match keys.len() {
            0 => Err(fault("holds no PUBLIC KEY")),
            1..=TOKEN_KEYS_MAX => Ok(keys),
            _ => Err(fault("holds too many keys")),
        }
    }

    fn new(id: Option<Box<str>>, material: &Material<'_>, algorithms: &[Algorithm]) -> Self {
        let verifier = |algorithm: &Algorithm| Some((*algorithm, material.verifier(*algorithm)?));
        let verifiers = algorithms.iter().filter_map(verifier).collect();
        Self { id, verifiers }
    }
}

impl Material<'_> {
    /// `None` where the algorithm is not for keys of this type.
    fn verifier(&self, algorithm: Algorithm) -> Option<Verifier> {
        let key = match (algorithm.scheme(), self) {
            (Scheme::Hmac(hash), Material::Secret(secret)) => {
                let is_long = secret.len() >= secret_bytes_min(hash);
                return is_long.then(|| Verifier::Hmac(Box::new(hmac::Key::new(hash, secret))));
            }
            (Scheme::Rsa(parameters), Material::Rsa { n, e }) => {
                if n.len() < RSA_MODULUS_BYTES_MIN {
                    return None;
                }
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            (Scheme::P256(scheme), Material::P256(point)) => ParsedPublicKey::new(scheme, point),
            (Scheme::P384(scheme), Material::P384(point)) => ParsedPublicKey::new(scheme, point),
            (Scheme::Ed25519(scheme), Material::Ed25519(point)) => {
                ParsedPublicKey::new(scheme, point)
            }
            // Parsing says no to a key of another type. An RSA key is longer than its modulus.
            (Scheme::Rsa(parameters), Material::Der(der)) if der.len() > RSA_MODULUS_BYTES_MIN => {
                ParsedPublicKey::new(parameters, der)
            }
            (
                Scheme::P256(scheme) | Scheme::P384(scheme) | Scheme::Ed25519(scheme),
                Material::Der(der),
            ) => ParsedPublicKey::new(scheme, der),
            _ => return None,
        };
        key.ok().map(Verifier::Public)
    }
}

/// RFC 7518, section 3.2: at least as long as the hash.
fn secret_bytes_min(hash: hmac::Algorithm) -> usize {
    hash.digest_algorithm().output_len()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.verifiers.iter().map(|(own, _)| own.name()).collect();
        write!(f, "Key({:?}, {algorithms:?})", self.id)
    }
}
