//! Who a client is by its certificate: the names that identity is made from, and nothing else.

mod name;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::fault::Fault;

/// The names in a verified client certificate.
///
/// A name that could be read in two ways is absent rather than guessed: text with a NUL or another
/// control character in it, and a common name where the subject has several.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct PeerName {
    /// The subject's CN, if it has exactly one.
    pub common_name: Option<String>,
    /// dNSName entries of the subject alternative name.
    pub dns_names: Vec<String>,
    /// uniformResourceIdentifier entries, a SPIFFE id for one.
    pub uris: Vec<String>,
    /// rfc822Name entries.
    pub emails: Vec<String>,
    /// The subject as RFC 4514 writes it: `CN=device,OU=fleet,O=Example`.
    pub subject: String,
    /// The issuer, likewise.
    pub issuer: String,
    /// The serial number in lower-case hexadecimal, without separators.
    pub serial: String,
    /// The last second that the certificate is valid in.
    pub not_after_unix_secs: u64,
}

impl PeerName {
    /// Reads the names of a certificate that has been verified.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<PeerName, Fault> {
        let parsed = X509Certificate::from_der(certificate);
        let (_, certificate) = parsed.map_err(|_| Fault::CertificateMalformed)?;
        let mut name = PeerName {
            common_name: name::common_name(certificate.subject()),
            subject: name::rfc4514(certificate.subject()),
            issuer: name::rfc4514(certificate.issuer()),
            serial: name::serial(certificate.raw_serial()),
            not_after_unix_secs: u64::try_from(certificate.validity().not_after.timestamp())
                .unwrap_or(0),
            ..PeerName::default()
        };
        let alternative = certificate.subject_alternative_name();
        let alternative = alternative.map_err(|_| Fault::CertificateMalformed)?;
        for entry in alternative
            .iter()
            .flat_map(|extension| &extension.value.general_names)
        {
            let (list, text) = match entry {
                GeneralName::DNSName(text) => (&mut name.dns_names, text),
                GeneralName::URI(text) => (&mut name.uris, text),
                GeneralName::RFC822Name(text) => (&mut name.emails, text),
                _ => continue,
            };
            list.extend(name::plain(text));
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests;
