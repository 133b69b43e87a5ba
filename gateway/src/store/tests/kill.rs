//! A process killed with SIGKILL while it writes: everything it was told to be safe is there, and a
//! batch is there as a whole or not at all.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::ground::*;
use super::model::{Script, seed};
use crate::store::{Opened, StoreSink, Submitted};

const ROUNDS: u64 = 20;
/// Batches that the child has on their way at once.
const WINDOW: u64 = 8;
const FOLDER: &str = "TRIBUTARY_STORE_CHILD_FOLDER";
const BEGUN: &str = "TRIBUTARY_STORE_CHILD_BEGUN";
const SAID: &str = "safe ";

/// Says on standard output how many batches of the script are safe.
struct Crier {
    /// Batches of the script that were safe before this process began.
    begun: u64,
    safe: AtomicU64,
    main: std::thread::Thread,
}

impl StoreSink for Crier {
    fn committed(&self, _shard: usize, number: u64) {
        let line = format!("{SAID}{}\n", self.begun + number);
        std::io::stdout()
            .write_all(line.as_bytes())
            .expect("the parent reads");
        self.safe.store(number, SeqCst);
        self.main.unpark();
    }

    fn room(&self, _shard: usize) {}

    fn failed(&self) {
        std::process::abort();
    }
}

/// What the parent kills. Without its folder it has nothing to do.
#[test]
#[ignore = "the other test starts it as a process of its own"]
fn child_that_writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let begun = std::env::var(BEGUN).expect("the parent says it");
    let begun: u64 = begun.parse().expect("a number");
    let mut script = Script::new(seed());
    (0..begun).for_each(|_| drop(script.batch()));
    let opened = Opened::at(folder.as_ref(), 1, NOW, |_| 0);
    let (opened, _) = opened.unwrap_or_else(|error| panic!("{error}"));
    let crier = Arc::new(Crier {
        begun,
        safe: AtomicU64::new(0),
        main: std::thread::current(),
    });
    let (_store, mut handles) = opened.start(crier.clone()).expect("a thread");
    loop {
        while handles[0].last() >= crier.safe.load(SeqCst) + WINDOW {
            std::thread::park();
        }
        let submitted = handles[0].submit(&mut script.batch());
        assert!(matches!(submitted, Submitted::Accepted(_)));
    }
}

/// Starts the child, kills it after it has said `lines` lines, and gives the last number it said.
fn run_and_kill(folder: &Folder, seed: u64, begun: u64, lines: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "--ignored", "--nocapture"])
        .arg("store::tests::kill::child_that_writes_until_it_is_killed")
        .env(FOLDER, folder.path())
        .env(BEGUN, begun.to_string())
        .env("TRIBUTARY_STORE_SEED", seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test can be started");
    let mut safe = begun;
    let mut said = 0;
    let output = child.stdout.take().expect("it was piped");
    for line in BufReader::new(output).lines() {
        let line = line.expect("the child writes text");
        // The harness writes its own words in front of the first line.
        let Some((_, number)) = line.split_once(SAID) else {
            continue;
        };
        safe = number.parse().expect("a number");
        said += 1;
        if said == lines {
            child.kill().expect("it runs");
        }
    }
    let status = child.wait().expect("it was started");
    assert!(
        said >= lines && !status.success(),
        "it ended by itself: {status}"
    );
    safe
}

#[test]
fn a_killed_process_loses_nothing_that_was_called_safe() {
    let seed = seed();
    let folder = Folder::new();
    let mut script = Script::new(seed);
    let mut chance = Script::new(!seed);
    let mut written = 0;
    for round in 0..ROUNDS {
        let lines = 1 + chance.below(25);
        let safe = run_and_kill(&folder, seed, written, lines);
        assert!(safe > written, "round {round}: nothing was written");
        let recovered = reopen(&folder);
        // What is there must be the script up to some batch, none of it by halves.
        for _ in written..safe {
            script.batch();
        }
        written = safe;
        while let Some(difference) = script.model.difference(&recovered) {
            assert!(
                written < safe + WINDOW,
                "TRIBUTARY_STORE_SEED={seed}, round {round}, {safe} batches safe: {difference}"
            );
            script.batch();
            written += 1;
        }
    }
}
