//! Starts a real database for a test, in a folder of its own, and ends it with the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::clock::Clock;
use crate::hash::{PasswordHash, Shape};
use crate::look::Look;
use crate::proofs::Proofs;
use crate::question::{Password, Question};

/// Cheap to check, and unlike what strangers cost otherwise.
pub(super) const CHEAP: Shape = Shape {
    kibibytes: 16,
    passes: 1,
    lanes: 1,
};

/// For an answer of a server that is up, on a machine that has other things to do.
pub(super) const PATIENCE_MS: u32 = 30_000;

/// A server that is up, and its folder.
pub(super) struct Server {
    process: Child,
    folder: Folder,
}

/// A folder that goes with its owner.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tributary-{name}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the folder is new");
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Server {
    /// Starts `command` and reads what it says, on stdout or stderr, until it says `ready`.
    pub(super) fn start(mut command: Command, ready: &str, folder: Folder) -> Self {
        let (said, both) = std::io::pipe().expect("there are descriptors");
        let also = both.try_clone().expect("there are descriptors");
        command.stdin(Stdio::null()).stdout(both).stderr(also);
        let process = command.spawn().expect("it can be started");
        // It holds the ends to be written to, which would keep the reader waiting.
        drop(command);
        let mut heard = String::new();
        let mut said = BufReader::new(said);
        while !heard.contains(ready) {
            let length = said.read_line(&mut heard).expect("it says text");
            assert_ne!(length, 0, "it has ended:\n{heard}");
        }
        // What it says from now on must go somewhere.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { process, folder }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn stop(&mut self) {
        let _ = self.process.kill();
        self.process.wait().expect("it is a child of this process");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether a program is there; a test without it says so, loudly.
pub(super) fn is_there(program: &str, package: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    let is_there = found.is_ok_and(|status| status.success());
    if !is_there {
        eprintln!("SKIPPED: {program} is not there; apt-get install {package}");
    }
    is_there
}

pub(super) fn proofs() -> Arc<Proofs> {
    Arc::new(Proofs::new(16, 60, Clock::system()).expect("it is within the bounds"))
}

pub(super) fn hash(password: &str) -> PasswordHash {
    PasswordHash::make(password.as_bytes(), CHEAP)
}

pub(super) fn question(user: &str, password: &str) -> Question {
    Question {
        listener: "mqtt".into(),
        client_id: "c".into(),
        user: Some(user.into()),
        password: Some(Password::new(password.as_bytes().into())),
        address: None,
        certificate: None,
    }
}

/// What is to be checked, and who it is then.
pub(super) fn checked(look: Look, password: &str) -> Option<crate::verdict::Proven> {
    let Look::Check(check) = look else {
        panic!("there is nothing to check");
    };
    check
        .hash
        .is_of(password.as_bytes())
        .then(|| *check.proven.expect("it is somebody"))
}

/// A runtime like the control thread's.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("it can be built").block_on(work)
}
