//! What a token claims, once its signature is good: for how long, by whom, for whom, about whom.

use std::sync::Arc;

use serde_json::{Map, Value};
use tributary_access::own::{OwnFault, OwnRules};

use super::{JwtSettings, NAME};
use crate::values::{text, texts};
use crate::verdict::{Proven, Refusal};

type Claims = Map<String, Value>;

/// Who the claims in `part` are about, if they hold at this time and for this gateway. What is
/// wrong with rules among them is told to `complain`.
pub(super) fn judge(
    part: &[u8],
    settings: &JwtSettings,
    now: u64,
    complain: impl FnOnce(&OwnFault),
) -> Result<Proven, Refusal> {
    let claims = super::token::object(part).ok_or(Refusal::TokenMalformed)?;
    let expires_unix_sec = end(&claims, settings, now)?;
    if let Some(issuer) = &settings.issuer
        && claims.get("iss").and_then(Value::as_str) != Some(issuer)
    {
        return Err(Refusal::TokenClaims);
    }
    if !is_audience(&claims, &settings.audiences) {
        return Err(Refusal::TokenClaims);
    }
    let user = kept(claims.get(&settings.user_claim).and_then(text))?;
    let mut pairs = Vec::new();
    for name in &settings.claims {
        let Some(value) = claims.get(name) else {
            continue;
        };
        pairs.push((name.as_str().into(), kept(text(value))?));
    }
    let groups = settings
        .groups_claim
        .as_ref()
        .and_then(|name| claims.get(name));
    let groups = groups.unwrap_or(&Value::Null);
    Ok(Proven {
        method: NAME,
        user: Some(user.into()),
        groups: kept(texts(groups))?,
        claims: pairs,
        rules: rules(&claims, settings.rules_claim.as_deref(), complain)?,
        expires_unix_sec,
    })
}

/// When the token ends, with the leeway, if it has begun and has not ended (RFC 7519, 4.1.4 and
/// 4.1.5).
fn end(claims: &Claims, settings: &JwtSettings, now: u64) -> Result<Option<u64>, Refusal> {
    let leeway = u64::from(settings.leeway_secs);
    if let Some(begin) = date(claims, "nbf")?
        && now + leeway < begin
    {
        return Err(Refusal::TokenEarly);
    }
    match date(claims, "exp")? {
        None if settings.needs_expiry => Err(Refusal::TokenClaims),
        None => Ok(None),
        Some(end) if now >= end.saturating_add(leeway) => Err(Refusal::TokenExpired),
        Some(end) => Ok(Some(end.saturating_add(leeway))),
    }
}

/// A NumericDate, which may have a fraction; a date before 1970 or a text is none.
fn date(claims: &Claims, name: &str) -> Result<Option<u64>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            let secs = number.as_u64().or_else(|| {
                let secs = number.as_f64().filter(|secs| *secs >= 0.0)?;
                Some(secs as u64)
            });
            secs.map(Some).ok_or(Refusal::TokenClaims)
        }
        Some(_) => Err(Refusal::TokenClaims),
    }
}

fn is_audience(claims: &Claims, audiences: &[String]) -> bool {
    let is_ours = |value: &Value| audiences.iter().any(|ours| value.as_str() == Some(ours));
    match claims.get("aud") {
        None => audiences.is_empty(),
        Some(Value::Array(list)) => list.iter().any(is_ours),
        Some(one) => is_ours(one),
    }
}

/// A value that cannot be kept is not passed over: whoever issued it meant something by it.
fn kept<T>(value: Option<T>) -> Result<T, Refusal> {
    value.ok_or(Refusal::TokenClaims)
}

/// Rules that cannot be read cannot be left out, since they may forbid something.
fn rules(
    claims: &Claims,
    name: Option<&str>,
    complain: impl FnOnce(&OwnFault),
) -> Result<Option<Arc<OwnRules>>, Refusal> {
    let Some(rules) = name.and_then(|name| claims.get(name)) else {
        return Ok(None);
    };
    match OwnRules::read(rules) {
        Ok(rules) => Ok(Some(Arc::new(rules))),
        Err(fault) => {
            complain(&fault);
            Err(Refusal::TokenClaims)
        }
    }
}
