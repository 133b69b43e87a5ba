//! A Rust source as the lint sees it: its path, its text, and its code with comments and strings
//! blanked.

use std::path::{Path, PathBuf};

/// One `.rs` file of the repository.
pub(crate) struct Source {
    /// From the repository's root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with every comment, string and character blanked out; lines and columns stay.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blanked(text),
        }
    }

    /// Whether the file is test code, which may use what it tests freely.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/examples/")
            || self.path.contains("/benches/")
            || self.path.contains("/fuzz/")
    }

    /// The code in front of the unit tests.
    pub(crate) fn tested_code(&self) -> &str {
        self.code
            .split("#[cfg(test)]")
            .next()
            .expect("a split has a first part")
    }

    /// Name, first line and number of lines of each function with a body.
    pub(crate) fn functions(&self) -> Vec<(String, usize, usize)> {
        let code = self.code.as_bytes();
        let mut found = Vec::new();
        for (at, _) in words(&self.code).filter(|(_, word)| *word == "fn") {
            let name: String = self.code[at + 2..]
                .trim_start()
                .chars()
                .take_while(|c| is_word(*c))
                .collect();
            let Some((open, close)) = body(code, at).filter(|_| !name.is_empty()) else {
                continue;
            };
            let line = |index: usize| 1 + code[..index].iter().filter(|c| **c == b'\n').count();
            debug_assert!(open < close);
            found.push((name, line(at), line(close) - line(at) + 1));
        }
        found
    }
}

/// Every word of the code with its place.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = code
        .char_indices()
        .filter(|(at, c)| is_word(*c) && !code[..*at].chars().next_back().is_some_and(is_word));
    starts.map(|(at, _)| {
        let end = code[at..]
            .find(|c| !is_word(c))
            .map_or(code.len(), |length| at + length);
        (at, &code[at..end])
    })
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The braces of the function that begins at `at`; `None` for one without a body.
fn body(code: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut depth = 0_i32;
    let mut open = None;
    for (index, byte) in code.iter().enumerate().skip(at) {
        match byte {
            b'(' | b'[' if open.is_none() => depth += 1,
            b')' | b']' if open.is_none() => depth -= 1,
            b';' if open.is_none() && depth == 0 => return None,
            b'{' if open.is_none() && depth > 0 => {}
            b'{' => {
                depth += 1;
                open = open.or(Some(index));
            }
            b'}' if open.is_some() => {
                depth -= 1;
                if depth == 0 {
                    return open.map(|open| (open, index));
                }
            }
            _ => {}
        }
    }
    None
}

/// Replaces comments and literals by spaces and leaves the line breaks.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let previous = code.chars().next_back();
        let length = literal_or_comment(rest, previous);
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
            code.extend(rest[..length].chars().map(blank));
            rest = &rest[length..];
        }
    }
    code
}

/// How many bytes the comment or literal takes that begins here; 0 when none does.
fn literal_or_comment(rest: &str, previous: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if let Some(inside) = rest.strip_prefix('\'') {
        // A lifetime has no closing quote right behind its first character.
        let mut inside = inside.chars();
        let is_char = inside.next() == Some('\\') || inside.next() == Some('\'');
        return if is_char { quoted(rest, '\'') } else { 0 };
    }
    if rest.starts_with('r') && !previous.is_some_and(|c| is_word(c) && c != 'b') {
        return raw_string(rest);
    }
    0
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> usize {
    let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = 2 + hashes;
    rest[inside..]
        .find(&end)
        .map_or(rest.len(), |at| inside + at + end.len())
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        match here {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("gateway/ lies in the root")
        .to_owned()
}

/// Every file below the root that belongs to the repository, as a path from the root.
pub(crate) fn files() -> Vec<PathBuf> {
    // What tools and builds leave behind.
    const FOREIGN: [&str; 6] = [
        "target",
        "node_modules",
        "run",
        "corpus",
        "artifacts",
        "__pycache__",
    ];
    let root = root();
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("the repository can be read");
        for entry in entries.map(|entry| entry.expect("a folder's entry can be read")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().expect("an entry has a type");
            let ours = !FOREIGN.contains(&&*name) && (!name.starts_with('.') || name == ".ci");
            if kind.is_dir() && ours {
                folders.push(entry.path());
            } else if kind.is_file() && name != ".git" {
                let path = entry.path();
                found.push(
                    path.strip_prefix(&root)
                        .expect("it lies below the root")
                        .to_owned(),
                );
            }
        }
    }
    found.sort();
    found
}

/// Every Rust source of the repository.
pub(crate) fn sources() -> Vec<Source> {
    let rust = files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"));
    rust.map(|path| {
        let text = std::fs::read_to_string(root().join(&path)).expect("sources are UTF-8");
        Source::new(&path.to_string_lossy().replace('\\', "/"), &text)
    })
    .collect()
}
