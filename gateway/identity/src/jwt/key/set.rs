//! Reads a JSON Web Key Set (RFC 7517), passing over the keys that are for something else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Key, Material};
use crate::fault::Fault;
use crate::jwt::Algorithm;
use crate::limits::TOKEN_KEYS_MAX;

/// A coordinate of a point on P-256 and on P-384.
const P256_BYTES: usize = 32;
const P384_BYTES: usize = 48;
/// A point that is not compressed begins so (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The keys of the set that are good for one of the algorithms.
pub(in crate::jwt) fn read(text: &[u8], algorithms: &[Algorithm]) -> Result<Vec<Key>, Fault> {
    let fault = |wrong: &str, right: &str| Fault::new("key_set", wrong, right);
    let whole = "write {\"keys\": [...]} as RFC 7517 says";
    let json: Value = serde_json::from_slice(text).map_err(|_| fault("is no JSON", whole))?;
    let list = json.get("keys").and_then(Value::as_array);
    let list = list.ok_or_else(|| fault("has no list \"keys\"", whole))?;
    if list.len() > TOKEN_KEYS_MAX {
        let right = format!("keep at most {TOKEN_KEYS_MAX}");
        return Err(fault(&format!("has {} keys", list.len()), &right));
    }
    let objects = list.iter().filter_map(Value::as_object);
    let keys = objects.filter_map(|object| key(object, algorithms));
    let keys: Vec<_> = keys.filter(|key| !key.verifiers.is_empty()).collect();
    if keys.is_empty() {
        let right = "add a key of RSA, P-256, P-384, Ed25519, or take its algorithm on the list";
        return Err(fault("has no key for any of the algorithms", right));
    }
    Ok(keys)
}

/// The same for a set that anybody may read: what a secret in it signs proves nothing.
pub(in crate::jwt) fn read_public(
    text: &[u8],
    algorithms: &[Algorithm],
) -> Result<Vec<Key>, Fault> {
    let is_public = |algorithm: &Algorithm| !algorithm.needs_secret();
    let public: Vec<_> = algorithms.iter().copied().filter(is_public).collect();
    read(text, &public)
}

/// One key; `None` for a key that is of no use here, which is no fault (RFC 7517, section 5).
fn key(object: &Map<String, Value>, algorithms: &[Algorithm]) -> Option<Key> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    if let Some(operations) = object.get("key_ops").and_then(Value::as_array)
        && !operations.iter().any(|operation| operation == "verify")
    {
        return None;
    }
    let own = match object.get("alg") {
        None => algorithms.to_vec(),
        Some(alg) => {
            let own = Algorithm::from_name(alg.as_str()?)?;
            algorithms
                .iter()
                .copied()
                .filter(|other| *other == own)
                .collect()
        }
    };
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let id = text("kid").map(Box::from);
    match (text("kty")?, text("crv")) {
        ("RSA", None) => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            let (n, e) = (without_zeros(&n), without_zeros(&e));
            Some(Key::new(id, &Material::Rsa { n, e }, &own))
        }
        ("EC", Some("P-256")) => {
            let point = point(&bytes("x")?, &bytes("y")?, P256_BYTES)?;
            Some(Key::new(id, &Material::P256(&point), &own))
        }
        ("EC", Some("P-384")) => {
            let point = point(&bytes("x")?, &bytes("y")?, P384_BYTES)?;
            Some(Key::new(id, &Material::P384(&point), &own))
        }
        ("OKP", Some("Ed25519")) => Some(Key::new(id, &Material::Ed25519(&bytes("x")?), &own)),
        ("oct", None) => {
            let secret = Zeroizing::new(bytes("k")?);
            Some(Key::new(id, &Material::Secret(&secret), &own))
        }
        _ => None,
    }
}

/// Some issuers write a zero in front that RFC 7518, section 2 does not allow.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn point(x: &[u8], y: &[u8], coordinate_bytes: usize) -> Option<Vec<u8>> {
    // RFC 7518, section 6.2.1.2: in full length, zeros in front included.
    let is_full = x.len() == coordinate_bytes && y.len() == coordinate_bytes;
    is_full.then(|| [&[UNCOMPRESSED], x, y].concat())
}
