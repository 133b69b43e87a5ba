//! `[auth]`: who may come in by SCRAM-SHA-256, named in the file or in a file beside it.
//!
//! ```text
//! scram_users = { NAME = "CREDENTIAL" }       scram_file: one NAME:CREDENTIAL per line, # comments
//!
//! CREDENTIAL   a password, or what is left of one (RFC 5803, as PostgreSQL writes it too):
//!              SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY     the last three in base64
//! ```

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::faults::Place;
use super::section::Section;
use crate::auth::{Credential, ScramUser};

/// The fewest that RFC 7677 allows.
const ITERATIONS_MIN: u32 = 4_096;
/// Beyond this one login costs a core a second.
const ITERATIONS_MAX: u32 = 10_000_000;
const SALT_BYTES_MIN: usize = 8;
const SALT_BYTES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 255;

const KEYS_PREFIX: &str = "SCRAM-SHA-256$";
const KEYS_RIGHT: &str = "write SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY";

/// Where a user was written, for what is said about it: the key, and the place in words.
struct Origin<'a> {
    key: &'static str,
    place: &'a Place,
    line: String,
}

pub(super) fn users(section: &mut Section<'_>) -> Vec<ScramUser> {
    let mut users = Users::default();
    for (name, text, place) in section.map("scram_users") {
        let (key, line) = ("scram_users", String::new());
        users.add(
            &name,
            &text,
            &Origin {
                key,
                place: &place,
                line,
            },
            section,
        );
    }
    if let Some((path, place)) = section.text("scram_file") {
        match std::fs::read_to_string(&path) {
            Ok(text) => users.read(&path, &text, &place, section),
            Err(error) => {
                let wrong = format!("{path} cannot be read: {error}");
                let right = "name a file with one NAME:CREDENTIAL per line";
                section.fault(place, "scram_file", wrong, right);
            }
        }
    }
    users.list
}

#[derive(Default)]
struct Users {
    list: Vec<ScramUser>,
    names: BTreeSet<String>,
}

impl Users {
    fn read(&mut self, path: &str, text: &str, place: &Place, section: &mut Section<'_>) {
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let origin = Origin {
                key: "scram_file",
                place,
                line: format!("{path}:{number}: "),
            };
            match line.split_once(':') {
                Some((name, credential)) => self.add(name, credential, &origin, section),
                // The line may be a password alone: it is not repeated.
                None => origin.fault(section, "has no \":\"", "write NAME:CREDENTIAL"),
            }
        }
    }

    fn add(&mut self, name: &str, text: &str, origin: &Origin<'_>, section: &mut Section<'_>) {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let right = format!("use 1 to {NAME_BYTES_MAX} bytes without control characters");
            return origin.fault(section, &format!("{name:?} is no name"), &right);
        }
        if !self.names.insert(name.to_string()) {
            let wrong = format!("\"{name}\" is named twice");
            return origin.fault(section, &wrong, "keep one of the two");
        }
        match credential(text) {
            Ok(credential) => self.list.push(ScramUser {
                name: name.to_string(),
                credential,
            }),
            Err((wrong, right)) => {
                origin.fault(section, &format!("\"{name}\": {wrong}"), &right);
            }
        }
    }
}

impl Origin<'_> {
    fn fault(&self, section: &mut Section<'_>, wrong: &str, right: &str) {
        let wrong = format!("{}{wrong}", self.line);
        section.fault(self.place.clone(), self.key, wrong, right);
    }
}

/// What is wrong and what would be right never repeat the credential.
fn credential(text: &str) -> Result<Credential, (String, String)> {
    let wrong = |wrong: &str, right: &str| Err((wrong.to_string(), right.to_string()));
    let Some(keys) = text.strip_prefix(KEYS_PREFIX) else {
        return match text {
            "" => wrong("has an empty password", "write a password"),
            _ if text.starts_with("SCRAM-") => {
                wrong("is of another mechanism than SCRAM-SHA-256", KEYS_RIGHT)
            }
            _ => Ok(Credential::Password(text.to_string())),
        };
    };
    let parts = || {
        let (head, tail) = keys.split_once('$')?;
        let ((iterations, salt), (stored, server)) = (head.split_once(':')?, tail.split_once(':')?);
        Some((
            iterations.parse::<u32>().ok()?,
            STANDARD.decode(salt).ok()?,
            STANDARD.decode(stored).ok()?.try_into().ok()?,
            STANDARD.decode(server).ok()?.try_into().ok()?,
        ))
    };
    let Some((iterations, salt, stored_key, server_key)) = parts() else {
        return wrong(
            "is not whole, or not base64 of 32 bytes per key",
            KEYS_RIGHT,
        );
    };
    if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
        let right = format!("a number from {ITERATIONS_MIN} to {ITERATIONS_MAX}");
        return wrong(&format!("has {iterations} iterations"), &right);
    }
    if !(SALT_BYTES_MIN..=SALT_BYTES_MAX).contains(&salt.len()) {
        let right = format!("use {SALT_BYTES_MIN} to {SALT_BYTES_MAX}");
        return wrong(&format!("has a salt of {} bytes", salt.len()), &right);
    }
    Ok(Credential::Keys {
        salt,
        iterations,
        stored_key,
        server_key,
    })
}
