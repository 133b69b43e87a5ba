//! What does a spooled record cost, and how long does a start take? A line per figure.
//!
//! ```text
//! cargo run --release -p tributary-spool --example measure -- FOLDER [records=1000000] [bytes=100]
//! ```
//!
//! FOLDER must lie on the disk in question (not on tmpfs); a folder `measure` in it is emptied.
//! Appends are told apart by how many share an fsync, which is where their price is; `cpu` is what
//! this process took for one record, and tells the spool's own cost from the disk's.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tributary_spool::{Options, Spool};

type Failure = Box<dyn Error>;

/// Records that share an fsync.
const GROUPS: [u64; 3] = [1, 100, 10_000];
/// Whichever comes first ends a row.
const ROW: Duration = Duration::from_secs(3);

const OPTIONS: Options = Options {
    segment_bytes: 64 << 20,
    bytes_max: 16 << 30,
};

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which FOLDER?")?;
    let (mut records, mut bytes) = (1_000_000, 100);
    for argument in arguments {
        match argument.split_once('=') {
            Some(("records", value)) => records = value.parse()?,
            Some(("bytes", value)) => bytes = value.parse()?,
            _ => return Err(format!("what is {argument}?").into()),
        }
    }
    let folder = Path::new(&folder).join("measure");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let record = vec![0x5a; bytes];
    for group in GROUPS {
        append(&folder.join(group.to_string()), &record, records, group)?;
    }
    // The last row's: all the records, in full groups.
    let log = folder.join(GROUPS[GROUPS.len() - 1].to_string());
    open(&log)?;
    replay(&log)?;
    fs::remove_dir_all(&folder)?;
    Ok(())
}

fn append(folder: &Path, record: &[u8], records: u64, group: u64) -> Result<(), Failure> {
    let (mut spool, _) = Spool::open(folder, OPTIONS)?;
    // Makes the first segment, which is no record's cost.
    spool.append(record)?;
    spool.sync()?;
    let is_last_row = group == GROUPS[GROUPS.len() - 1];
    let (fsyncs, meter) = (spool.counters().fsyncs, Meter::start());
    let mut done = 0;
    while done < records && (is_last_row || meter.wall.elapsed() < ROW) {
        for _ in 0..group.min(records - done) {
            spool.append(record)?;
            done += 1;
        }
        spool.sync()?;
    }
    let fsyncs = spool.counters().fsyncs - fsyncs;
    meter.print(&format!("append, {group} a sync, {fsyncs} fsyncs"), done);
    Ok(())
}

fn open(folder: &Path) -> Result<(), Failure> {
    let meter = Meter::start();
    let (_, recovered) = Spool::open(folder, OPTIONS)?;
    meter.print("open", recovered.records);
    Ok(())
}

/// Reads and settles everything, as after an outage.
fn replay(folder: &Path) -> Result<(), Failure> {
    let (mut spool, recovered) = Spool::open(folder, OPTIONS)?;
    let (mut next, mut count, mut bytes) = (0, 0, 0);
    let meter = Meter::start();
    while !spool.is_empty() {
        next = spool.visit(next, 1_000, 1 << 20, |_, record| {
            count += 1;
            bytes += record.len();
        })?;
        spool.settle(next - 1)?;
    }
    assert_eq!(count, recovered.records);
    meter.print(&format!("replay and settle, {bytes} bytes"), count);
    Ok(())
}

struct Meter {
    wall: Instant,
    cpu: Duration,
}

impl Meter {
    fn start() -> Meter {
        Meter {
            wall: Instant::now(),
            cpu: cpu(),
        }
    }

    fn print(&self, what: &str, records: u64) {
        let (wall, cpu) = (self.wall.elapsed(), cpu() - self.cpu);
        let rate = records as f64 / wall.as_secs_f64();
        let cpu_ns = cpu.as_nanos() as u64 / records.max(1);
        println!("{what}: {records} records in {wall:.3?}, {rate:.0}/s, cpu {cpu_ns} ns each");
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
