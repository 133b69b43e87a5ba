//! Asks a web service who a client is: POST what the CONNECT shows, get one JSON object back.
//!
//! | answer | meaning |
//! | --- | --- |
//! | 200 `{"result": "allow", "user", "groups", "claims", "rules", "expires_in_secs"}` | let in |
//! | 204 | let in, as the user that the CONNECT names |
//! | 200 `{"result": "deny"}`, 401, 403 | refuse |
//! | 200 `{"result": "ignore"}` | ask the next method |
//! | else: no answer in time, a redirect, garbage, over 64 KiB, bad rules | as `when_down` says |

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use serde_json::{Value, json};
use tributary_access::own::OwnRules;

use super::WhenDown;
use super::fetch::{Endpoint, EndpointSettings};
use crate::cache::Cache;
use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::fault::Fault;
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::limits::{ANSWERS_MAX, HOOK_ANSWER_BYTES_MAX};
use crate::look::Look;
use crate::question::{Certificate, Question};
use crate::values::{is_plain, pairs, text, texts};
use crate::verdict::{Proven, Refusal, Verdict};

pub(crate) const NAME: &str = "http";

/// How a web service is asked.
#[derive(Clone, Debug)]
pub struct HookSettings {
    pub endpoint: EndpointSettings,
    pub when_down: WhenDown,
    /// How long an answer is taken for the same question without asking; 0: never.
    pub keep_allow_secs: u32,
    /// The same for a refusal, and for "ignore".
    pub keep_deny_secs: u32,
    /// Answers kept.
    pub answers_max: usize,
}

/// A web service that knows who clients are; shared by all chains that name it.
pub struct Hook {
    endpoint: Endpoint,
    when_down: WhenDown,
    keep_allow_ms: u64,
    keep_deny_ms: u64,
    fingerprinter: Fingerprinter,
    answers: Cache<Answer>,
    clock: Clock,
    complaint: Complaint,
}

/// What the service says.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Answer {
    Allow(Box<Proven>),
    Deny,
    Ignore,
}

impl Default for HookSettings {
    fn default() -> Self {
        Self {
            endpoint: EndpointSettings::default(),
            when_down: WhenDown::Refuse,
            keep_allow_secs: 60,
            keep_deny_secs: 5,
            answers_max: 1 << 14,
        }
    }
}

impl Hook {
    pub fn new(settings: HookSettings, clock: Clock) -> Result<Self, Fault> {
        if settings.answers_max > ANSWERS_MAX {
            let wrong = format!("is {}", settings.answers_max);
            return Err(Fault::new(
                "answers_max",
                wrong,
                format!("use at most {ANSWERS_MAX}"),
            ));
        }
        Ok(Self {
            endpoint: Endpoint::new(settings.endpoint, HOOK_ANSWER_BYTES_MAX)?,
            when_down: settings.when_down,
            keep_allow_ms: u64::from(settings.keep_allow_secs) * 1_000,
            keep_deny_ms: u64::from(settings.keep_deny_secs) * 1_000,
            fingerprinter: Fingerprinter::new(),
            answers: Cache::new(settings.answers_max, clock.clone()),
            complaint: Complaint::new(NAME, clock.clone()),
            clock,
        })
    }

    /// The answer to the same question a moment ago.
    pub(crate) fn look(&self, question: &Question) -> Look {
        let answer = self.answers.find(&self.fingerprint_of(question));
        answer.map_or(Look::Work, Answer::look)
    }

    pub(crate) async fn ask(&self, question: &Question) -> Look {
        let body = body(question).to_string().into_bytes();
        let Ok((status, body)) = self.endpoint.request(Some(body)).await else {
            return self.when_down.look();
        };
        let Some(answer) = self.read(status, &body, question) else {
            return self.when_down.look();
        };
        let keep_ms = match &answer {
            Answer::Allow(proven) => self.keep_allow_ms.min(self.left_ms(proven)),
            Answer::Deny | Answer::Ignore => self.keep_deny_ms,
        };
        self.answers
            .keep(self.fingerprint_of(question), answer.clone(), keep_ms);
        answer.look()
    }

    /// What is left of a proof that ends.
    fn left_ms(&self, proven: &Proven) -> u64 {
        let now_sec = self.clock.unix_sec();
        let left_sec = proven
            .expires_unix_sec
            .map(|end| end.saturating_sub(now_sec));
        left_sec.map_or(u64::MAX, |left_sec| left_sec.saturating_mul(1_000))
    }

    /// `None` for what is no answer.
    fn read(&self, status: StatusCode, body: &[u8], question: &Question) -> Option<Answer> {
        let named = question.user.as_deref();
        match status {
            StatusCode::OK => {}
            StatusCode::NO_CONTENT => {
                // A name that could forge a log line is not taken over from the client either.
                let is_fine = named.is_none_or(is_plain);
                return is_fine.then(|| Answer::Allow(Box::new(proven(named))));
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Some(Answer::Deny),
            _ => return None,
        }
        let answer: Value = serde_json::from_slice(body).ok()?;
        match answer.get("result")?.as_str()? {
            "allow" => self.read_allow(&answer, question),
            "deny" => Some(Answer::Deny),
            "ignore" => Some(Answer::Ignore),
            _ => None,
        }
    }

    fn read_allow(&self, answer: &Value, question: &Question) -> Option<Answer> {
        let named = question.user.as_deref();
        let field = |name: &str| answer.get(name).unwrap_or(&Value::Null);
        let user = match field("user") {
            Value::Null => named.map(Box::from),
            Value::String(_) => Some(text(field("user"))?),
            _ => return None,
        };
        if !user.as_deref().is_none_or(is_plain) {
            return None;
        }
        let rules = match field("rules") {
            Value::Null => None,
            rules => {
                let read = OwnRules::read(rules);
                let complain = |fault: &_| self.complaint.say(&question.client_id, fault);
                Some(Arc::new(read.inspect_err(complain).ok()?))
            }
        };
        let expires_in_secs = match field("expires_in_secs") {
            Value::Null => None,
            secs => Some(secs.as_u64()?),
        };
        let end = expires_in_secs.map(|secs| self.clock.unix_sec().saturating_add(secs));
        Some(Answer::Allow(Box::new(Proven {
            groups: texts(field("groups"))?,
            claims: pairs(field("claims"))?,
            rules,
            expires_unix_sec: end,
            ..proven(user.as_deref())
        })))
    }

    /// Everything that the service is told: another answer is for another question.
    fn fingerprint_of(&self, question: &Question) -> Fingerprint {
        let told = zeroize::Zeroizing::new(body(question).to_string());
        self.fingerprinter.over(&[told.as_bytes()])
    }
}

impl Answer {
    fn look(self) -> Look {
        match self {
            Self::Allow(proven) => Look::Verdict(Verdict::Allowed(proven)),
            Self::Deny => Look::Verdict(Verdict::Refused(Refusal::Denied)),
            Self::Ignore => Look::NotMine,
        }
    }
}

fn proven(user: Option<&str>) -> Proven {
    Proven {
        method: NAME,
        user: user.map(Into::into),
        ..Proven::default()
    }
}

/// What the service is told. A password that is no text goes in base64 under another name.
fn body(question: &Question) -> Value {
    let password = question.password.as_deref();
    let text = password.map(|password| std::str::from_utf8(password));
    let mut body = json!({
        "listener": &*question.listener,
        "client_id": &*question.client_id,
        "username": question.user.as_deref(),
        "password": text.and_then(Result::ok),
        "address": question.address.map(|address| address.to_string()),
        "certificate": question.certificate.as_ref().map(certificate),
    });
    if let (Some(password), Some(Err(_))) = (password, text) {
        body["password_base64"] = STANDARD.encode(password).into();
    }
    body
}

fn certificate(certificate: &Certificate) -> Value {
    json!({
        "common_name": certificate.common_name.as_deref(),
        "dns_names": certificate.dns_names.iter().map(|name| &**name).collect::<Vec<_>>(),
        "emails": certificate.emails.iter().map(|name| &**name).collect::<Vec<_>>(),
        "uris": certificate.uris.iter().map(|name| &**name).collect::<Vec<_>>(),
        "distinguished_name": &*certificate.distinguished_name,
    })
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({:?})", self.endpoint)
    }
}
