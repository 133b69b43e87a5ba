//! Many rings in one thread: a limit on open files bounds the table of a ring, not the number of
//! rings.
//!
//! The first ring is the one that is waited in; the others ring its bell while the thread sleeps,
//! and are silent while it is awake.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use tributary_ring::{Conn, Event, Ring, RingOptions, Wake, filling, limits};

/// Share of a table that is planned to be filled, in percent: closing takes a moment, and accepted
/// connections do not fall evenly on rings.
const DIALLED_PERCENT: u64 = 95;
const ACCEPTED_PERCENT: u64 = 88;
const BACKLOG: i32 = 65_535;
/// One byte of a client's record says in which ring it is.
pub const RINGS_MAX: usize = 255;
const TABLE_SLOTS_MIN: u64 = 64;
const TABLE_SLOTS_MAX: u64 = 1 << 20;
const ENFILE: i32 = 23;

pub struct Rings {
    all: Vec<Ring<()>>,
    /// The ring that dials until it is full: neighbours in one ring share its system calls.
    dialling: usize,
    /// The ring that accepts, for the same reason.
    accepting: usize,
    /// The ring whose events are being taken.
    taking: usize,
    /// Events that were met on the way to sleep.
    met: VecDeque<(usize, Event<()>)>,
    _bell: Wake,
}

impl Rings {
    /// Opens as many rings as `connections` need on this thread, which alone may use them.
    ///
    /// # Errors
    /// The kernel's refusal to open a ring, as a sentence, or too many connections.
    pub fn open(connections: u64) -> io::Result<Self> {
        Self::open_filled(connections, DIALLED_PERCENT)
    }

    /// Opens rings that accept `connections` on `address`; also says on which port.
    ///
    /// # Errors
    /// As [`Self::open`], and the refusal of a listener.
    pub fn listen(connections: u64, address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let mut rings = Self::open_filled(connections, ACCEPTED_PERCENT)?;
        let listener = tributary_ring::listener(address, BACKLOG)?;
        for (index, ring) in rings.all.iter_mut().enumerate() {
            ring.set_accepting(index == rings.accepting);
            ring.listen(listener.try_clone()?);
        }
        Ok((rings, listener.local_addr()?))
    }

    fn open_filled(connections: u64, fill_percent: u64) -> io::Result<Self> {
        let nofile = limits::raise_nofile()?;
        let table_max = nofile.min(TABLE_SLOTS_MAX);
        let usable = (table_max * fill_percent / 100).max(1);
        let count = connections.div_ceil(usable).max(1) as usize;
        if count > RINGS_MAX {
            let fit = usable * RINGS_MAX as u64;
            return Err(io::Error::other(format!(
                "{connections} connections in one thread need {count} tables of {table_max} \
                 descriptors, {RINGS_MAX} are possible: {fit} fit; give it more --threads"
            )));
        }
        let each = connections.div_ceil(count as u64) * 100 / fill_percent + TABLE_SLOTS_MIN;
        let options = RingOptions {
            table_slots: each.min(table_max) as u32,
            submission_entries: 1_024,
            completion_entries: 4_096,
            receive_buffers: 128,
            receive_buffer_bytes: 2_048,
        };
        let bell = Wake::new()?;
        let mut all = vec![Ring::open_waiting(&options, &bell)?];
        for _ in 1..count {
            all.push(Ring::open(&options, &bell)?);
        }
        for ring in &mut all[1..] {
            ring.silence_wake();
        }
        Ok(Self {
            all,
            dialling: 0,
            accepting: 0,
            taking: 0,
            met: VecDeque::new(),
            _bell: bell,
        })
    }

    pub fn count(&self) -> usize {
        self.all.len()
    }

    pub fn table_slots(&self) -> u32 {
        self.all[0].table_slots()
    }

    pub fn ring(&mut self, index: usize) -> &mut Ring<()> {
        &mut self.all[index]
    }

    /// Dials in a ring that has room.
    ///
    /// # Errors
    /// As [`Ring::connect`]; `ENFILE` when no ring has room.
    pub fn dial(
        &mut self,
        source: Option<SocketAddr>,
        target: SocketAddr,
    ) -> io::Result<(usize, Conn)> {
        for _ in 0..self.all.len() {
            let ring = &mut self.all[self.dialling];
            if ring.used_slots() < ring.table_slots() {
                return ring
                    .connect(source, target)
                    .map(|conn| (self.dialling, conn));
            }
            self.dialling = (self.dialling + 1) % self.all.len();
        }
        Err(io::Error::from_raw_os_error(ENFILE))
    }

    /// Submits what was asked for and lets the kernel run what it has put off; never waits.
    pub fn enter(&mut self) -> io::Result<()> {
        for ring in &mut self.all {
            if ring.has_completions() || ring.has_submissions() {
                ring.enter()?;
            }
        }
        self.taking = 0;
        self.keep_filling();
        Ok(())
    }

    fn keep_filling(&mut self) {
        let used = self.all.iter().map(Ring::used_slots);
        let next = filling::next(self.accepting, used, self.table_slots());
        if next != self.accepting {
            self.all[self.accepting].set_accepting(false);
            self.all[next].set_accepting(true);
            self.accepting = next;
        }
    }

    /// The next thing that happened, and in which ring.
    pub fn poll_event(&mut self) -> Option<(usize, Event<()>)> {
        if let Some(met) = self.met.pop_front() {
            return Some(met);
        }
        while let Some(ring) = self.all.get_mut(self.taking) {
            if let Some(event) = ring.next_event() {
                return Some((self.taking, event));
            }
            self.taking += 1;
        }
        None
    }

    /// Waits for something to happen in any ring. Everything must have been submitted.
    pub fn wait(&mut self, timeout_us: u32) -> io::Result<()> {
        let (first, others) = self.all.split_at_mut(1);
        for (index, ring) in others.iter_mut().enumerate() {
            ring.sound_wake();
            // What came before the bell was sounded may not ring it.
            if ring.has_completions() {
                ring.enter()?;
                while let Some(event) = ring.next_event() {
                    self.met.push_back((index + 1, event));
                }
            }
        }
        if self.met.is_empty() {
            first[0].wait(1, 0, timeout_us.max(1))?;
        }
        for ring in others {
            ring.silence_wake();
        }
        self.taking = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_small_fleet_gets_one_table_of_its_size() {
        let mut rings = Rings::open(10).expect("io_uring");
        assert_eq!(rings.count(), 1);
        assert!(rings.table_slots() >= 10 && rings.table_slots() < 100);
        assert_eq!(rings.ring(0).used_slots(), 0);
    }

    #[test]
    fn connections_in_every_ring_are_heard_by_a_wait_in_the_first() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let target = listener.local_addr().expect("bound");
        let mut rings = Rings::open(10).expect("io_uring");
        // A second ring beside the first, as a low limit on open files would bring.
        let options = RingOptions {
            table_slots: 8,
            ..RingOptions::default()
        };
        rings
            .all
            .push(Ring::open(&options, &rings._bell).expect("io_uring"));
        rings.dialling = 1;
        for _ in 0..20 {
            let (ring, _) = rings.dial(None, target).expect("there is room");
            assert!(ring < 2);
        }
        let mut heard = [0, 0];
        while heard.iter().sum::<u32>() < 20 {
            rings.enter().expect("submitted");
            while let Some((ring, event)) = rings.poll_event() {
                assert!(matches!(event, Event::Connected { result: Ok(()), .. }));
                heard[ring] += 1;
            }
            rings.wait(100_000).expect("a wait");
        }
        assert_eq!(heard[1], 8, "the second was filled first");
    }
}
