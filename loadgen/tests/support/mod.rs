//! What the tests need of processes: the binary under test, servers that end with the test, and
//! scratch files.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod pki;
pub(crate) mod tls_server;
mod websocket;

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

pub(crate) const LOADGEN: &str = env!("CARGO_BIN_EXE_tributary-loadgen");

/// A child process that does not outlive the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A floor on a port of its own, once it is ready.
pub(crate) fn floor(threads: u32) -> Server {
    floor_at("127.0.0.1:0", threads)
}

/// A floor at an address, once it is ready.
pub(crate) fn floor_at(address: &str, threads: u32) -> Server {
    floor_with(address, &["--threads", &threads.to_string()])
}

/// A floor with further flags.
pub(crate) fn floor_with(address: &str, flags: &[&str]) -> Server {
    let mut child = Command::new(LOADGEN)
        .args(["floor", "--listen", address])
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut line = || {
        lines
            .next()
            .expect("the floor says where it listens")
            .expect("UTF-8")
    };
    let address = line()
        .strip_prefix("listening floor ")
        .expect("the first line")
        .to_owned();
    assert_eq!(line(), "ready");
    Server { child, address }
}

/// The distribution's mosquitto on a port of its own, or `None` where it is not installed.
pub(crate) fn mosquitto() -> Option<Server> {
    mosquitto_with("")
}

/// The same with further lines about its listener.
pub(crate) fn mosquitto_with(lines: &str) -> Option<Server> {
    const PROGRAM: &str = "/usr/sbin/mosquitto";
    if !Path::new(PROGRAM).exists() {
        eprintln!("SKIPPED: {PROGRAM} is not installed (apt-get install mosquitto)");
        return None;
    }
    let config = Scratch::new("mosquitto.conf");
    for _ in 0..20 {
        // mosquitto cannot choose a port itself; another process may take ours in between.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound").to_string();
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n\
             persistence false\nlog_dest stderr\nlog_type all\n{lines}"
        );
        fs::write(&config.0, text).expect("the directory is writable");
        let mut child = Command::new(PROGRAM)
            .args(["-v", "-c"])
            .arg(&config.0)
            .stderr(Stdio::piped())
            .spawn()
            .expect("mosquitto starts");
        let mut log = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let is_running = log
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .any(|l| l.contains(" running"));
        let server = Server { child, address };
        if is_running {
            // Its log has to be read, or it stops when the pipe is full.
            thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            return Some(server);
        }
    }
    panic!("mosquitto did not start on any of 20 ports");
}

/// A file of its own for each call, gone at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (pid, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(format!("tributary-loadgen-{pid}-{number}-{name}")))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("the temporary directory is UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What one run of the binary said.
pub(crate) struct Said {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Null where the run wrote no JSON.
    pub(crate) json: Value,
}

impl Said {
    pub(crate) fn count(&self, name: &str) -> u64 {
        let count = &self.json["counts"][name];
        count
            .as_u64()
            .unwrap_or_else(|| panic!("no count `{name}`; the run said {self:?}"))
    }
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit {}\n{}\n{}",
            self.exit_code, self.stdout, self.stderr
        )
    }
}

/// Runs the binary to its end with `--json`.
pub(crate) fn loadgen(args: &[&str]) -> Said {
    start(args).wait()
}

/// A run that goes on while the test does something else.
pub(crate) struct Running {
    child: Child,
    json: Scratch,
}

pub(crate) fn start(args: &[&str]) -> Running {
    let json = Scratch::new("report.json");
    let child = Command::new(LOADGEN)
        .args(args)
        .args(["--json", json.path()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    Running { child, json }
}

impl Running {
    pub(crate) fn wait(self) -> Said {
        let Output {
            status,
            stdout,
            stderr,
        } = self.child.wait_with_output().expect("the run ends");
        let text = fs::read(&self.json.0).unwrap_or_default();
        Said {
            exit_code: status.code().expect("it was not killed"),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            json: serde_json::from_slice(&text).unwrap_or(Value::Null),
        }
    }
}
