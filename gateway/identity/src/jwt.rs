//! Tokens (RFC 7519) in the place of a password: who issued it has said who it is.
//!
//! ```text
//!  HEADER . CLAIMS . SIGNATURE        base64url each, at most 8 KiB together
//!     │        │         └── checked first, by a key whose type belongs to the header's `alg`
//!     │        └── then exp, nbf, iss, aud; then the user, groups and claims are taken
//!     └── alg is one that the configuration lists; a `crit` is refused (RFC 7515, 4.1.11)
//! ```
//!
//! A key knows the algorithms that it is good for. So a public key can never be taken for an HMAC
//! secret, whatever a header says, and `none` is no algorithm at all. The signatures are aws-lc's;
//! `jsonwebtoken` was left out, since it parses the key again for each token, looks at the clock by
//! itself, and brings twenty crates.

mod algorithm;
mod claims;
mod key;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;

use tributary_access::own::OwnFault;

pub use algorithm::Algorithm;

use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::fault::Fault;
use crate::limits::{CLAIMS_MAX, KEY_SET_BYTES_MAX, TOKEN_BYTES_MAX, TOKEN_KEYS_TRIED_MAX};
use crate::question::Question;
use crate::remote::EndpointSettings;
use crate::remote::fetch::Endpoint;
use crate::remote::fetched::Fetched;
use crate::secret::Secret;
use crate::verdict::{Proven, Refusal};

use key::Key;
use token::{Token, looks_like_one};

pub(crate) const NAME: &str = "jwt";

/// How tokens are read. `JwtSettings::default()` lacks keys and algorithms.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    pub keys: Vec<KeySource>,
    /// The only ones that are taken.
    pub algorithms: Vec<Algorithm>,
    pub from: TokenFrom,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// One of these must be in `aud`. Without any, a token with an `aud` is for somebody else
    /// (RFC 7519, section 4.1.3).
    pub audiences: Vec<String>,
    /// By how much clocks may differ.
    pub leeway_secs: u32,
    /// Refuses a token that never ends.
    pub needs_expiry: bool,
    /// The claim that names the user.
    pub user_claim: String,
    /// Refuses a token whose user is not the user name of the CONNECT.
    pub user_must_match: bool,
    /// The claim with a list of groups, or with one.
    pub groups_claim: Option<String>,
    /// Claims to be kept, where they are texts, numbers or truth values.
    pub claims: Vec<String>,
    /// The claim with rules of its client's own; see [`tributary_access::own`].
    pub rules_claim: Option<String>,
}

/// Where a key comes from. Whoever reads the configuration has read the file.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// For HS256 to HS512, as the issuer has it.
    Secret(Secret),
    /// `PUBLIC KEY` sections of PEM.
    Pem(String),
    /// A JSON Web Key Set (RFC 7517).
    KeySet(Secret),
    /// The same behind a URL; secrets in it are not taken. One source of this kind, no more.
    KeySetUrl(Box<KeySetUrl>),
}

/// A key set that its issuer changes now and then.
#[derive(Clone, Debug)]
pub struct KeySetUrl {
    pub endpoint: EndpointSettings,
    /// How old keys may get before they are fetched again. While the URL is down they are kept.
    pub refresh_secs: u32,
    /// The shortest time between two fetches, also for tokens that name an unknown key.
    pub retry_secs: u32,
}

/// Which field of the CONNECT holds the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenFrom {
    Password,
    UserName,
}

/// What checks tokens; shared by all chains that name it.
pub struct Jwt {
    settings: JwtSettings,
    keys: Vec<Key>,
    fetched: Option<Fetched<Vec<Key>>>,
    clock: Clock,
    complaint: Complaint,
}

impl Default for JwtSettings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            algorithms: Vec::new(),
            from: TokenFrom::Password,
            issuer: None,
            audiences: Vec::new(),
            leeway_secs: 30,
            needs_expiry: true,
            user_claim: "sub".to_owned(),
            user_must_match: false,
            groups_claim: None,
            claims: Vec::new(),
            rules_claim: None,
        }
    }
}

impl Jwt {
    pub fn new(settings: JwtSettings, clock: Clock) -> Result<Self, Fault> {
        if settings.algorithms.is_empty() {
            let right = format!("list the ones in use, of {}", Algorithm::names());
            return Err(Fault::new("algorithms", "lists none", right));
        }
        if settings.claims.len() > CLAIMS_MAX {
            let wrong = format!("lists {}", settings.claims.len());
            return Err(Fault::new(
                "claims",
                wrong,
                format!("list at most {CLAIMS_MAX}"),
            ));
        }
        let mut keys = Vec::new();
        let mut fetched = None;
        for source in &settings.keys {
            let KeySource::KeySetUrl(url) = source else {
                keys.extend(source.keys(&settings.algorithms)?);
                continue;
            };
            if fetched.replace(url.fetched(&clock)?).is_some() {
                let right = "name one; its issuer can put all keys into it";
                return Err(Fault::new("key_set_url", "is named twice", right));
            }
        }
        let is_served = |alg: &&Algorithm| keys.iter().any(|key: &Key| key.is_good_for(**alg));
        // What a URL brings is seen later.
        let unserved = settings.algorithms.iter().find(|alg| !is_served(alg));
        if let Some(unserved) = unserved.filter(|_| fetched.is_none()) {
            let wrong = format!("lists {unserved}, for which there is no key");
            let right = "add a key of its type, or take it off the list";
            return Err(Fault::new("algorithms", wrong, right));
        }
        Ok(Self {
            settings,
            keys,
            fetched,
            complaint: Complaint::new(NAME, clock.clone()),
            clock,
        })
    }

    /// The token of a question; `None` when what stands there is not meant as one.
    pub(crate) fn token<'a>(&self, question: &'a Question) -> Option<&'a [u8]> {
        let field = match self.settings.from {
            TokenFrom::Password => question.password.as_deref().map(|password| &**password),
            TokenFrom::UserName => question.user.as_deref().map(str::as_bytes),
        };
        field.filter(|field| looks_like_one(field))
    }

    /// Who the token says it is. Takes up to some 100 us, most of it for the signature.
    pub(crate) fn judge(&self, token: &[u8], question: &Question) -> Result<Proven, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::TokenMalformed);
        }
        let token = Token::read(token).ok_or(Refusal::TokenMalformed)?;
        let is_listed = self.settings.algorithms.contains(&token.algorithm);
        let fetched = self.fetched.as_ref().map(Fetched::value);
        if !is_listed {
            return Err(Refusal::TokenSignature);
        }
        if !self.is_signed(&token, fetched.as_ref().and_then(Option::as_deref)) {
            // Without the keys nobody can say that it is signed by a stranger.
            let is_down = matches!(fetched, Some(None));
            let refusal = if is_down {
                Refusal::Unavailable
            } else {
                Refusal::TokenSignature
            };
            return Err(refusal);
        }
        let now = self.clock.unix_sec();
        let complain = |fault: &OwnFault| self.complaint.say(&question.client_id, fault);
        let proven = claims::judge(token.claims, &self.settings, now, complain)?;
        let is_other = proven.user.as_deref() != question.user.as_deref();
        let must_match = self.settings.user_must_match;
        if must_match && self.settings.from == TokenFrom::Password && is_other {
            return Err(Refusal::TokenUser);
        }
        Ok(proven)
    }

    /// Whether keys should be fetched before this token is judged: those at hand are old, or it
    /// names one that is not among them.
    pub(crate) fn lacks_keys_for(&self, token: &[u8]) -> bool {
        let Some(fetched) = self.fetched.as_ref().filter(|fetched| fetched.can_fetch()) else {
            return false;
        };
        if fetched.is_stale() {
            return true;
        }
        let read = (token.len() <= TOKEN_BYTES_MAX)
            .then(|| Token::read(token))
            .flatten();
        let Some(token) = read else { return false };
        let value = fetched.value();
        let at_hand = value.iter().flat_map(|keys| keys.iter()).chain(&self.keys);
        let is_listed = self.settings.algorithms.contains(&token.algorithm);
        let mut ids = at_hand.map(|key| &key.id);
        is_listed && token.key_id.is_some() && !ids.any(|id| *id == token.key_id)
    }

    /// Fetches the keys, or waits for who does.
    pub(crate) async fn fetch(&self) {
        let Some(fetched) = &self.fetched else { return };
        let algorithms = &self.settings.algorithms;
        let read = |text: &[u8]| key::set::read_public(text, algorithms).ok();
        fetched.fetch(read).await;
    }

    /// Whether a key has signed it: the one that it names, or one without a name.
    fn is_signed(&self, token: &Token<'_>, fetched: Option<&Vec<Key>>) -> bool {
        let keys = fetched.into_iter().flatten().chain(&self.keys);
        let fitting = keys.filter(|key| {
            let is_named = key.id.is_none() || token.key_id.is_none() || key.id == token.key_id;
            is_named && key.is_good_for(token.algorithm)
        });
        let mut tried = fitting.take(TOKEN_KEYS_TRIED_MAX);
        tried.any(|key| key.has_signed(token.algorithm, token.signed, &token.signature))
    }
}

impl KeySetUrl {
    fn fetched(&self, clock: &Clock) -> Result<Fetched<Vec<Key>>, Fault> {
        if self.refresh_secs == 0 || self.retry_secs == 0 {
            let right = "use 1 s or more for both";
            return Err(Fault::new("refresh_secs", "or retry_secs is 0", right));
        }
        let endpoint = Endpoint::new(self.endpoint.clone(), KEY_SET_BYTES_MAX)?;
        let [refresh_ms, retry_ms] =
            [self.refresh_secs, self.retry_secs].map(|secs| u64::from(secs) * 1_000);
        Ok(Fetched::new(endpoint, refresh_ms, retry_ms, clock.clone()))
    }
}

impl KeySource {
    fn keys(&self, algorithms: &[Algorithm]) -> Result<Vec<Key>, Fault> {
        match self {
            Self::Secret(secret) => Key::from_secret(secret, algorithms).map(|key| vec![key]),
            Self::Pem(text) => Key::from_pem(text, algorithms),
            Self::KeySet(text) => key::set::read(text.as_bytes(), algorithms),
            Self::KeySetUrl(_) => Ok(Vec::new()),
        }
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwt({} keys)", self.keys.len())
    }
}
