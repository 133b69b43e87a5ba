//! From a finished handshake to a lean connection, with the proof that its secrets are right.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use rustls::{ConnectionTrafficSecrets as Keys, ExtractedSecrets};

use super::keys::{derive, key_bytes};
use super::{Aead, Lean};
use crate::capture::Secrets;
use crate::fault::Fault;

impl<const S: usize> Lean<S> {
    /// Takes secrets and counters over, if the keys they give are the ones rustls has.
    ///
    /// The secrets come from a hook that is made for debugging, so this comparison, a microsecond
    /// per connection, is what the layer rests on: a change in rustls refuses clients, and can
    /// never mix up two connections.
    pub(crate) fn take_over(
        secrets: &Secrets,
        extracted: &ExtractedSecrets,
    ) -> Result<Box<Lean<S>>, Fault> {
        let (rx_seq, rx_keys) = &extracted.rx;
        let (tx_seq, tx_keys) = &extracted.tx;
        let aead = same_keys(&secrets.client, rx_keys)?;
        if same_keys(&secrets.server, tx_keys)? != aead {
            return Err(Fault::KeysDisagree);
        }
        let mut lean = Box::new(Lean {
            rx_secret: [0; S],
            tx_secret: [0; S],
            rx_seq: *rx_seq,
            tx_seq: u32::try_from(*tx_seq).map_err(|_| Fault::KeysDisagree)?,
            aead,
            flags: 0,
            pending: 0,
            hollow: 0,
        });
        let fits = secrets.client.len() == S && secrets.server.len() == S;
        if !fits || (S == 48) != (aead == Aead::Aes256Gcm) {
            return Err(Fault::KeysDisagree);
        }
        lean.rx_secret.copy_from_slice(&secrets.client);
        lean.tx_secret.copy_from_slice(&secrets.server);
        Ok(lean)
    }
}

fn same_keys(secret: &[u8], keys: &Keys) -> Result<Aead, Fault> {
    let (aead, key, iv) = match keys {
        Keys::Aes128Gcm { key, iv } => (Aead::Aes128Gcm, key, iv),
        Keys::Aes256Gcm { key, iv } => (Aead::Aes256Gcm, key, iv),
        Keys::Chacha20Poly1305 { key, iv } => (Aead::ChaCha20Poly1305, key, iv),
        _ => return Err(Fault::KeysDisagree),
    };
    let (our_key, our_iv) = derive(aead, secret);
    verify_slices_are_equal(&our_key[..key_bytes(aead)], key.as_ref())
        .and_then(|()| verify_slices_are_equal(&our_iv, iv.as_ref()))
        .map_err(|_| Fault::KeysDisagree)?;
    Ok(aead)
}
