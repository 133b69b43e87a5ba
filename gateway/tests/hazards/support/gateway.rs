//! Starts the real binary on ports of its own choosing and ends it by its pid when the test is
//! over.

use super::metrics::{self, Metrics};
use super::output::{Kept, lines};
use super::{DEADLINE, ask_until};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A start takes longer than an answer: the embedded Kafka comes up first.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Everything that the control plane tells, but for health.
pub(crate) const CONTROL_PATHS: [&str; 6] = [
    "/",
    "/metrics",
    "/readyz",
    "/api/v1/stats",
    "/api/v1/lanes",
    "/api/v1/routes",
];

/// How a gateway is to be started.
#[derive(Default)]
pub(crate) struct Launch {
    config: Option<String>,
    kafka: Option<String>,
    connections_max: Option<usize>,
    descriptors_max: Option<usize>,
    counts_memory: bool,
    listens_by_config: bool,
    shards: Option<usize>,
    notify: Option<PathBuf>,
}

impl Launch {
    /// The text of a configuration file. It names no listener: the ports come from the command
    /// line.
    pub(crate) fn config(mut self, text: &str) -> Launch {
        self.config = Some(text.to_owned());
        self
    }

    /// The same with listeners in it, one of them called `mqtt`; the command line names none.
    pub(crate) fn listeners(mut self, text: &str) -> Launch {
        self.listens_by_config = true;
        self.config(text)
    }

    /// So many shards, whatever the machine has.
    pub(crate) fn shards(mut self, count: usize) -> Launch {
        self.shards = Some(count);
        self
    }

    /// A service manager that listens at this socket.
    pub(crate) fn notify(mut self, socket: &Path) -> Launch {
        self.notify = Some(socket.to_owned());
        self
    }

    /// A Kafka that is not the embedded one.
    pub(crate) fn kafka(mut self, bootstrap: &str) -> Launch {
        self.kafka = Some(bootstrap.to_owned());
        self
    }

    /// So many connections at most, by the command line.
    pub(crate) fn connections_max(mut self, count: usize) -> Launch {
        self.connections_max = Some(count);
        self
    }

    /// A hard limit on open files, which also bounds each ring's table.
    pub(crate) fn descriptors_max(mut self, count: usize) -> Launch {
        self.descriptors_max = Some(count);
        self
    }

    /// The allocator keeps nothing back for its threads: what it counts as live is.
    pub(crate) fn counts_memory(mut self) -> Launch {
        self.counts_memory = true;
        self
    }

    pub(crate) fn start(self) -> Gateway {
        Gateway::from_child(self.spawn())
    }

    /// Runs a gateway that cannot start, to its end.
    pub(crate) fn start_in_vain(self) -> Ended {
        Ended::of(self.spawn())
    }

    fn spawn(self) -> Child {
        let mut command = match self.descriptors_max {
            None => tributary(),
            Some(count) => limited(count),
        };
        command.args(["run", "--control", "127.0.0.1:0"]);
        // Nobody is turned away because this machine is slow.
        command.env("TRIBUTARY_OVERLOAD__EVENT_DELAY_MILLIS_MAX", "60000");
        if !self.listens_by_config {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if let Some(count) = self.shards {
            command.args(["--shards", &count.to_string()]);
        }
        if let Some(text) = &self.config {
            command.arg("--config").arg(config_file(text));
        }
        if let Some(bootstrap) = &self.kafka {
            command.args(["--kafka", bootstrap]);
        }
        if let Some(count) = self.connections_max {
            command.args(["--max-connections", &count.to_string()]);
        }
        if self.counts_memory {
            command.env("MALLOC_CONF", "tcache:false");
        }
        if let Some(socket) = &self.notify {
            command.env("NOTIFY_SOCKET", socket);
        }
        command.spawn().expect("the gateway's binary runs")
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    child: Child,
    stderr: Kept,
    /// Each listener's name and address, as the gateway has said them.
    listeners: BTreeMap<String, String>,
    control: SocketAddr,
    kafka: Option<String>,
}

impl Gateway {
    /// On the embedded Kafka, with nothing configured.
    pub(crate) fn start() -> Gateway {
        Launch::default().start()
    }

    fn from_child(mut child: Child) -> Gateway {
        let stderr = Kept::from_pipe(child.stderr.take().expect("stderr is piped"));
        let stdout = lines(child.stdout.take().expect("stdout is piped"));
        let (mut listeners, mut control, mut kafka) = (BTreeMap::new(), None, None);
        let end = Instant::now() + START_DEADLINE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = stdout.recv_timeout(left) else {
                let _ = child.kill();
                let status = child.wait();
                let said = stderr.tail(8192);
                panic!("the gateway did not say `ready` ({status:?}); stderr:\n{said}");
            };
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["ready"] => break,
                ["listening", "control", address] => control = address.parse().ok(),
                ["listening", "kafka", address] => kafka = Some(address.to_owned()),
                ["listening", name, address] => {
                    listeners.insert(name.to_owned(), address.to_owned());
                }
                _ => {}
            }
        }
        Gateway {
            listeners,
            control: control.expect("`listening control ADDR:PORT` comes before `ready`"),
            child,
            stderr,
            kafka,
        }
    }

    pub(crate) fn mqtt(&self) -> SocketAddr {
        self.listener("mqtt")
    }

    /// Where the TCP listener with this name is.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        let said = self.listeners.get(name);
        let said = said.unwrap_or_else(|| panic!("`listening {name} ADDR` comes before `ready`"));
        said.parse().expect("it is an address and a port")
    }

    /// What the gateway has said of its listeners.
    pub(crate) fn listeners(&self) -> &BTreeMap<String, String> {
        &self.listeners
    }

    /// Waits until one more connection than in `before` has ended for this reason.
    pub(crate) fn wait_for_end(&self, reason: &str, before: &Metrics) {
        let count =
            |metrics: &Metrics| metrics.labelled("tributary_disconnects_total", "reason", reason);
        self.wait_until(&format!("one more end by {reason}"), |metrics| {
            count(metrics) == count(before) + 1.0
        });
    }

    /// Where the embedded Kafka listens.
    pub(crate) fn kafka(&self) -> &str {
        self.kafka
            .as_deref()
            .expect("the embedded Kafka says `listening kafka HOST:PORT`")
    }

    pub(crate) fn metrics(&self) -> Metrics {
        metrics::scrape(self.control)
    }

    /// What the control plane has at this path.
    pub(crate) fn ask(&self, path: &str) -> String {
        metrics::fetch(self.control, path).1
    }

    /// The same for whoever says this token: the head of the answer, and the body.
    pub(crate) fn ask_with_token(&self, path: &str, token: &str) -> (String, String) {
        let line = format!("Authorization: Bearer {token}\r\n");
        metrics::fetch_with(self.control, path, &line)
    }

    /// The status and the body of the answer to any request.
    pub(crate) fn request(&self, method: &str, path: &str, lines: &str) -> (u16, String) {
        let (head, body) = metrics::request(self.control, method, path, lines);
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.expect("HTTP has a status"), body)
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the metrics satisfy `condition`, which `what` says in words, and returns them.
    pub(crate) fn wait_until(&self, what: &str, condition: impl Fn(&Metrics) -> bool) -> Metrics {
        let met = ask_until(DEADLINE, || {
            Some(self.metrics()).filter(|metrics| condition(metrics))
        });
        met.unwrap_or_else(|| panic!("never saw {what}; metrics now:\n{}", self.metrics().text))
    }

    /// Waits until this many clients are connected.
    pub(crate) fn wait_for_connections(&self, count: usize) -> Metrics {
        self.wait_until(&format!("{count} connections"), |metrics| {
            metrics.sum("tributary_connections") == count as f64
        })
    }

    /// SIGTERM: the order to drain.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .expect("the child has not been reaped");
    }

    /// SIGHUP: what can change under connected clients is to be read again.
    pub(crate) fn reload(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP)
            .expect("the child has not been reaped");
    }

    /// Stops its threads where they are, until [`Gateway::go_on`].
    pub(crate) fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP)
            .expect("the child has not been reaped");
    }

    pub(crate) fn go_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT)
            .expect("the child has not been reaped");
    }

    /// SIGKILL: it says nothing to anyone and writes nothing any more. Dropping it waits for its
    /// end.
    pub(crate) fn kill(&self) {
        kill_process(Pid::from_child(&self.child), Signal::KILL)
            .expect("the child has not been reaped");
    }

    /// Waits for the end of a gateway that was told to drain.
    pub(crate) fn exit_status(&mut self) -> ExitStatus {
        let ended = ask_until(START_DEADLINE, || {
            self.child.try_wait().expect("it is our child")
        });
        ended.expect("the gateway ends after SIGTERM")
    }

    /// Waits for a line of the log with all of these in it.
    pub(crate) fn wait_for_line(&self, parts: &[&str]) {
        let is_there = || {
            let log = self.whole_log();
            let mut lines = log.lines();
            lines
                .any(|line| parts.iter().all(|part| line.contains(part)))
                .then_some(())
        };
        let found = ask_until(DEADLINE, is_there);
        found.unwrap_or_else(|| panic!("no line with {parts:?} in:\n{}", self.log()));
    }

    /// What the gateway has logged lately.
    pub(crate) fn log(&self) -> String {
        self.stderr.tail(64 << 10)
    }

    /// Everything that the gateway has logged.
    pub(crate) fn whole_log(&self) -> String {
        self.stderr.tail(usize::MAX)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!(
                "the gateway's stderr ends with:\n{}",
                self.stderr.tail(8192)
            );
        }
    }
}

/// What a gateway said that ended by itself.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary with these arguments to its end.
pub(crate) fn run_to_end(arguments: &[&str]) -> Ended {
    let spawned = tributary().args(arguments).spawn();
    Ended::of(spawned.expect("the gateway's binary runs"))
}

/// The same with this on its stdin.
pub(crate) fn run_with_input(arguments: &[&str], input: &str) -> Ended {
    let mut command = tributary();
    let spawned = command.args(arguments).stdin(Stdio::piped()).spawn();
    let mut child = spawned.expect("the gateway's binary runs");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // It may have ended before it has read anything.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Ended::of(child)
}

impl Ended {
    fn of(mut child: Child) -> Ended {
        let stdout = lines(child.stdout.take().expect("stdout is piped"));
        let stderr = lines(child.stderr.take().expect("stderr is piped"));
        let status = ask_until(DEADLINE, || child.try_wait().expect("it is our child"));
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        Ended {
            code: status.expect("it ends by itself").code(),
            stdout: stdout.iter().collect::<Vec<_>>().join("\n"),
            stderr: stderr.iter().collect::<Vec<_>>().join("\n"),
        }
    }
}

/// Writes a configuration file with a name of its own.
pub(crate) fn config_file(text: &str) -> PathBuf {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let name = format!("gateway-{}-{number}.toml", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("the target folder can be written");
    path
}

/// The binary under test: the one just built, or the one that `TRIBUTARY_BIN` names.
fn binary() -> std::ffi::OsString {
    std::env::var_os("TRIBUTARY_BIN").unwrap_or(env!("CARGO_BIN_EXE_tributary").into())
}

/// The gateway under a lower limit on open files.
fn limited(descriptors_max: usize) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = format!("ulimit -n {descriptors_max} && exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(binary());
    prepared(command)
}

fn tributary() -> Command {
    prepared(Command::new(binary()))
}

fn prepared(mut command: Command) -> Command {
    // The settings of the person at the desk must not reach the gateway under test.
    for (name, _) in std::env::vars_os() {
        let ours = name.to_string_lossy().starts_with("TRIBUTARY_");
        if ours && name != "TRIBUTARY_LOG" {
            command.env_remove(name);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
