//! Which cipher suites are offered, and for rustls's record layer some with keys left as they are.
//!
//! rustls expands both keys of a connection once and keeps 640 bytes for each. Most connections
//! here say nothing for minutes, so those suites keep the 32 bytes of a key: rustls's own encrypter
//! is made of it when a record comes, and dropped behind it. Keys of AES-128 cannot be given to
//! rustls from outside: that suite is rustls's as it is.

use std::sync::LazyLock;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    OutboundOpaqueMessage, OutboundPlainMessage, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::{
    CipherSuiteCommon, ConnectionTrafficSecrets, Error, SupportedCipherSuite, Tls13CipherSuite,
};
use zeroize::Zeroize;

use crate::limits::{HEADER_BYTES, SEAL_BYTES};

/// For connections of the lean record layer, in our order, which goes before the client's.
///
/// AES-128 costs least everywhere the gateway runs, and AES-256 makes a connection 32 bytes bigger
/// and its secrets three times as dear, so a client that would rather have it gets it only if it
/// offers nothing else. Groups go by the client's order: one that wants X25519MLKEM768 gets it.
pub(crate) fn of_lean() -> CryptoProvider {
    provider([
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
    ])
}

/// For connections that rustls keeps.
///
/// Made anew for each record AES-256 costs less than ChaCha20, most of all for long ones. AES-128
/// goes last, for its keys are kept expanded. A client that changes over from a lean connection
/// does a full handshake, since rustls resumes with the suite that the ticket is of and no other.
pub(crate) fn of_rustls() -> CryptoProvider {
    provider([
        SupportedCipherSuite::Tls13(&AES_256),
        SupportedCipherSuite::Tls13(&CHACHA20),
        cipher_suite::TLS13_AES_128_GCM_SHA256,
    ])
}

fn provider(tls13: [SupportedCipherSuite; 3]) -> CryptoProvider {
    let tls12 = [
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];
    CryptoProvider {
        cipher_suites: tls13.into_iter().chain(tls12).collect(),
        ..default_provider()
    }
}

static AES_256: LazyLock<Tls13CipherSuite> = LazyLock::new(|| {
    static UNEXPANDED: LazyLock<Unexpanded> =
        LazyLock::new(|| Unexpanded::of(cipher_suite::TLS13_AES_256_GCM_SHA384));
    suite(&UNEXPANDED)
});

static CHACHA20: LazyLock<Tls13CipherSuite> = LazyLock::new(|| {
    static UNEXPANDED: LazyLock<Unexpanded> =
        LazyLock::new(|| Unexpanded::of(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256));
    suite(&UNEXPANDED)
});

/// rustls's suite, but for its keys. It has none for QUIC, which nobody speaks here.
fn suite(aead: &'static Unexpanded) -> Tls13CipherSuite {
    let common = &aead.suite.common;
    Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: common.suite,
            hash_provider: common.hash_provider,
            confidentiality_limit: common.confidentiality_limit,
        },
        hkdf_provider: aead.suite.hkdf_provider,
        aead_alg: aead,
        quic: None,
    }
}

/// Makes what opens and seals records out of a key that stays as it is.
struct Unexpanded {
    suite: &'static Tls13CipherSuite,
}

impl Unexpanded {
    fn of(suite: SupportedCipherSuite) -> Self {
        let suite = suite.tls13().expect("it is a suite of TLS 1.3");
        assert_eq!(suite.aead_alg.key_len(), KEY_BYTES);
        Self { suite }
    }

    fn keep(&self, key: &AeadKey, iv: &Iv) -> Box<Direction> {
        let mut kept = Box::new(Direction {
            aead: self.suite.aead_alg,
            key: [0; KEY_BYTES],
            iv: [0; IV_BYTES],
        });
        kept.key.copy_from_slice(key.as_ref());
        kept.iv.copy_from_slice(iv.as_ref());
        kept
    }
}

impl Tls13AeadAlgorithm for Unexpanded {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        self.keep(&key, &iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.keep(&key, &iv)
    }

    fn key_len(&self) -> usize {
        KEY_BYTES
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.suite.aead_alg.extract_keys(key, iv)
    }

    fn fips(&self) -> bool {
        self.suite.aead_alg.fips()
    }
}

const KEY_BYTES: usize = 32;
const IV_BYTES: usize = 12;

/// One direction of a connection between two records.
struct Direction {
    aead: &'static dyn Tls13AeadAlgorithm,
    key: [u8; KEY_BYTES],
    iv: [u8; IV_BYTES],
}

impl MessageEncrypter for Direction {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let (key, iv) = (AeadKey::from(self.key), Iv::from(self.iv));
        self.aead.encrypter(key, iv).encrypt(message, seq)
    }

    fn encrypted_payload_len(&self, payload_bytes: usize) -> usize {
        payload_bytes + SEAL_BYTES - HEADER_BYTES
    }
}

impl MessageDecrypter for Direction {
    fn decrypt<'a>(
        &mut self,
        message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let (key, iv) = (AeadKey::from(self.key), Iv::from(self.iv));
        self.aead.decrypter(key, iv).decrypt(message, seq)
    }
}

impl Drop for Direction {
    fn drop(&mut self) {
        self.key.zeroize();
        self.iv.zeroize();
    }
}
