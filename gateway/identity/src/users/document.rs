//! A users file as a text that somebody else wrote too: one line changes, the others stay.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{check_name, entry, groups};
use crate::fault::Fault;
use crate::hash::PasswordHash;

/// For a file that holds hashes: nobody else reads them.
const MODE: u32 = 0o600;

/// The lines of a users file, in order, with the comments.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Document {
    lines: Vec<String>,
}

impl Document {
    pub fn from_text(text: &str) -> Self {
        let lines = text.lines().map(str::to_owned).collect();
        Self { lines }
    }

    /// The file's lines; none when there is no such file yet.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::from_text(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Adds a user behind the others, or gives a known one a new password and keeps its groups
    /// where none are given. True when the user is new.
    pub fn put(
        &mut self,
        name: &str,
        hash: &PasswordHash,
        new_groups: Option<&str>,
    ) -> Result<bool, Fault> {
        let fault = |field, (wrong, right): (String, String)| Fault::new(field, wrong, right);
        check_name(name).map_err(|words| fault("user name", words))?;
        if let Some(new_groups) = new_groups.filter(|groups| !groups.is_empty()) {
            groups(new_groups).map_err(|words| fault("groups", words))?;
        }
        let line = |groups: Option<&str>| match groups.filter(|groups| !groups.is_empty()) {
            Some(groups) => format!("{name}:{hash}:{groups}"),
            None => format!("{name}:{hash}"),
        };
        let Some(at) = self.place(name) else {
            self.lines.push(line(new_groups));
            return Ok(true);
        };
        let old_groups = self.lines[at].trim().splitn(3, ':').nth(2);
        let line = line(new_groups.or(old_groups));
        self.lines[at] = line;
        Ok(false)
    }

    /// Takes a user out; false when there is none of that name.
    pub fn remove(&mut self, name: &str) -> bool {
        let place = self.place(name);
        place.map(|at| self.lines.remove(at)).is_some()
    }

    /// The names in the file, in its order; also of lines that are wrong otherwise.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| name_of(line))
    }

    /// Writes a new file beside the old one and puts it in its place: a reader sees the old one or
    /// the new one, also after a power loss. Only the owner may read it.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let beside = beside(path)?;
        let written = self.write(&beside).and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
            return written;
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        // What a killed writer left behind may be readable by others: it is not written into.
        let _ = fs::remove_file(path);
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(MODE).open(path)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()
    }

    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    fn place(&self, name: &str) -> Option<usize> {
        let is_of = |line: &String| name_of(line) == Some(name);
        self.lines.iter().position(is_of)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} lines)", self.lines.len())
    }
}

fn name_of(line: &str) -> Option<&str> {
    Some(entry(line)?.split_once(':')?.0)
}

/// In the same folder, since only there a rename is one step.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "the path names no file");
    let mut name = path.file_name().ok_or_else(no_name)?.to_owned();
    name.push(format!(".new-{}", std::process::id()));
    Ok(path.with_file_name(name))
}
