//! Reads one table key by key: each with its kind and bounds, and at the end whatever is left over.

mod files;

use std::ops::RangeInclusive;

use super::document::{Entry, Table, Value};
use super::faults::{Faults, Place, suggest};

/// Longest text that is told to clients: a CONNACK or DISCONNECT with it stays short enough for
/// clients that take small packets only.
const TOLD_BYTES_MAX: usize = 1_024;

/// A table that is being read. Every accessor makes its key known; [`Section::close`] says what
/// nobody asked for.
pub(super) struct Section<'a> {
    /// As in `[kafka.main]`; empty at the top.
    title: String,
    /// Where the table begins.
    pub(super) place: Place,
    table: Table,
    known: Vec<&'static str>,
    faults: &'a mut Faults,
}

impl<'a> Section<'a> {
    pub(super) fn top(table: Table, faults: &'a mut Faults) -> Self {
        Section {
            title: String::new(),
            place: Place::File,
            table,
            known: Vec::new(),
            faults,
        }
    }

    /// The table `[key]`, empty when it is not there.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'_> {
        let (place, table) = match self.take(key) {
            Some(entry) => (entry.place.clone(), self.expect_table(key, entry)),
            None => (Place::File, Table::new()),
        };
        self.child(format!("[{key}]"), place, table)
    }

    /// The names and tables under `[key.NAME]`.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(String, Entry)> {
        let Some(entry) = self.take(key) else {
            return Vec::new();
        };
        self.expect_table(key, entry).into_iter().collect()
    }

    /// The tables under `[[key]]`.
    pub(super) fn listed(&mut self, key: &'static str) -> Vec<Entry> {
        match self.take(key) {
            None => Vec::new(),
            Some(Entry {
                value: Value::List(items),
                ..
            }) => items,
            Some(Entry { place, value }) => {
                let wrong = format!("is {}, not a list of tables", value.kind());
                self.fault(place, key, wrong, format!("write [[{key}]]"));
                Vec::new()
            }
        }
    }

    /// A table from `named` or `listed`, under the title it is written with; nothing, and a fault,
    /// when it is no table.
    pub(super) fn child_of(&mut self, title: String, entry: Entry) -> Option<Section<'_>> {
        match entry.value {
            Value::Table(table) => Some(self.child(title, entry.place, table)),
            other => {
                let wrong = format!("is {}, not a table", other.kind());
                self.faults
                    .add(entry.place, title, wrong, "write its keys below it");
                None
            }
        }
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<(String, Place)> {
        match self.take(key)? {
            Entry {
                place,
                value: Value::Text(text),
            } => Some((text, place)),
            Entry { place, value } => {
                self.wrong_kind(place, key, &value, "a string in quotes");
                None
            }
        }
    }

    /// A text that becomes a string of MQTT, which has two bytes for its length [section 1.5.4].
    pub(super) fn told_to_clients(
        &mut self,
        key: &'static str,
        is_right: fn(&str) -> bool,
        right: &str,
    ) -> Option<String> {
        let (text, place) = self.text(key)?;
        if text.len() <= TOLD_BYTES_MAX && is_right(&text) {
            return Some(text);
        }
        let wrong = if text.len() > TOLD_BYTES_MAX {
            format!("is longer than {TOLD_BYTES_MAX} bytes")
        } else {
            format!("\"{text}\" cannot be told to a client")
        };
        self.fault(place, key, wrong, right);
        None
    }

    /// Where the key is written, or the section when it is not. Ask before it is read.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let entry = self.table.get(key);
        entry.map_or(&self.place, |entry| &entry.place).clone()
    }

    /// The key as it is written, for who reads it in a way of its own.
    pub(super) fn entry(&mut self, key: &'static str) -> Option<Entry> {
        self.take(key)
    }

    /// Whether the key is written, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Says that the key is missing when it is; what is there and wrong is said where it is read.
    pub(super) fn require(&mut self, key: &'static str, right: &str) {
        if !self.table.contains_key(key) {
            self.fault(self.place.clone(), key, "is missing", right);
        }
    }

    /// A list of strings; from the environment, one string with commas.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<(Vec<String>, Place)> {
        let Entry { place, value } = self.take(key)?;
        let items = match (value, &place) {
            (Value::List(items), _) => items,
            (Value::Text(text), Place::Variable(_)) => {
                let item = |item: &str| Value::Text(item.trim().to_string());
                let entry = |value| Entry {
                    place: place.clone(),
                    value,
                };
                text.split(',').map(item).map(entry).collect()
            }
            (value, _) => {
                self.wrong_kind(
                    place,
                    key,
                    &value,
                    "a list of strings, as in [\"a\", \"b\"]",
                );
                return None;
            }
        };
        let mut texts = Vec::new();
        for Entry { place, value } in items {
            match value {
                Value::Text(text) => texts.push(text),
                value => self.wrong_kind(place, key, &value, "a string in quotes"),
            }
        }
        Some((texts, place))
    }

    /// A table of strings, numbers and booleans as strings; from the environment also `a=1,b=2`.
    pub(super) fn map(&mut self, key: &'static str) -> Vec<(String, String, Place)> {
        let mut pairs = Vec::new();
        match self.take(key) {
            None => {}
            Some(Entry {
                place: place @ Place::Variable(_),
                value: Value::Text(text),
            }) => {
                let pairs_there = text.split(',').filter(|pair| !pair.trim().is_empty());
                for (number, pair) in (1..).zip(pairs_there) {
                    match pair.split_once('=') {
                        Some((name, value)) => {
                            pairs.push((name.trim().into(), value.trim().into(), place.clone()));
                        }
                        None => {
                            // It may be a part of a secret with a comma in it.
                            let wrong = format!("item {number} has no value");
                            self.fault(place.clone(), key, wrong, "write name=value[,...]");
                        }
                    }
                }
            }
            Some(entry) => {
                for (name, Entry { place, value }) in self.expect_table(key, entry) {
                    let text = match value {
                        Value::Text(text) => text,
                        Value::Integer(number) => number.to_string(),
                        Value::Boolean(truth) => truth.to_string(),
                        value => {
                            let wrong = format!("\"{name}\" is {}", value.kind());
                            self.fault(place, key, wrong, "a string, an integer or a boolean");
                            continue;
                        }
                    };
                    pairs.push((name, text, place));
                }
            }
        }
        pairs
    }

    /// A whole number within the range, or nothing when it is not set or was wrong.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let Entry { place, value } = self.take(key)?;
        let number = match &value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Text(text) if matches!(place, Place::Variable(_)) => text.trim().parse().ok(),
            _ => {
                self.wrong_kind(place, key, &value, "an integer without quotes");
                return None;
            }
        };
        if number.is_some_and(|number| range.contains(&number)) {
            return number;
        }
        let shown = match value {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => format!("\"{text}\""),
            other => other.kind().to_string(),
        };
        let right = format!("a number from {} to {}", range.start(), range.end());
        self.fault(place, key, format!("is {shown}"), right);
        None
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let Entry { place, value } = self.take(key)?;
        let truth = match &value {
            Value::Boolean(truth) => Some(*truth),
            Value::Text(text) if matches!(place, Place::Variable(_)) => text.trim().parse().ok(),
            _ => None,
        };
        if truth.is_none() {
            self.wrong_kind(place, key, &value, "true or false, without quotes");
        }
        truth
    }

    /// `false` and `true` for the two meanings, or the one word that there is beside them.
    pub(super) fn truth_or_word<T: Copy>(
        &mut self,
        key: &'static str,
        [no, yes]: [T; 2],
        (word, meaning): (&str, T),
    ) -> Option<(T, Place)> {
        let Entry { place, value } = self.take(key)?;
        match value {
            Value::Boolean(false) => Some((no, place)),
            Value::Boolean(true) => Some((yes, place)),
            Value::Text(text) if text == word => Some((meaning, place)),
            value => {
                let right = format!("true or false without quotes, or \"{word}\"");
                self.wrong_kind(place, key, &value, &right);
                None
            }
        }
    }

    /// Says of a key that it must not be here, when it is.
    pub(super) fn forbid(&mut self, key: &'static str, wrong: &str, right: &str) {
        if let Some(entry) = self.take(key) {
            self.fault(entry.place, key, wrong, right);
        }
    }

    /// One of the words; `later` are words that the design has and this version has not.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        later: &[&str],
    ) -> Option<T> {
        let (text, place) = self.text(key)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        if later.contains(&text.as_str()) {
            let wrong = format!("\"{text}\" is not yet in this version");
            self.fault(
                place,
                key,
                wrong,
                format!("write \"{}\"", known.join("\" or \"")),
            );
        } else {
            self.fault(
                place,
                key,
                format!("\"{text}\" is unknown"),
                suggest(&text, &known),
            );
        }
        None
    }

    pub(super) fn fault(
        &mut self,
        place: Place,
        key: &str,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        let key = match (self.title.as_str(), key) {
            ("", key) => key.to_string(),
            (title, "") => title.to_string(),
            (title, key) => format!("{title}.{key}"),
        };
        self.faults.add(place, key, wrong, right);
    }

    /// Says which keys are left that no one knows.
    pub(super) fn close(mut self) {
        for (key, entry) in std::mem::take(&mut self.table) {
            let right = suggest(&key, &self.known);
            match (self.title.is_empty(), entry.value) {
                (true, Value::Table(_)) => {
                    self.fault(entry.place, &format!("[{key}]"), "unknown section", right);
                }
                _ => self.fault(entry.place, &key, "unknown key", right),
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Entry> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn child(&mut self, title: String, place: Place, table: Table) -> Section<'_> {
        Section {
            title,
            place,
            table,
            known: Vec::new(),
            faults: self.faults,
        }
    }

    fn expect_table(&mut self, key: &'static str, entry: Entry) -> Table {
        match entry.value {
            Value::Table(table) => table,
            // A text is not repeated: it may hold secrets, as a table would.
            other => {
                let wrong = format!("is {}", other.kind());
                self.fault(entry.place, key, wrong, "write a table");
                Table::new()
            }
        }
    }

    fn wrong_kind(&mut self, place: Place, key: &str, value: &Value, right: &str) {
        let wrong = match value {
            Value::Text(text) => format!("is the string \"{text}\""),
            other => format!("is {}", other.kind()),
        };
        self.fault(place, key, wrong, format!("write {right}"));
    }
}
