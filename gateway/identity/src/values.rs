//! What is taken over from JSON that others have written: short texts that can be compared.

use serde_json::Value;

use crate::limits::{CLAIMS_MAX, GROUPS_MAX, VALUE_BYTES_MAX};

/// A text, a number or a truth value as rules compare it. `None` for one that is empty, too long,
/// or holds what could forge a log line.
pub(crate) fn text(value: &Value) -> Option<Box<str>> {
    let text: Box<str> = match value {
        Value::String(text) => text.as_str().into(),
        Value::Number(number) => number.to_string().into(),
        Value::Bool(truth) => truth.to_string().into(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    is_plain(&text).then_some(text)
}

/// Whether a text can stand for a user, a group or the value of a claim.
pub(crate) fn is_plain(text: &str) -> bool {
    (1..=VALUE_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}

/// A list of texts, or one.
pub(crate) fn texts(value: &Value) -> Option<Vec<Box<str>>> {
    let name = |name: &Value| text(name).filter(|_| name.is_string());
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(list) if list.len() <= GROUPS_MAX => list.iter().map(name).collect(),
        one => name(one).map(|one| vec![one]),
    }
}

/// An object's texts, numbers and truth values.
pub(crate) fn pairs(value: &Value) -> Option<Vec<(Box<str>, Box<str>)>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Object(object) if object.len() <= CLAIMS_MAX => {
            let pairs = object.iter();
            pairs
                .map(|(name, value)| Some((name.as_str().into(), text(value)?)))
                .collect()
        }
        _ => None,
    }
}
