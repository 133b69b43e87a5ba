//! The algorithms of RFC 7518 and RFC 8037 that are understood; `none` is not among them.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA256, HMAC_SHA384, HMAC_SHA512};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
};

/// How a token is signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    /// Ed25519 (RFC 8037).
    EdDsa,
}

/// What an algorithm needs, which also says what type its keys are of.
pub(super) enum Scheme {
    Hmac(aws_lc_rs::hmac::Algorithm),
    Rsa(&'static RsaParameters),
    P256(&'static dyn VerificationAlgorithm),
    P384(&'static dyn VerificationAlgorithm),
    Ed25519(&'static dyn VerificationAlgorithm),
}

const ALL: [(Algorithm, &str); 12] = [
    (Algorithm::Hs256, "HS256"),
    (Algorithm::Hs384, "HS384"),
    (Algorithm::Hs512, "HS512"),
    (Algorithm::Rs256, "RS256"),
    (Algorithm::Rs384, "RS384"),
    (Algorithm::Rs512, "RS512"),
    (Algorithm::Ps256, "PS256"),
    (Algorithm::Ps384, "PS384"),
    (Algorithm::Ps512, "PS512"),
    (Algorithm::Es256, "ES256"),
    (Algorithm::Es384, "ES384"),
    (Algorithm::EdDsa, "EdDSA"),
];

impl Algorithm {
    /// The one of this name, as the header and the configuration write it.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = ALL.iter().find(|(_, known)| *known == name);
        found.map(|(algorithm, _)| *algorithm)
    }

    pub fn name(self) -> &'static str {
        ALL[self as usize].1
    }

    /// All names, for a remedy.
    pub fn names() -> String {
        ALL.map(|(_, name)| name).join(", ")
    }

    pub(super) fn needs_secret(self) -> bool {
        matches!(self.scheme(), Scheme::Hmac(_))
    }

    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::Hs256 => Scheme::Hmac(HMAC_SHA256),
            Self::Hs384 => Scheme::Hmac(HMAC_SHA384),
            Self::Hs512 => Scheme::Hmac(HMAC_SHA512),
            Self::Rs256 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA512),
            Self::Es256 => Scheme::P256(&ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Scheme::P384(&ECDSA_P384_SHA384_FIXED),
            Self::EdDsa => Scheme::Ed25519(&ED25519),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
