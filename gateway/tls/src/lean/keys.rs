//! Keys from traffic secrets, and single records under a key [RFC 8446 5.2, 5.3, 7].

use aws_lc_rs::aead::{self, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use super::Aead;
use crate::fault::Fault;
use crate::limits::{HEADER_BYTES, PLAIN_BYTES_MAX, SEAL_BYTES};

const KEY_BYTES_MAX: usize = 32;
const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const APPLICATION_DATA: u8 = 23;
/// The longest label used here is "tls13 traffic upd".
const LABEL_BYTES_MAX: usize = 2 + 1 + 17 + 1;

/// What opens or seals the records of one direction until the next KeyUpdate.
pub(super) struct Keys {
    key: LessSafeKey,
    iv: [u8; IV_BYTES],
}

impl Keys {
    pub(super) fn derive(aead: Aead, secret: &[u8]) -> Keys {
        let (key, iv) = derive(aead, secret);
        let unbound = UnboundKey::new(algorithm(aead), &key[..key_bytes(aead)]);
        // `key_bytes` is the length that `algorithm` has.
        Keys {
            key: LessSafeKey::new(unbound.unwrap()),
            iv,
        }
    }

    /// Decrypts a whole record in place; gives the content type and the length of the content,
    /// which begins behind the header.
    pub(super) fn open(&self, seq: u64, record: &mut [u8]) -> Result<(u8, usize), Fault> {
        let Some((header, body)) = record.split_first_chunk_mut::<HEADER_BYTES>() else {
            return Err(Fault::Malformed);
        };
        // After the handshake every record looks like data [RFC 8446 5.2].
        if header[0] != APPLICATION_DATA {
            return Err(Fault::UnexpectedMessage);
        }
        let opened = self
            .key
            .open_in_place(self.nonce(seq), aead::Aad::from(*header), body);
        let inner = opened.map_err(|_| Fault::BadRecordMac)?;
        if inner.len() > PLAIN_BYTES_MAX + 1 {
            return Err(Fault::RecordOverflow);
        }
        // Padding is zeros behind the content type [RFC 8446 5.4].
        match inner.iter().rposition(|byte| *byte != 0) {
            Some(content_bytes) => Ok((inner[content_bytes], content_bytes)),
            None => Err(Fault::UnexpectedMessage),
        }
    }

    /// Appends one record; `content` is at most [`PLAIN_BYTES_MAX`] long.
    pub(super) fn seal(&self, seq: u64, kind: u8, content: &[u8], out: &mut Vec<u8>) {
        let length = content.len() + SEAL_BYTES - HEADER_BYTES;
        let [_, .., high, low] = length.to_be_bytes();
        let header = [APPLICATION_DATA, 3, 3, high, low];
        out.reserve(content.len() + SEAL_BYTES);
        out.extend_from_slice(&header);
        let body = out.len();
        out.extend_from_slice(content);
        out.push(kind);
        let aad = aead::Aad::from(header);
        let sealed = self
            .key
            .seal_in_place_separate_tag(self.nonce(seq), aad, &mut out[body..]);
        // AEADs refuse only what is longer than any record.
        out.extend_from_slice(sealed.unwrap().as_ref());
    }

    /// The sequence number, in network order, over the tail of the iv [RFC 8446 5.3].
    fn nonce(&self, seq: u64) -> Nonce {
        let mut nonce = self.iv;
        for (byte, of_seq) in nonce[IV_BYTES - 8..].iter_mut().zip(seq.to_be_bytes()) {
            *byte ^= of_seq;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

pub(super) fn key_bytes(aead: Aead) -> usize {
    algorithm(aead).key_len()
}

fn algorithm(aead: Aead) -> &'static aead::Algorithm {
    match aead {
        Aead::Aes128Gcm => &aead::AES_128_GCM,
        Aead::Aes256Gcm => &aead::AES_256_GCM,
        Aead::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
    }
}

/// Key (its first `key_bytes`) and iv of a traffic secret [RFC 8446 7.3].
pub(super) fn derive(
    aead: Aead,
    secret: &[u8],
) -> (Zeroizing<[u8; KEY_BYTES_MAX]>, [u8; IV_BYTES]) {
    let prk = prk(secret);
    let (mut key, mut iv) = (Zeroizing::new([0; KEY_BYTES_MAX]), [0; IV_BYTES]);
    expand(&prk, "key", &mut key[..key_bytes(aead)]);
    expand(&prk, "iv", &mut iv);
    (key, iv)
}

/// application_traffic_secret_N+1 in the place of N [RFC 8446 7.2].
pub(super) fn next_secret<const S: usize>(secret: &mut [u8; S]) {
    let prk = prk(secret);
    expand(&prk, "traffic upd", secret);
}

fn prk(secret: &[u8]) -> hkdf::Prk {
    let hash = if secret.len() == 48 {
        hkdf::HKDF_SHA384
    } else {
        hkdf::HKDF_SHA256
    };
    hkdf::Prk::new_less_safe(hash, secret)
}

/// HKDF-Expand-Label with an empty context [RFC 8446 7.1].
fn expand(prk: &hkdf::Prk, name: &str, out: &mut [u8]) {
    let mut label = [0; LABEL_BYTES_MAX];
    label[1] = out.len() as u8;
    label[2] = (6 + name.len()) as u8;
    label[3..9].copy_from_slice(b"tls13 ");
    label[9..9 + name.len()].copy_from_slice(name.as_bytes());
    let info = [&label[..9 + name.len() + 1]];
    // HKDF gives up to 255 hashes; nothing here asks for more than two.
    prk.expand(&info, Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .unwrap();
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

const _: () = assert!(SEAL_BYTES == HEADER_BYTES + 1 + TAG_BYTES);
