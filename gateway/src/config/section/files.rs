//! Values that stand in files of their own, so that a secret need not stand in the configuration.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};

use super::Section;
use crate::config::document::{Entry, Table, Value};
use crate::config::faults::Place;

/// The key in `{ file = "/PATH" }`.
const FILE: &str = "file";
const RIGHT: &str = "write { file = \"/PATH\" }, or the value itself";
/// Longer than any password, and than any chain of certificates.
const VALUE_BYTES_MAX: u64 = 64 << 10;

impl Section<'_> {
    /// Puts in place of each `{ file = "/PATH" }` in a table what is in the file; says whether each
    /// was there.
    pub(in crate::config) fn fetch_files(&mut self, key: &'static str) -> bool {
        let Some(Value::Table(table)) = self.table.get_mut(key).map(|entry| &mut entry.value)
        else {
            return true;
        };
        let mut wrong = Vec::new();
        for (name, entry) in table.iter_mut() {
            let Value::Table(inner) = &entry.value else {
                continue;
            };
            match path_in(inner).and_then(fetch) {
                Ok(text) => entry.value = Value::Text(text),
                Err(why) => wrong.push((name.clone(), entry.place.clone(), why)),
            }
        }
        let is_whole = wrong.is_empty();
        for (name, place, why) in wrong {
            if let Some(Value::Table(table)) = self.table.get_mut(key).map(|entry| &mut entry.value)
            {
                table.remove(&name);
            }
            self.fault(place, key, format!("\"{name}\" {why}"), RIGHT);
        }
        is_whole
    }

    /// A text that nobody repeats: here, or in the file that `{ file = "/PATH" }` names.
    pub(in crate::config) fn secret(&mut self, key: &'static str) -> Option<(String, Place)> {
        let Entry { place, value } = self.take(key)?;
        let found = match &value {
            Value::Text(text) if text.is_empty() => Err("is empty".to_string()),
            Value::Text(text) => Ok(text.clone()),
            Value::Table(table) => path_in(table).and_then(fetch),
            other => Err(format!("is {}", other.kind())),
        };
        match found {
            Ok(text) => Some((text, place)),
            Err(wrong) => {
                self.fault(place, key, wrong, RIGHT);
                None
            }
        }
    }
}

fn path_in(table: &Table) -> Result<&str, String> {
    match (table.len(), table.get(FILE).map(|entry| &entry.value)) {
        (1, Some(Value::Text(path))) => Ok(path),
        _ => Err("is a table without a file".to_string()),
    }
}

/// The text of a file without its last end of line, which editors add and `echo` too.
fn fetch(path: &str) -> Result<String, String> {
    let read = |path: &str| {
        let mut text = String::new();
        File::open(path)?
            .take(VALUE_BYTES_MAX + 1)
            .read_to_string(&mut text)?;
        match text.len() as u64 {
            0..=VALUE_BYTES_MAX => Ok(text),
            _ => Err(Error::new(ErrorKind::FileTooLarge, "longer than 64 KiB")),
        }
    };
    let text =
        read(path).map_err(|error| format!("is in {path}, which cannot be read: {error}"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    match text.strip_suffix('\r').unwrap_or(text) {
        "" => Err(format!("is in {path}, which is empty")),
        text => Ok(text.to_string()),
    }
}
