//! A system that dies: of what was written and not yet synced, any sectors may be on the disk. What
//! was called safe is there all the same.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

use super::ground::*;
use super::model::{Script, seed};
use crate::store::{Opened, StoreSink, Submitted};

const ROUNDS: u64 = 40;
const SECTOR_BYTES: usize = 512;

/// A disk with a cache that loses power at one of its writes.
#[derive(Debug)]
struct Platter {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// What a reader sees.
    current: Vec<u8>,
    /// What has been synced.
    durable: Vec<u8>,
    /// Written since the last sync.
    cached: Vec<(usize, Vec<u8>)>,
    writes_left: u64,
    random: u64,
    safe: Arc<AtomicU64>,
    /// What the disk held when the power went, and how many batches had been called safe.
    lost_power: Option<(Vec<u8>, u64)>,
}

impl State {
    fn toss(&mut self) -> bool {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.random >> 63 == 0
    }

    fn lose_power(&mut self) {
        let mut image = self.durable.clone();
        image.resize(self.current.len(), 0);
        for (offset, data) in std::mem::take(&mut self.cached) {
            for (index, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                let at = offset + index * SECTOR_BYTES;
                if self.toss() && at + sector.len() <= image.len() {
                    image[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
        self.lost_power = Some((image, self.safe.load(SeqCst)));
    }
}

impl StorageBackend for Platter {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().expect("no panic").current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state.lock().expect("no panic");
        let offset = offset as usize;
        let bytes = state.current.get(offset..offset + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock().expect("no panic");
        state.current.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state.lock().expect("no panic");
        if state.lost_power.is_none() {
            state.durable = state.current.clone();
            state.cached.clear();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().expect("no panic");
        let offset = offset as usize;
        state.current[offset..offset + data.len()].copy_from_slice(data);
        if state.lost_power.is_some() {
            return Ok(());
        }
        state.cached.push((offset, data.to_vec()));
        state.writes_left -= 1;
        if state.writes_left == 0 {
            state.lose_power();
        }
        Ok(())
    }
}

/// Counts what is safe, as the disk sees it, and wakes the test.
struct Counter {
    safe: Arc<AtomicU64>,
    main: std::thread::Thread,
}

impl StoreSink for Counter {
    fn committed(&self, _shard: usize, number: u64) {
        self.safe.store(number, SeqCst);
        self.main.unpark();
    }

    fn room(&self, _shard: usize) {}

    fn failed(&self) {
        panic!("this disk never says no");
    }
}

/// Runs the script until the power goes; gives what is on the disk and how much of it was safe.
fn run(seed: u64, writes: u64) -> (Vec<u8>, u64) {
    let safe = Arc::new(AtomicU64::new(0));
    let state = Arc::new(Mutex::new(State {
        current: Vec::new(),
        durable: Vec::new(),
        cached: Vec::new(),
        writes_left: u64::MAX,
        random: seed,
        safe: safe.clone(),
        lost_power: None,
    }));
    let platter = Platter {
        state: state.clone(),
    };
    let Ok((opened, _)) = Opened::on(platter, 1, NOW, |_| 0) else {
        panic!("an empty disk");
    };
    // The power stays on while the store is made: that is not what is asked here.
    state.lock().expect("no panic").writes_left = writes;
    let main = std::thread::current();
    let counter = Counter {
        safe: safe.clone(),
        main,
    };
    let (_store, mut handles) = opened.start(Arc::new(counter)).expect("a thread");
    let mut script = Script::new(seed);
    loop {
        let submitted = handles[0].submit(&mut script.batch());
        let Submitted::Accepted(number) = submitted else {
            panic!("{submitted:?}");
        };
        while safe.load(SeqCst) < number {
            std::thread::park();
        }
        if let Some(lost) = state.lock().expect("no panic").lost_power.clone() {
            return lost;
        }
    }
}

#[test]
fn a_power_cut_at_any_write_loses_nothing_that_was_called_safe() {
    let seed = seed();
    let mut chance = Script::new(!seed);
    let mut begun = 0;
    for round in 0..ROUNDS {
        let seed = seed.wrapping_add(round);
        let (image, safe) = run(seed, 1 + chance.below(600));
        let folder = Folder::new();
        std::fs::write(folder.file(), image).expect("room for a file");
        let recovered = reopen(&folder);
        let mut script = Script::new(seed);
        (0..safe).for_each(|_| drop(script.batch()));
        if let Some(difference) = script.model.difference(&recovered) {
            // The batch that was being written may be there, as a whole.
            script.batch();
            assert!(
                script.model.difference(&recovered).is_none(),
                "TRIBUTARY_STORE_SEED={seed}, {safe} batches safe: {difference}"
            );
        }
        begun += u64::from(safe > 0);
    }
    assert!(begun > ROUNDS / 2, "the power was cut too early to tell");
}
