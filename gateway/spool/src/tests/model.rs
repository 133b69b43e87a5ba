//! Operations by chance against a model that is nothing but a map; the seed is printed on failure.
//!
//! `TRIBUTARY_SPOOL_SEED` sets the seed.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use super::ground::*;
use super::platter::Platter;
use crate::limits::MARKER_RECORDS_MAX;
use crate::record::HEAD_BYTES;
use crate::segment::{self, RECORDS_AT};
use crate::{AppendError, Options, Spool};

const RUNS: u64 = 30;
const STEPS: u64 = 400;

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Orderly,
    Killed,
    PowerLost,
}

struct Model {
    platter: Platter,
    spool: Spool,
    options: Options,
    chance: Chance,
    /// All that was ever appended, by number, without what was lost.
    records: BTreeMap<u64, Vec<u8>>,
    durable: u64,
    settled: u64,
    /// Numbers that an earlier opening found lost; they stay in the log until they are settled.
    holes: BTreeSet<u64>,
    /// Numbers of which a byte was changed since the spool was opened.
    hurt: BTreeSet<u64>,
    /// Two wounds to one label or to the marker would be too many.
    is_label_hurt: bool,
    is_marker_hurt: bool,
    done: Done,
}

/// What a run has seen, so that no test passes for want of trouble.
#[derive(Default, Debug)]
struct Done {
    appended: u64,
    full: u64,
    no_room: u64,
    failed: u64,
    opened: u64,
    lost: u64,
    torn: u64,
    repeated: u64,
    recycled: u64,
}

#[test]
fn what_was_synced_comes_back_whatever_happens_to_the_disk() {
    let seed = seed();
    println!("TRIBUTARY_SPOOL_SEED={seed}");
    let mut total = Done::default();
    for run in 0..RUNS {
        println!("run {run}");
        let done = Model::new(seed.wrapping_add(run << 20)).run();
        total.appended += done.appended;
        total.full += done.full;
        total.no_room += done.no_room;
        total.failed += done.failed;
        total.opened += done.opened;
        total.lost += done.lost;
        total.torn += done.torn;
        total.repeated += done.repeated;
        total.recycled += done.recycled;
    }
    println!("{total:?}");
    let Done {
        appended,
        full,
        no_room,
        failed,
        opened,
        lost,
        torn,
        repeated,
        recycled,
    } = total;
    for seen in [
        appended, full, no_room, failed, opened, lost, torn, repeated, recycled,
    ] {
        assert!(seen > 0, "something was never tried");
    }
}

impl Model {
    fn new(seed: u64) -> Model {
        let mut chance = Chance::new(seed);
        let platter = Platter::new(chance.next());
        platter.state().can_allocate = !chance.one_in(4);
        let options = Options {
            segment_bytes: 8_192 << chance.below(3),
            bytes_max: 50_000 << chance.below(4),
        };
        let opened = Spool::on(Box::new(platter.clone()), options);
        Model {
            platter,
            spool: opened.expect("an empty disk").0,
            options,
            chance,
            records: BTreeMap::new(),
            durable: 0,
            settled: 0,
            holes: BTreeSet::new(),
            hurt: BTreeSet::new(),
            is_label_hurt: false,
            is_marker_hurt: false,
            done: Done::default(),
        }
    }

    fn run(mut self) -> Done {
        for _ in 0..STEPS {
            match self.chance.below(100) {
                0..30 => self.append(),
                30..50 => self.sync(),
                50..68 => self.settle(),
                68..84 => self.read(),
                84..87 => self.reopen(End::Orderly),
                87..90 => self.reopen(End::Killed),
                90..93 => self.reopen(End::PowerLost),
                93..95 => self.cut(),
                95..97 => self.flip(),
                97 => self.fail(),
                _ => self.run_out_of_room(),
            }
        }
        self.reopen(End::PowerLost);
        self.done
    }

    fn append(&mut self) {
        for _ in 0..self.chance.below(40) {
            let bytes = match self.chance.below(40) {
                0 => 20_000,
                1..4 => 3_000,
                _ => 200,
            };
            // Recognisable, or nobody could say which record a flipped byte belongs to.
            let bytes = 8 + self.chance.below(bytes) as usize;
            let record = self.chance.bytes(bytes);
            match self.spool.append(&record) {
                Ok(number) => {
                    assert_eq!(number, self.last() + 1);
                    self.records.insert(number, record);
                    self.done.appended += 1;
                }
                Err(AppendError::Full) => self.done.full += 1,
                Err(error) => panic!("{error}"),
            }
            if self.platter.names().iter().any(|name| name == "spare") {
                self.done.recycled += 1;
            }
        }
    }

    fn last(&self) -> u64 {
        let last = self
            .records
            .last_key_value()
            .map_or(0, |(number, _)| *number);
        last.max(self.durable)
    }

    fn sync(&mut self) {
        match self.spool.sync() {
            Ok(durable) => {
                assert_eq!(durable, self.last());
                self.durable = durable;
            }
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
                self.done.no_room += 1;
                // A segment may have been finished, and so made durable, in between.
                self.durable = self.spool.durable();
            }
        }
    }

    fn settle(&mut self) {
        self.durable = self.spool.durable();
        let open = self.durable - self.settled;
        self.settled += self.chance.below(open + 1);
        self.spool.settle(self.settled).expect("the disk works");
        // It may have passed what was lost right behind.
        assert!(self.spool.settled() >= self.settled);
        self.settled = self.spool.settled();
    }

    /// Reads from anywhere; whatever comes must be right and complete.
    fn read(&mut self) {
        self.durable = self.spool.durable();
        let from = self.chance.below(self.last() + 3);
        let records_max = 1 + self.chance.below(50) as usize;
        let bytes_max = 1 << self.chance.below(18);
        let read = self.spool.read(from, records_max, bytes_max);
        let read = read.expect("the disk can be read");
        let first = from.max(self.settled + 1);
        self.settled = self.spool.settled();
        let there = self
            .records
            .range(first.min(self.durable + 1)..self.durable + 1);
        let expected: Vec<_> = there
            .take(read.len())
            .map(|(n, r)| (*n, r.clone()))
            .collect();
        assert_eq!(read, expected);
        let is_more = self
            .records
            .range(first..)
            .any(|(number, _)| *number <= self.durable);
        assert_eq!(read.is_empty(), !is_more, "there is always one at least");
    }

    /// Ends the process and starts another one, and checks everything.
    fn reopen(&mut self, end: End) {
        self.durable = self.spool.durable();
        let platter = match end {
            End::Orderly => self.platter.clone(),
            End::Killed => self.platter.kill(),
            End::PowerLost => self.platter.lose_power(),
        };
        // Dies with its disk, unless it ends in order.
        let (options, fresh) = (self.options, Platter::new(0));
        let (nothing, _) = Spool::on(Box::new(fresh), options).expect("an empty disk");
        drop(std::mem::replace(&mut self.spool, nothing));
        let platter = if end == End::Orderly {
            platter.kill()
        } else {
            platter
        };
        platter.state().room_bytes = usize::MAX;
        platter.state().failing_syncs = 0;
        self.platter = platter;
        self.open(end);
    }

    fn open(&mut self, end: End) {
        let opened = Spool::on(Box::new(self.platter.clone()), self.options);
        let (spool, recovered) = opened.unwrap_or_else(|error| panic!("{error}"));
        self.spool = spool;
        self.done.opened += 1;
        let found: BTreeMap<_, _> = all(&mut self.spool).into_iter().collect();
        for (number, record) in &found {
            assert_eq!(self.records.get(number), Some(record), "number {number}");
        }
        let (settled, last) = (self.spool.settled(), self.spool.last());
        let counters = self.spool.counters();
        assert_eq!(found.len() as u64, recovered.records);
        assert_eq!(counters.corrupt_records, recovered.corrupt_records);

        // What was promised is there, but for what was hurt, and that is counted.
        let missing =
            |number: &u64| self.records.contains_key(number) && !found.contains_key(number);
        let lost: Vec<_> = (self.settled + 1..=self.durable).filter(missing).collect();
        for number in &lost {
            assert!(
                self.hurt.contains(number),
                "{number} is lost: {recovered:?} {end:?}"
            );
        }
        let inside = lost.iter().filter(|number| **number <= last).count() as u64;
        assert!(inside <= recovered.corrupt_records);
        assert!(lost.len() as u64 == inside || recovered.torn_bytes > 0);
        if self.hurt.is_empty() {
            let first = self.settled.saturating_sub(MARKER_RECORDS_MAX);
            let known = self.holes.range(first..).count() as u64;
            // Of what was never called safe a power loss may take any part.
            let unsafe_lost = match end {
                End::PowerLost => last.saturating_sub(self.durable),
                End::Orderly | End::Killed => 0,
            };
            let alarms = recovered.corrupt_records;
            assert!(
                alarms <= known + unsafe_lost,
                "a false alarm: {recovered:?}"
            );
        }
        if !self.is_label_hurt {
            let names = self.platter.names();
            assert!(
                !names.iter().any(|name| name.ends_with(".damaged")),
                "{names:?}"
            );
        }

        let again = settled + 1..=self.settled;
        self.repeat(again.filter(|n| found.contains_key(n)).count() as u64, end);

        self.done.lost += lost.len() as u64;
        self.done.torn += u64::from(recovered.torn_bytes > 0);
        // From here on the model knows what the disk knows.
        assert!(last >= self.settled);
        self.records
            .retain(|number, _| found.contains_key(number) || *number <= settled);
        self.holes
            .extend((settled + 1..=last).filter(|number| !found.contains_key(number)));
        self.holes.retain(|number| *number <= last);
        self.durable = last;
        self.settled = settled;
        self.hurt.clear();
        self.is_marker_hurt = false;
    }

    /// What is settled comes again only so far.
    fn repeat(&mut self, records: u64, end: End) {
        self.done.repeated += records;
        match end {
            _ if self.is_marker_hurt => {}
            End::Orderly => assert_eq!(records, 0),
            End::Killed => assert!(records < MARKER_RECORDS_MAX),
            End::PowerLost => {}
        }
    }

    /// Kills the process, and the newest file ends at any byte behind what is durable.
    fn cut(&mut self) {
        self.durable = self.spool.durable();
        let newest = self.spool.last_file();
        let platter = self.platter.kill();
        if let Some(newest) = newest {
            let (name, end) = (segment::name(newest.base), newest.end);
            let bytes = platter.read(&name).len() as u64;
            let end = end + self.chance.below(bytes.saturating_sub(end) + 1);
            platter.change(&name, |file| file.truncate(end as usize));
        }
        self.platter = platter;
        self.restart(End::Killed);
    }

    /// Some bytes of some files change while nobody looks.
    fn flip(&mut self) {
        self.durable = self.spool.durable();
        let end = [End::Killed, End::Orderly][self.chance.below(2) as usize];
        if end == End::Orderly {
            self.reopen(End::Orderly);
        }
        let platter = self.platter.kill();
        for _ in 0..1 + self.chance.below(3) {
            let names = platter.names();
            let name = &names[self.chance.below(names.len() as u64) as usize];
            let file = platter.read(name);
            let at = self.chance.below(file.len().max(1) as u64) as usize;
            let is_label = at < RECORDS_AT as usize;
            if file.is_empty() || is_label && name.ends_with(".log") && self.is_label_hurt {
                continue;
            }
            self.is_label_hurt |= is_label && name.ends_with(".log");
            self.is_marker_hurt |= name == "settled";
            self.hurt.extend(self.owners(&file, at));
            let bits = 1 + self.chance.below(255) as u8;
            platter.change(name, |file| file[at] ^= bits);
        }
        self.platter = platter;
        self.restart(End::Killed);
    }

    /// The records that the byte may belong to, found by their contents.
    fn owners(&self, file: &[u8], at: usize) -> Vec<u64> {
        let owns = |record: &[u8]| {
            let start = at.saturating_sub(record.len());
            let end = (at + HEAD_BYTES + record.len()).min(file.len());
            memmem::find_iter(&file[start..end], record).any(|found| {
                let place = start + found;
                (place.saturating_sub(HEAD_BYTES)..place + record.len()).contains(&at)
            })
        };
        let owners = self.records.iter().filter(|(_, record)| owns(record));
        owners.map(|(number, _)| *number).collect()
    }

    /// Opens again what another process has left behind.
    fn restart(&mut self, end: End) {
        let fresh = Platter::new(0);
        let (nothing, _) = Spool::on(Box::new(fresh), self.options).expect("an empty disk");
        drop(std::mem::replace(&mut self.spool, nothing));
        self.platter.state().room_bytes = usize::MAX;
        self.open(end);
    }

    /// An fsync fails; nothing more may be called safe, and the power goes.
    fn fail(&mut self) {
        self.durable = self.spool.durable();
        let record = self.chance.bytes(50);
        if let Ok(number) = self.spool.append(&record) {
            self.records.insert(number, record);
        }
        self.durable = self.spool.durable();
        if self.last() == self.durable {
            return;
        }
        self.platter.state().failing_syncs = 1;
        self.spool.sync().expect_err("the disk fails");
        if self.spool.failure().is_some() {
            self.done.failed += 1;
            self.spool.sync().expect_err("it stays so");
            assert!(self.spool.append(b"more").is_err());
        }
        assert_eq!(self.spool.durable(), self.durable);
        self.reopen(End::PowerLost);
    }

    /// The disk is nearly full for a while.
    fn run_out_of_room(&mut self) {
        let names = self.platter.names();
        let used: usize = names.iter().map(|name| self.platter.read(name).len()).sum();
        self.platter.state().room_bytes = used + self.chance.below(3_000) as usize;
        for _ in 0..3 {
            self.append();
            self.sync();
            self.read();
        }
        self.platter.state().room_bytes = usize::MAX;
        self.sync();
    }
}
