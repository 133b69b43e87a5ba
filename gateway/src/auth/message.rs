//! Takes apart what a SCRAM client says (RFC 5802, section 7), borrowing from the bytes.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::keys::KEY_BYTES;
use super::refusal::Refusal;
use super::{CLIENT_FINAL_BYTES_MAX, CLIENT_FIRST_BYTES_MAX, CLIENT_NONCE_BYTES_MAX};

/// `n,a=name,n=name,r=nonce`: whom the client claims to be.
pub(super) struct ClientFirst<'a> {
    /// Channel-binding flag and authzid with both commas: what `c=` must repeat in base64.
    pub(super) header: &'a str,
    /// What comes behind the header: the first part of what both sides sign.
    pub(super) bare: &'a str,
    /// Prepared by SASLprep; never empty.
    pub(super) name: String,
    pub(super) nonce: &'a str,
}

/// `c=header,r=nonce,p=proof`: that the client is whom it claims to be.
pub(super) struct ClientFinal<'a> {
    /// Base64, as it came.
    pub(super) binding: &'a str,
    pub(super) nonce: &'a str,
    /// Everything in front of `,p=`: the last part of what both sides sign.
    pub(super) without_proof: &'a str,
    pub(super) proof: [u8; KEY_BYTES],
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let text = text(bytes, CLIENT_FIRST_BYTES_MAX)?;
        let (flag, rest) = text.split_once(',').ok_or(garbled("header"))?;
        match flag {
            // `y`: the client could bind and thinks that the server cannot, which is true.
            "n" | "y" => {}
            _ if flag.starts_with("p=") => return Err(Refusal::ChannelBinding),
            _ => return Err(garbled("header")),
        }
        let (authzid, bare) = rest.split_once(',').ok_or(garbled("header"))?;
        let header = &text[..text.len() - bare.len()];
        if bare.starts_with("m=") {
            return Err(Refusal::Extension);
        }
        let mut fields = bare.split(',');
        let name = prepared(value(fields.next(), "n=", "name")?)?;
        if !authzid.is_empty() && prepared(value(Some(authzid), "a=", "authzid")?)? != name {
            return Err(Refusal::Authzid);
        }
        let nonce = value(fields.next(), "r=", "nonce")?;
        let printable = nonce.bytes().all(|byte| byte.is_ascii_graphic());
        if nonce.is_empty() || nonce.len() > CLIENT_NONCE_BYTES_MAX || !printable {
            return Err(garbled("nonce"));
        }
        check_extensions(fields)?;
        Ok(Self {
            header,
            bare,
            name,
            nonce,
        })
    }
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let text = text(bytes, CLIENT_FINAL_BYTES_MAX)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(garbled("proof"))?;
        let proof = STANDARD.decode(proof).map_err(|_| garbled("proof"))?;
        let mut fields = without_proof.split(',');
        let binding = value(fields.next(), "c=", "channel binding")?;
        let nonce = value(fields.next(), "r=", "nonce")?;
        check_extensions(fields)?;
        Ok(Self {
            binding,
            nonce,
            without_proof,
            proof: proof.try_into().map_err(|_| garbled("proof"))?,
        })
    }
}

/// A name or password as RFC 4013 wants it compared.
pub(super) fn saslprep(text: &str) -> Result<Cow<'_, str>, Refusal> {
    let prepared = stringprep::saslprep(text).map_err(|_| Refusal::Name)?;
    if prepared.is_empty() {
        return Err(Refusal::Name);
    }
    Ok(prepared)
}

fn prepared(saslname: &str) -> Result<String, Refusal> {
    Ok(saslprep(&unescaped(saslname)?)?.into_owned())
}

/// A saslname: `=2C` is a comma, `=3D` an equals sign, and no other `=` may stand in it.
fn unescaped(saslname: &str) -> Result<Cow<'_, str>, Refusal> {
    let mut parts = saslname.split('=');
    let first = parts.next().unwrap_or_default();
    if first.len() == saslname.len() {
        return Ok(Cow::Borrowed(saslname));
    }
    let mut name = first.to_owned();
    for part in parts {
        let (meant, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(garbled("name")),
        };
        name.push(meant);
        name.push_str(rest);
    }
    Ok(Cow::Owned(name))
}

/// Extensions that need not be understood are passed over, but they must look like such.
fn check_extensions<'a>(mut fields: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let is_attribute = |field: &str| {
        let bytes = field.as_bytes();
        bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b'='
    };
    match fields.all(is_attribute) {
        true => Ok(()),
        false => Err(garbled("extension")),
    }
}

fn value<'a>(
    field: Option<&'a str>,
    attribute: &str,
    name: &'static str,
) -> Result<&'a str, Refusal> {
    field
        .and_then(|field| field.strip_prefix(attribute))
        .ok_or(garbled(name))
}

fn text(bytes: &[u8], bytes_max: usize) -> Result<&str, Refusal> {
    if bytes.len() > bytes_max {
        return Err(Refusal::TooLong);
    }
    std::str::from_utf8(bytes).map_err(|_| garbled("text"))
}

fn garbled(field: &'static str) -> Refusal {
    Refusal::Garbled { field }
}
