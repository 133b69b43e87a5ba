//! A disk in memory that can be killed, lose power, run out of room, and answer with errors.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::ground::Chance;
use crate::disk::{Disk, DiskFile};

const SECTOR_BYTES: usize = 512;

/// What the kernel answers when the medium does not.
const EIO: i32 = 5;

/// The spool holds one, the test another.
#[derive(Clone)]
pub(super) struct Platter {
    state: Arc<Mutex<State>>,
    /// Of the process that opened it; one that was killed does nothing more.
    process: u64,
}

pub(super) struct State {
    files: Vec<Inode>,
    names: BTreeMap<String, usize>,
    /// As of the last sync of the folder, and what was done to names since.
    durable_names: BTreeMap<String, usize>,
    renames: Vec<BTreeMap<String, usize>>,
    process: u64,
    chance: Chance,
    /// What all files together may take.
    pub(super) room_bytes: usize,
    /// The next reads, creations and fsyncs that fail.
    pub(super) failing_reads: u32,
    pub(super) failing_creations: u32,
    pub(super) failing_syncs: u32,
    /// Whether there is fallocate.
    pub(super) can_allocate: bool,
    pub(super) syncs: u64,
}

#[derive(Default)]
struct Inode {
    current: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors written since the last fsync.
    cached: BTreeSet<usize>,
}

struct Handle {
    platter: Platter,
    inode: usize,
}

impl Platter {
    pub(super) fn new(seed: u64) -> Platter {
        let state = State {
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renames: Vec::new(),
            process: 0,
            chance: Chance::new(seed),
            room_bytes: usize::MAX,
            failing_reads: 0,
            failing_creations: 0,
            failing_syncs: 0,
            can_allocate: true,
            syncs: 0,
        };
        Platter {
            state: Arc::new(Mutex::new(state)),
            process: 0,
        }
    }

    /// Sets what is to fail.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panicked with it")
    }

    /// The disk as the next process opens it. What the last one wrote is there, what it still has
    /// in hand never comes.
    pub(super) fn kill(&self) -> Platter {
        let mut state = self.state();
        state.process += 1;
        Platter {
            state: self.state.clone(),
            process: state.process,
        }
    }

    /// As [`Platter::kill`]; of what was not synced, any sectors and the first so many changes of
    /// names are there.
    pub(super) fn lose_power(&self) -> Platter {
        let mut state = self.state();
        let State {
            files,
            renames,
            chance,
            durable_names,
            ..
        } = &mut *state;
        for file in files.iter_mut() {
            file.lose(chance);
        }
        let kept = chance.below(renames.len() as u64 + 1) as usize;
        if let Some(names) = renames.drain(..).take(kept).next_back() {
            *durable_names = names;
        }
        state.names = state.durable_names.clone();
        drop(state);
        self.kill()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[name]].current.clone()
    }

    /// Changes a file behind the spool's back, and lastingly.
    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let inode = state.names[name];
        let file = &mut state.files[inode];
        change(&mut file.current);
        file.durable = file.current.clone();
        file.cached.clear();
    }

    pub(super) fn put(&self, name: &str, bytes: Vec<u8>) {
        Disk::create(self, name).expect("nothing fails here");
        self.change(name, |file| *file = bytes);
    }

    fn is_dead(&self, state: &State) -> bool {
        self.process != state.process
    }
}

impl State {
    fn used_bytes(&self) -> usize {
        let used: BTreeSet<_> = self.names.values().collect();
        used.iter()
            .map(|inode| self.files[**inode].current.len())
            .sum()
    }

    fn change_names(&mut self, change: impl FnOnce(&mut BTreeMap<String, usize>)) {
        change(&mut self.names);
        let names = self.names.clone();
        self.renames.push(names);
    }
}

fn fails(count: &mut u32) -> io::Result<()> {
    match count.checked_sub(1) {
        None => Ok(()),
        Some(left) => {
            *count = left;
            Err(io::Error::from_raw_os_error(EIO))
        }
    }
}

impl Inode {
    /// Keeps what is durable and any of the rest.
    fn lose(&mut self, chance: &mut Chance) {
        if chance.one_in(2) {
            self.durable.resize(self.current.len(), 0);
        }
        for sector in std::mem::take(&mut self.cached) {
            let start = sector * SECTOR_BYTES;
            let end = (start + SECTOR_BYTES)
                .min(self.current.len())
                .min(self.durable.len());
            if start < end && chance.one_in(2) {
                self.durable[start..end].copy_from_slice(&self.current[start..end]);
            }
        }
        self.current = self.durable.clone();
    }

    fn touch(&mut self, start: usize, end: usize) {
        self.cached
            .extend(start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
    }
}

impl Disk for Platter {
    fn path(&self) -> &Path {
        Path::new("platter")
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(Platter::names(self))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inode = *self
            .state()
            .names
            .get(name)
            .ok_or(io::ErrorKind::NotFound)?;
        let platter = self.clone();
        Ok(Box::new(Handle { platter, inode }))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        if !self.is_dead(&state) {
            fails(&mut state.failing_creations)?;
            // Truncating is to a new file what it is to an old one, but for its order with others.
            state.files.push(Inode::default());
            let inode = state.files.len() - 1;
            state.change_names(|names| names.extend([(name.to_owned(), inode)]));
        }
        drop(state);
        Disk::open(self, name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        if self.is_dead(&state) {
            return Ok(());
        }
        let inode = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.change_names(|names| {
            names.remove(from);
            names.insert(to.to_owned(), inode);
        });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        if self.is_dead(&state) {
            return Ok(());
        }
        if !state.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_names(|names| names.retain(|other, _| other != name));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        if self.is_dead(&state) {
            return Ok(());
        }
        fails(&mut state.failing_syncs)?;
        state.renames.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }
}

impl DiskFile for Handle {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.platter.state().files[self.inode].current.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut state = self.platter.state();
        fails(&mut state.failing_reads)?;
        let file = &state.files[self.inode].current;
        let rest = file.get(at as usize..).unwrap_or_default();
        // Often less than was asked for.
        let bytes = rest.len().min(buffer.len()).min(3_000);
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.platter.state();
        if self.platter.is_dead(&state) {
            return Ok(());
        }
        let free = state.room_bytes.saturating_sub(state.used_bytes());
        let file = &mut state.files[self.inode];
        let at = at as usize;
        let fitting = bytes
            .len()
            .min((file.current.len() + free).saturating_sub(at));
        if file.current.len() < at + fitting {
            file.current.resize(at + fitting, 0);
        }
        file.current[at..at + fitting].copy_from_slice(&bytes[..fitting]);
        file.touch(at, at + fitting);
        if fitting < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.platter.state();
        if self.platter.is_dead(&state) || !state.can_allocate {
            return Ok(());
        }
        let free = state.room_bytes.saturating_sub(state.used_bytes());
        let file = &mut state.files[self.inode];
        if bytes as usize > file.current.len() + free {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let bytes = file.current.len().max(bytes as usize);
        file.current.resize(bytes, 0);
        Ok(())
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.platter.state();
        if !self.platter.is_dead(&state) {
            state.files[self.inode].current.resize(bytes as usize, 0);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.platter.state();
        if self.platter.is_dead(&state) {
            return Ok(());
        }
        state.syncs += 1;
        let State {
            files,
            failing_syncs,
            chance,
            ..
        } = &mut *state;
        let file = &mut files[self.inode];
        if let Err(error) = fails(failing_syncs) {
            // As the kernel does: what could not be written is called clean, and stays readable
            // until the power goes.
            let current = file.current.clone();
            file.lose(chance);
            file.current = current;
            return Err(error);
        }
        file.durable = file.current.clone();
        file.cached.clear();
        Ok(())
    }
}
