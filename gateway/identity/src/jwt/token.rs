//! Takes a token apart (RFC 7515, section 3.1), believing nothing of it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::Algorithm;
use crate::limits::TOKEN_BYTES_MAX;

/// A token in its parts, nothing of which is proven yet.
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<Box<str>>,
    /// Header and claims as they came, which is what was signed.
    pub(super) signed: &'a [u8],
    /// The claims in base64url: they are not looked into before the signature has been.
    pub(super) claims: &'a [u8],
    pub(super) signature: Vec<u8>,
}

/// Whether a text is meant as a token, right or wrong: `eyJ` and the like is a brace in base64url,
/// and two dots follow. No password is that by accident.
pub(super) fn looks_like_one(text: &[u8]) -> bool {
    let is_brace = text.starts_with(b"ey") || text.starts_with(b"ew");
    // Longer than any token: it is refused by its length, so its dots need not be counted.
    is_brace && (text.len() > TOKEN_BYTES_MAX || text.iter().filter(|b| **b == b'.').count() == 2)
}

impl<'a> Token<'a> {
    pub(super) fn read(text: &'a [u8]) -> Option<Self> {
        let mut dots = text.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        let (first, _) = dots.next()?;
        let (second, _) = dots.next()?;
        let header = object(&text[..first])?;
        // What a signer marks as critical must be understood, and nothing of that kind is.
        if header.contains_key("crit") {
            return None;
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.as_str().into()),
            Some(_) => return None,
        };
        Some(Self {
            algorithm: Algorithm::from_name(header.get("alg")?.as_str()?)?,
            key_id,
            signed: &text[..second],
            claims: &text[first + 1..second],
            signature: URL_SAFE_NO_PAD.decode(&text[second + 1..]).ok()?,
        })
    }
}

/// The JSON object in a part of a token.
pub(super) fn object(part: &[u8]) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    match serde_json::from_slice(&json).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}
