//! Makes a user of the names in a client's certificate, which whoever ended TLS has verified.

use std::sync::Arc;

use crate::fault::Fault;
use crate::limits::TEMPLATE_BYTES_MAX;
use crate::question::Certificate;
use crate::verdict::{Proven, Refusal, Verdict};

pub(crate) const NAME: &str = "certificate";

/// A text with names to be filled in: `%{cn}`, `%{dns}`, `%{email}`, `%{uri}`, `%{dn}`; of several
/// names of one kind the first. `%%` is a `%`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(Box<str>),
    Name(Name),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Name {
    Common,
    Dns,
    Email,
    Uri,
    Distinguished,
}

const NAMES: [(&str, Name); 5] = [
    ("cn", Name::Common),
    ("dns", Name::Dns),
    ("email", Name::Email),
    ("uri", Name::Uri),
    ("dn", Name::Distinguished),
];

impl UserTemplate {
    pub fn new(text: &str) -> Result<Self, Fault> {
        let right = "use %{cn}, %{dns}, %{email}, %{uri} or %{dn}, and %% for a %";
        let fault = |wrong: String| Fault::new("user", wrong, right);
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(fault(format!("is longer than {TEMPLATE_BYTES_MAX} bytes")));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((front, behind)) = rest.split_once('%') {
            parts.push(Part::Text(front.into()));
            if let Some(behind) = behind.strip_prefix('%') {
                parts.push(Part::Text("%".into()));
                rest = behind;
                continue;
            }
            let named = behind
                .strip_prefix('{')
                .and_then(|behind| behind.split_once('}'));
            let (name, behind) = named.ok_or_else(|| fault(format!("{text:?} has a bare %")))?;
            let known = NAMES.iter().find(|(known, _)| *known == name);
            let (_, name) = known.ok_or_else(|| fault(format!("%{{{name}}} is unknown")))?;
            parts.push(Part::Name(*name));
            rest = behind;
        }
        parts.push(Part::Text(rest.into()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        if !parts.iter().any(|part| matches!(part, Part::Name(_))) {
            let wrong = format!("{text:?} would make one user of all certificates");
            return Err(fault(wrong));
        }
        Ok(Self { parts })
    }

    /// The user, unless the certificate lacks one of the names.
    pub fn fill(&self, certificate: &Certificate) -> Option<Arc<str>> {
        let mut user = String::new();
        for part in &self.parts {
            user.push_str(match part {
                Part::Text(text) => text,
                Part::Name(name) => name.of(certificate)?,
            });
        }
        Some(user.into())
    }

    /// `None` where no certificate was shown.
    pub(crate) fn judge(&self, certificate: Option<&Certificate>) -> Option<Verdict> {
        Some(match self.fill(certificate?) {
            None => Verdict::Refused(Refusal::CertificateNames),
            Some(user) => Verdict::Allowed(Box::new(Proven {
                method: NAME,
                user: Some(user),
                ..Proven::default()
            })),
        })
    }
}

impl Name {
    /// A name with a control character in it is none: it could forge a log line or cut a text.
    fn of(self, certificate: &Certificate) -> Option<&str> {
        let name = match self {
            Name::Common => certificate.common_name.as_deref()?,
            Name::Dns => certificate.dns_names.first()?,
            Name::Email => certificate.emails.first()?,
            Name::Uri => certificate.uris.first()?,
            Name::Distinguished => &certificate.distinguished_name,
        };
        (!name.is_empty() && !name.contains(char::is_control)).then_some(name)
    }
}

#[cfg(test)]
mod tests;
