//! What can be wrong with certificates, keys and lists, said with the file and the remedy.

use std::fmt::{Display, Formatter, Result};

/// What a file is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Certificate,
    Key,
    ClientCa,
    RevocationList,
}

impl Display for Role {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Role::Certificate => "certificate file",
            Role::Key => "key file",
            Role::ClientCa => "client CA file",
            Role::RevocationList => "revocation list file",
        })
    }
}

/// What is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The text between the markers is not PEM; the reason is the parser's.
    NotPem { why: String },
    /// No section of the kind that is looked for.
    Empty,
    /// More than one key.
    SeveralKeys,
    /// The key is encrypted.
    Encrypted,
    /// A section holds no such object, or one that is not supported.
    Unusable { why: String },
    /// The key is another certificate's; the certificate file is named.
    OtherKey { certificate: String },
}

impl Display for Trouble {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Trouble::NotPem { why } => write!(
                f,
                "is not whole PEM ({why}); copy it again, from -----BEGIN to the last -----END line"
            ),
            Trouble::Empty => f.write_str(
                "has no section of that kind; give it in PEM, DER can be converted by `openssl`",
            ),
            Trouble::SeveralKeys => f.write_str("has several keys; keep the certificate's alone"),
            Trouble::Encrypted => f.write_str(
                "is encrypted; decrypt it with `openssl pkey -in FILE -out FILE` and protect it by \
                 its permissions",
            ),
            Trouble::Unusable { why } => write!(
                f,
                "cannot be used ({why}); certificates are X.509, keys RSA, ECDSA P-256, P-384 or \
                 Ed25519, lists version 2 CRLs"
            ),
            Trouble::OtherKey { certificate } => write!(
                f,
                "is not the key of {certificate}; that file begins with the server's own \
                 certificate, and this one has the key it was requested with"
            ),
        }
    }
}

/// Why settings cannot be built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsFault {
    /// No chain at all.
    NoCertificate,
    /// Clients are to show certificates, and none of their authorities is given.
    NoAuthority,
    /// One file is wrong.
    File {
        role: Role,
        name: String,
        trouble: Trouble,
    },
    /// rustls refuses the whole.
    Refused { why: String },
}

impl SettingsFault {
    pub(super) fn refused(error: &dyn std::error::Error) -> Self {
        SettingsFault::Refused {
            why: error.to_string(),
        }
    }
}

impl Display for SettingsFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            SettingsFault::NoCertificate => f.write_str(
                "TLS needs a certificate file and a key file; give both, or make the listener a \
                 plain one",
            ),
            SettingsFault::NoAuthority => f.write_str(
                "clients are asked for certificates, but no authority is trusted; give a client \
                 CA file, or ask for none",
            ),
            SettingsFault::File {
                role,
                name,
                trouble,
            } => write!(f, "{role} {name} {trouble}"),
            SettingsFault::Refused { why } => write!(f, "TLS cannot be set up: {why}"),
        }
    }
}

impl std::error::Error for SettingsFault {}
