//! Users in a file: one `NAME:HASH[:GROUP,GROUP]` per line, `#` begins a comment line.
//!
//! Whoever is not in it costs the same argon2 as a wrong password: see `Users::stranger`.

mod document;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use document::Document;

use crate::fault::Fault;
use crate::fingerprint::Fingerprinter;
use crate::hash::{PasswordHash, Shape};
use crate::limits::{GROUPS_MAX, NAME_BYTES_MAX, USERS_MAX, VALUE_BYTES_MAX};
use crate::proofs::Proofs;

/// Everyone in one file; read at start and at each reload, shared by all chains that name it.
pub struct Users {
    accounts: HashMap<Box<str>, Account>,
    /// What the hashes of the file cost, each once, in an order that stays.
    shapes: Vec<Shape>,
    /// Picks a shape for each unknown name, always the same.
    fingerprinter: Fingerprinter,
    pub(crate) proofs: Arc<Proofs>,
}

/// One user of the file.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) user: Arc<str>,
    pub(crate) groups: Vec<Box<str>>,
    pub(crate) hash: Arc<PasswordHash>,
}

impl Users {
    /// Takes all lines of a file's text, or names every line that is wrong.
    pub fn read(text: &str, proofs: &Arc<Proofs>) -> Result<Self, Vec<Fault>> {
        let mut accounts = HashMap::new();
        let mut faults = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let Some(line) = entry(line) else { continue };
            let fault = |wrong: String, right: String| {
                Fault::new(format!("users file, line {number}"), wrong, right)
            };
            match Account::read(line) {
                Err((wrong, right)) => faults.push(fault(wrong, right)),
                Ok(account) => {
                    let name = Box::from(&*account.user);
                    if accounts.insert(name, account).is_some() {
                        let wrong = "this user stands on an earlier line too".to_owned();
                        faults.push(fault(wrong, "keep one of the two".to_owned()));
                    }
                }
            }
        }
        if accounts.len() > USERS_MAX {
            let wrong = format!("{} users are too many", accounts.len());
            let right = format!("keep at most {USERS_MAX}, or ask a database");
            faults.push(Fault::new("users file", wrong, right));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut shapes: Vec<Shape> = Vec::new();
        for account in accounts.values() {
            let shape = account.hash.shape();
            if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
        Ok(Self {
            accounts,
            shapes,
            fingerprinter: Fingerprinter::new(),
            proofs: Arc::clone(proofs),
        })
    }

    pub fn count(&self) -> usize {
        self.accounts.len()
    }

    pub(crate) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// What a password for a name that is not in the file is checked against: it costs what one of
    /// the file costs, for one name always the same one, so that time tells nothing.
    pub(crate) fn stranger(&self, name: &str) -> Shape {
        let drawn = self.fingerprinter.over(&[name.as_bytes()]);
        let number = u64::from_le_bytes(drawn[..8].try_into().expect("32 bytes have 8"));
        match self.shapes.len() {
            0 => Shape::default(),
            count => self.shapes[(number % count as u64) as usize],
        }
    }
}

/// A line without what surrounds it; `None` for an empty one and for a comment.
fn entry(line: &str) -> Option<&str> {
    let line = line.trim();
    (!line.is_empty() && !line.starts_with('#')).then_some(line)
}

impl Account {
    /// What is wrong and what would be right never repeat the line: it may be a password.
    fn read(line: &str) -> Result<Self, (String, String)> {
        let mut parts = line.splitn(3, ':');
        let (Some(name), Some(hash)) = (parts.next(), parts.next()) else {
            let right = "write NAME:HASH or NAME:HASH:GROUP,GROUP".to_owned();
            return Err(("has no \":\"".to_owned(), right));
        };
        let named = |(wrong, right): (String, String)| (format!("{name:?} {wrong}"), right);
        check_name(name)?;
        let hash = PasswordHash::read(hash).map_err(|fault| named((fault.wrong, fault.right)))?;
        let groups = parts.next().map_or(Ok(Vec::new()), groups).map_err(named)?;
        Ok(Self {
            user: Arc::from(name),
            groups,
            hash: Arc::new(hash),
        })
    }
}

/// Whether a text can be a user's name in a file.
fn check_name(name: &str) -> Result<(), (String, String)> {
    let is_bounded = (1..=NAME_BYTES_MAX).contains(&name.len());
    let is_plain = !name.contains(|c: char| c == ':' || c.is_control());
    // Such a name would vanish with the space around it, or be taken for a comment.
    let stays = name.trim() == name && !name.starts_with('#');
    if is_bounded && is_plain && stays {
        return Ok(());
    }
    let right = format!(
        "use 1 to {NAME_BYTES_MAX} bytes without \":\", control characters, space around it or \
         \"#\" in front"
    );
    Err((format!("{name:?} is no user name"), right))
}

fn groups(text: &str) -> Result<Vec<Box<str>>, (String, String)> {
    let groups: Vec<Box<str>> = text.split(',').map(Box::from).collect();
    let is_group = |group: &str| {
        let is_bounded = (1..=VALUE_BYTES_MAX).contains(&group.len());
        is_bounded && !group.contains(|c: char| c == ':' || c.is_control() || c.is_whitespace())
    };
    if groups.len() > GROUPS_MAX {
        let right = format!("use at most {GROUPS_MAX}");
        return Err((format!("is in {} groups", groups.len()), right));
    }
    match groups.iter().find(|group| !is_group(group)) {
        None => Ok(groups),
        Some(group) => {
            let right = "write GROUP,GROUP without spaces".to_owned();
            Err((format!("is in a group {group:?}"), right))
        }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.count())
    }
}

#[cfg(test)]
mod tests;
