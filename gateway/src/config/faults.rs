//! What is wrong with a configuration: place, key, what is wrong and what would be right.

use std::fmt;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nowhere in particular.
    File,
    /// Line of the file, from 1.
    Line(usize),
    /// Name of an environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

/// One thing to put right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub place: Place,
    /// As in `[kafka.main].brokers`; empty when the file as a whole is meant.
    pub key: String,
    pub wrong: String,
    pub right: String,
}

/// Everything that is wrong, one line each when displayed:
/// `gw.toml:7: [listen.mqtt].adress: unknown key; did you mean "address"?`
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub(super) file: String,
    list: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(
        &mut self,
        place: Place,
        key: String,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        let fault = Fault {
            place,
            key,
            wrong: wrong.into(),
            right: right.into(),
        };
        // One mistake can be met twice, as when two routes name the cluster that is missing.
        if !self.list.contains(&fault) {
            self.list.push(fault);
        }
    }

    /// In the order of the file, then of the environment, then of the command line.
    pub(super) fn sorted(mut self) -> Self {
        self.list.sort();
        self
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.list.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match &fault.place {
                Place::File => write!(f, "{}: ", self.file)?,
                Place::Line(line) => write!(f, "{}:{line}: ", self.file)?,
                Place::Variable(name) => write!(f, "{name}: ")?,
                Place::Flag(flag) => write!(f, "{flag}: ")?,
            }
            if !fault.key.is_empty() {
                write!(f, "{}: ", fault.key)?;
            }
            write!(f, "{}; {}", fault.wrong, fault.right)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// `did you mean "address"?` when one of the words is near, else the words there are.
pub(super) fn suggest(word: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min();
    match near {
        Some((_, candidate)) => format!("did you mean \"{candidate}\"?"),
        None => format!("there is: {}", known.join(", ")),
    }
}
