//! What does a persistent message cost, and how long does recovery take? Answers in JSON, a line
//! per figure, by which the storage crate was chosen and can be compared with the next one.
//!
//! ```text
//! cargo run --release -p tributary --example store_choice -- FOLDER [sessions=1000000] [secs=4]
//! ```
//!
//! FOLDER must lie on the disk in question (not on tmpfs) and is emptied of its store. One message
//! of 100 bytes passes the store three times: queued, sent, done; each must be on disk before the
//! next, as for a QoS 1 message to a durable session. CPU is that of the whole process.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tributary::store::{
    Op, Opened, QueueEntry, Recovered, SessionNumber, SessionRecord, Store, StoreHandle, StoreSink,
    StoredGrant, Submitted, Whose,
};
use tributary_proto::message::Message;
use tributary_proto::version::{Qos, Version};

/// As in the gateway itself.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Failure = Box<dyn std::error::Error>;

const PAYLOAD_BYTES: usize = 100;
const IN_FLIGHT: [usize; 3] = [1, 100, 10_000];
const FAN_OUT: usize = 1_000;
/// Sessions written per batch while the store is filled.
const FILL: u64 = 1_000;
const NOW_SEC: u32 = 1_800_000_000;

/// Wakes the main thread when a batch is on disk.
#[derive(Default)]
struct Bell {
    committed: AtomicU64,
    main: OnceLock<Thread>,
}

impl StoreSink for Bell {
    fn committed(&self, _shard: usize, number: u64) {
        self.committed.store(number, SeqCst);
        self.main.get().inspect(|thread| thread.unpark());
    }

    fn room(&self, _shard: usize) {}

    fn failed(&self) {
        self.committed.store(u64::MAX, SeqCst);
        self.main.get().inspect(|thread| thread.unpark());
    }
}

struct Bench {
    store: Store,
    handle: StoreHandle,
    bell: Arc<Bell>,
}

impl Bench {
    fn start(opened: Opened) -> Result<Bench, Failure> {
        let bell = Arc::new(Bell::default());
        bell.main.get_or_init(std::thread::current);
        let (store, mut handles) = opened.start(bell.clone())?;
        Ok(Bench {
            store,
            handle: handles.pop().ok_or("no shard")?,
            bell,
        })
    }

    /// Commits one batch and waits for the disk.
    fn commit(&mut self, mut ops: Vec<Op>) -> Result<(), Failure> {
        let Submitted::Accepted(number) = self.handle.submit(&mut ops) else {
            return Err("the store took no batch".into());
        };
        while self.bell.committed.load(SeqCst) < number {
            std::thread::park();
        }
        if self.store.stats().failed {
            return Err("the disk failed".into());
        }
        Ok(())
    }
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which FOLDER?")?;
    let (mut sessions, mut secs) = (1_000_000, 4);
    for argument in arguments {
        match argument.split_once('=') {
            Some(("sessions", value)) => sessions = value.parse()?,
            Some(("secs", value)) => secs = value.parse()?,
            _ => return Err(format!("what is {argument}?").into()),
        }
    }
    let folder = Path::new(&folder);
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let numbers = fill(folder, sessions)?;
    recover(folder)?;
    let mut bench = Bench::start(open(folder)?.0)?;
    let mut seq = 0;
    for in_flight in IN_FLIGHT {
        flow(
            &mut bench,
            &numbers,
            in_flight,
            Duration::from_secs(secs),
            &mut seq,
        )?;
    }
    for payload_bytes in [16, 256, 4_096] {
        for is_shared in [false, true] {
            fan_out(&mut bench, &numbers, payload_bytes, is_shared, &mut seq)?;
        }
    }
    clear(&mut bench, &numbers)?;
    println!(
        "{}",
        json!({ "figure": "end", "file_mb": megabytes(folder)?, "rss_mb": rss_mb()? })
    );
    Ok(())
}

fn open(folder: &Path) -> Result<(Opened, Vec<Recovered>), Failure> {
    Ok(Opened::at(folder, 1, NOW_SEC, |_| 0)?)
}

/// Writes sessions with one subscription each.
fn fill(folder: &Path, sessions: u64) -> Result<Vec<SessionNumber>, Failure> {
    let mut bench = Bench::start(open(folder)?.0)?;
    let meter = Meter::start()?;
    let mut numbers = Vec::new();
    while (numbers.len() as u64) < sessions {
        let mut ops = Vec::new();
        for _ in 0..FILL {
            let session = bench.handle.session_number();
            numbers.push(session);
            let client_id = format!("device-{:08}", session.word());
            ops.push(Op::SubscriptionPut {
                session,
                filter: format!("dev/{client_id}/cmd").into(),
                grant: GRANT,
            });
            ops.push(Op::SessionPut {
                session,
                client_id: client_id.into(),
                record: Box::new(RECORD),
            });
        }
        bench.commit(ops)?;
    }
    let measured = meter.read(numbers.len())?;
    assert!(bench.store.end());
    print(
        "fill",
        json!({ "sessions": sessions, "file_mb": megabytes(folder)? }),
        measured,
    );
    Ok(numbers)
}

/// Opens a file that was not closed, as after a crash: a copy made while it is open.
fn recover(folder: &Path) -> Result<(), Failure> {
    let before_mb = rss_mb()?;
    let crashed = folder.join("crashed");
    let (opened, recovered) = open(folder)?;
    std::fs::create_dir(&crashed)?;
    for file in std::fs::read_dir(folder)?
        .flatten()
        .filter(|file| file.path().is_file())
    {
        std::fs::copy(file.path(), crashed.join(file.file_name()))?;
    }
    drop((opened, recovered));
    for (kind, path) in [("clean", folder), ("crash", &crashed)] {
        let meter = Meter::start()?;
        let (opened, recovered) = open(path)?;
        let count = recovered[0].sessions.len();
        let subscriptions: usize = recovered[0]
            .sessions
            .iter()
            .map(|session| session.subscriptions.len())
            .sum();
        let measured = meter.read(count)?;
        let about = json!({
            "after": kind, "sessions": count, "subscriptions": subscriptions,
            "rss_before_mb": before_mb, "rss_mb": rss_mb()?,
        });
        print("recover", about, measured);
        drop((opened, recovered));
    }
    std::fs::remove_dir_all(crashed)?;
    Ok(())
}

/// So many messages at once, each through its three steps, again and again.
fn flow(
    bench: &mut Bench,
    numbers: &[SessionNumber],
    in_flight: usize,
    time: Duration,
    seq: &mut u64,
) -> Result<(), Failure> {
    let commits = bench.store.stats().commits;
    let meter = Meter::start()?;
    let mut messages = 0;
    while meter.begun.elapsed() < time {
        let wave: Vec<_> = (0..in_flight)
            .map(|_| {
                *seq += 1;
                // A step that visits all sessions in no order.
                (
                    numbers[(*seq as usize).wrapping_mul(7_919) % numbers.len()],
                    *seq,
                )
            })
            .collect();
        let put = |&(session, seq): &_| put(session, seq, message(PAYLOAD_BYTES));
        bench.commit(wave.iter().map(put).collect())?;
        let sent = |&(session, seq)| Op::QueueSent {
            session,
            seq,
            packet_id: 1,
        };
        bench.commit(wave.iter().map(sent).collect())?;
        bench.commit(wave.iter().map(done).collect())?;
        messages += in_flight;
    }
    let measured = meter.read(messages)?;
    let stats = bench.store.stats();
    let commits = (stats.commits - commits) as f64 / measured["secs"].as_f64().unwrap_or(1.0);
    print(
        "flow",
        json!({ "in_flight": in_flight, "commits_per_sec": commits as u64 }),
        measured,
    );
    Ok(())
}

/// One message for many sessions, as one body or as copies (each with a place of its own).
fn fan_out(
    bench: &mut Bench,
    numbers: &[SessionNumber],
    payload_bytes: usize,
    is_shared: bool,
    seq: &mut u64,
) -> Result<(), Failure> {
    const WAVES: usize = 50;
    let meter = Meter::start()?;
    for _ in 0..WAVES {
        *seq += 1;
        let message = message(payload_bytes);
        let own = || Arc::new(Message::clone(&message));
        let copy = || if is_shared { message.clone() } else { own() };
        let to = &numbers[..FAN_OUT.min(numbers.len())];
        bench.commit(
            to.iter()
                .map(|session| put(*session, *seq, copy()))
                .collect(),
        )?;
        bench.commit(to.iter().map(|session| done(&(*session, *seq))).collect())?;
    }
    let about = json!({ "payload_bytes": payload_bytes, "to": FAN_OUT, "shared": is_shared });
    print("fan_out", about, meter.read(WAVES * FAN_OUT)?);
    Ok(())
}

/// Deletes a session with a long queue: how long until the commit that does it is on disk?
fn clear(bench: &mut Bench, numbers: &[SessionNumber]) -> Result<(), Failure> {
    const QUEUE: u64 = 100_000;
    let session = numbers[0];
    let puts = (0..QUEUE).map(|seq| put(session, seq, message(PAYLOAD_BYTES)));
    bench.commit(puts.collect())?;
    let meter = Meter::start()?;
    bench.commit(vec![Op::SessionDelete { session }])?;
    print("delete", json!({ "queue": QUEUE }), meter.read(1)?);
    Ok(())
}

const GRANT: StoredGrant = StoredGrant {
    qos: Qos::AtLeastOnce,
    no_local: false,
    retain_as_published: false,
    retain_handling: 0,
    identifier: 0,
};

const RECORD: SessionRecord = SessionRecord {
    version: Version::V5,
    whose: Whose::Unknown,
    expiry_secs: SessionRecord::NEVER,
    disconnected_at_sec: None,
};

fn message(payload_bytes: usize) -> Arc<Message> {
    Arc::new(Message {
        topic: "dev/device-00000001/cmd".into(),
        payload: vec![7; payload_bytes].into(),
        properties: Box::default(),
        publisher: Message::NOBODY,
        expires_at_sec: Message::NEVER,
        qos: Qos::AtLeastOnce,
        retain: false,
    })
}

fn put(session: SessionNumber, seq: u64, message: Arc<Message>) -> Op {
    let entry = QueueEntry {
        message,
        qos: Qos::AtLeastOnce,
        retain: false,
        identifiers: Box::default(),
    };
    Op::QueuePut {
        session,
        seq,
        entry,
    }
}

fn done(&(session, seq): &(SessionNumber, u64)) -> Op {
    Op::QueueDone { session, seq }
}

/// Time, CPU and bytes sent to the disk since a moment.
struct Meter {
    begun: Instant,
    cpu: Duration,
    written: u64,
}

impl Meter {
    fn start() -> Result<Meter, Failure> {
        Ok(Meter {
            begun: Instant::now(),
            cpu: cpu(),
            written: written()?,
        })
    }

    /// What `count` things cost.
    fn read(&self, count: usize) -> Result<Value, Failure> {
        let secs = self.begun.elapsed().as_secs_f64();
        let cpu = (cpu() - self.cpu).as_secs_f64();
        let each = 1.0 / count.max(1) as f64;
        Ok(json!({
            "secs": round(secs),
            "per_sec": (count as f64 / secs) as u64,
            "cpu_micros_each": round(cpu * 1e6 * each),
            "disk_bytes_each": ((written()? - self.written) as f64 * each) as u64,
        }))
    }
}

fn print(figure: &str, about: Value, measured: Value) {
    println!(
        "{}",
        json!({ "figure": figure, "about": about, "measured": measured })
    );
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn written() -> Result<u64, Failure> {
    number_of("/proc/self/io", "write_bytes:")
}

fn rss_mb() -> Result<u64, Failure> {
    Ok(number_of("/proc/self/status", "VmRSS:")? >> 10)
}

fn number_of(file: &str, name: &str) -> Result<u64, Failure> {
    let text = std::fs::read_to_string(file)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .ok_or("no such line")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}

fn megabytes(folder: &Path) -> Result<u64, Failure> {
    let files = std::fs::read_dir(folder)?
        .flatten()
        .map(|file| file.metadata());
    // What it takes on the disk: the file has holes.
    let blocks: u64 = files.flatten().map(|data| data.blocks()).sum();
    Ok(blocks >> 11)
}
