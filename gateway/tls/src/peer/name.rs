//! Distinguished names as text that cannot be made to look like another one [RFC 4514].

use std::fmt::Write;

use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The short names that RFC 4514 section 3 gives, and the two that certificates of devices carry.
const SHORT_NAMES: [(&str, &str); 11] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("2.5.4.5", "serialNumber"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The whole name, most specific part first [RFC 4514 2.1].
pub(super) fn rfc4514(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in name.iter_rdn() {
        let values: Vec<String> = part.iter().map(attribute).collect();
        parts.push(values.join("+"));
    }
    parts.reverse();
    parts.join(",")
}

/// The CN, if there is one and no second.
pub(super) fn common_name(name: &X509Name<'_>) -> Option<String> {
    let mut all = name.iter_common_name();
    let (first, second) = (all.next()?, all.next());
    if second.is_some() {
        return None;
    }
    first.as_str().ok().and_then(plain)
}

/// Text that is not empty and hides nothing.
pub(super) fn plain(text: &str) -> Option<String> {
    let hides = text.is_empty() || text.chars().any(char::is_control);
    (!hides).then(|| text.to_owned())
}

/// The serial number as `openssl x509 -serial` has it, in lower case.
pub(super) fn serial(bytes: &[u8]) -> String {
    match bytes {
        // Only there to say that the number is not negative [X.690 8.3].
        [0, rest @ ..] if !rest.is_empty() => hexadecimal(rest),
        _ => hexadecimal(bytes),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let short = SHORT_NAMES.iter().find(|(known, _)| *known == oid);
    match (short, attribute.as_str()) {
        (Some((_, short)), Ok(text)) => format!("{short}={}", escaped(text)),
        // As RFC 4514 2.4 has it for a type without a short name, but without tag and length.
        _ => format!("{oid}=#{}", hexadecimal(attribute.as_slice())),
    }
}

/// Escapes what separates parts, and what cannot be seen [RFC 4514 2.4].
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (index, character) in text.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => escaped.extend(['\\', character]),
            '#' | ' ' if index == 0 => escaped.extend(['\\', character]),
            ' ' if index == last => escaped.push_str("\\ "),
            _ if character.is_control() => {
                let mut utf8 = [0; 4];
                for byte in character.encode_utf8(&mut utf8).bytes() {
                    // Writing into a string cannot fail.
                    let _ = write!(escaped, "\\{byte:02x}");
                }
            }
            _ => escaped.push(character),
        }
    }
    escaped
}
