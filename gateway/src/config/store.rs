//! `[store]`: where sessions and retained messages are kept, and whether that place can be used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::section::Section;
use super::settings::Store;

const PATH_RIGHT: &str = "name a directory for the store, as in \"/var/lib/tributary\"";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Local,
}

pub(super) fn store(top: &mut Section<'_>) -> Store {
    let mut section = top.section("store");
    let kinds = [("memory", Kind::Memory), ("local", Kind::Local)];
    let is_given = section.has("kind");
    let kind = section.choice("kind", &kinds, &["redis", "mysql"]);
    if kind == Some(Kind::Local) {
        section.require("path", PATH_RIGHT);
    }
    let path = section.text("path");
    if let Some((text, place)) = &path {
        if text.is_empty() {
            section.fault(place.clone(), "path", "is empty", PATH_RIGHT);
        }
        // Whoever names a place believes that something is kept there. Of a kind that is wrong it
        // is not known whether it would have used the path.
        if kind == Some(Kind::Memory) || !is_given {
            let wrong = "is not used by kind = \"memory\"";
            let right = "write kind = \"local\", or leave the path out";
            section.fault(place.clone(), "path", wrong, right);
        }
    }
    section.close();
    match kind {
        Some(Kind::Local) => Store::Local {
            path: path
                .map(|(text, _)| PathBuf::from(text))
                .unwrap_or_default(),
        },
        _ => Store::Memory,
    }
}

impl Store {
    /// Proves at the start that the store's directory can be made and written to, or says in a
    /// sentence why not and what to do. Not done by `check`, which changes nothing and may run
    /// elsewhere than the gateway will.
    pub fn prove_writable(&self) -> Result<(), String> {
        let Store::Local { path } = self else {
            return Ok(());
        };
        write_something(path).map_err(|error| {
            format!(
                "[store].path: {} cannot be written to: {error}; give this user a directory of its \
                 own there, or name another",
                path.display()
            )
        })
    }
}

/// Only a write tells: the bits of a directory say nothing about a full or read-only file system.
fn write_something(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let probe = directory.join(format!(".tributary-probe-{}", std::process::id()));
    let written = fs::write(&probe, b"probe");
    let removed = fs::remove_file(&probe);
    written.and(removed)
}
