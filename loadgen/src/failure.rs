//! The ways a command can fail, each with its exit code.

use std::fmt;

#[derive(Debug)]
pub enum Failure {
    /// The command could not do its work; the sentence says why and what to do next.
    Start(String),
    /// The flags contradict each other.
    Usage(String),
    /// The work was done and an objective was missed.
    Objective(Vec<String>),
}

impl Failure {
    pub fn start(what: impl fmt::Display, why: impl fmt::Display, next: &str) -> Self {
        Self::Start(format!("{what}: {why}; {next}"))
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Start(_) => 1,
            Self::Usage(_) => 2,
            Self::Objective(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(sentence) | Self::Usage(sentence) => f.write_str(sentence),
            Self::Objective(missed) => write!(f, "objective missed: {}", missed.join("; ")),
        }
    }
}

impl std::error::Error for Failure {}
