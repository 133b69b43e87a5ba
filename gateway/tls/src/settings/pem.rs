//! PEM sections from the bytes of a file, with its name kept for what may be wrong with them.

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{Error, PemObject};

use super::fault::{Role, SettingsFault, Trouble};

/// The bytes of a file and the name that complaints give it.
#[derive(Clone, Copy)]
pub struct Pem<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// Says nothing of the bytes, which may be a key.
impl std::fmt::Debug for Pem<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pem")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Pem<'_> {
    pub(super) fn fault(&self, role: Role, trouble: Trouble) -> SettingsFault {
        SettingsFault::File {
            role,
            name: self.name.to_owned(),
            trouble,
        }
    }

    /// All sections of one kind; none is a fault.
    pub(super) fn sections<T: PemObject>(&self, role: Role) -> Result<Vec<T>, SettingsFault> {
        let sections: Result<Vec<T>, Error> = T::pem_slice_iter(self.bytes).collect();
        let sections = sections.map_err(|error| self.fault(role, trouble(&error)))?;
        if sections.is_empty() {
            return Err(self.fault(role, Trouble::Empty));
        }
        Ok(sections)
    }

    /// The one private key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, SettingsFault> {
        // PKCS #8 says it in the marker [RFC 5958], OpenSSL's older form in a header.
        if self.contains(b"ENCRYPTED PRIVATE KEY") || self.contains(b"Proc-Type: 4,ENCRYPTED") {
            return Err(self.fault(Role::Key, Trouble::Encrypted));
        }
        let mut keys: Vec<PrivateKeyDer<'static>> = self.sections(Role::Key)?;
        match (keys.pop(), keys.is_empty()) {
            (Some(key), true) => Ok(key),
            _ => Err(self.fault(Role::Key, Trouble::SeveralKeys)),
        }
    }

    fn contains(&self, words: &[u8]) -> bool {
        self.bytes
            .windows(words.len())
            .any(|window| window == words)
    }
}

/// The parser's words hold no more than a marker line, never a key.
fn trouble(error: &Error) -> Trouble {
    let why = match error {
        Error::MissingSectionEnd { .. } => "a section has no end",
        Error::IllegalSectionStart { .. } => "a line that begins a section is wrong",
        Error::Base64Decode(_) => "a line is not base64",
        _ => "it does not parse",
    };
    Trouble::NotPem {
        why: why.to_owned(),
    }
}
