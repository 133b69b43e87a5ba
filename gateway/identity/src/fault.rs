//! What is wrong with a setting, said to the one who wrote it.

use std::fmt;

/// One thing to put right. It never repeats a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The setting's name, with the line where the setting is a file: `users_file, line 3`.
    pub field: String,
    pub wrong: String,
    pub right: String,
}

impl Fault {
    pub fn new(
        field: impl Into<String>,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            wrong: wrong.into(),
            right: right.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.field, self.wrong, self.right)
    }
}

impl std::error::Error for Fault {}
