//! The two queues shared with the kernel: requests go in, completions come out.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use io_uring::squeue::Entry;
use io_uring::{EnterFlags, IoUring, Submitter, cqueue, types};

use crate::request::Request;
use crate::stats::RingStats;
use crate::tag::Tag;

/// A completion, copied out of the shared queue.
#[derive(Clone, Copy)]
pub(crate) struct Completion {
    pub(crate) tag: Tag,
    pub(crate) result: i32,
    flags: u32,
}

impl Completion {
    /// The request stays armed and will complete again.
    pub(crate) fn more(self) -> bool {
        cqueue::more(self.flags)
    }

    pub(crate) fn buffer(self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }
}

/// The longest chain is three requests, and a chain has to fit in whole.
const SUBMISSION_ENTRIES_MIN: u32 = 8;

pub(crate) struct Queue {
    ring: IoUring,
    /// Chains that found the submission queue full. They go in whole or not at all: a link ends
    /// at the end of a submission.
    backlog: VecDeque<Vec<Entry>>,
    min_wait: bool,
}

impl Queue {
    pub(crate) fn open(submission_entries: u32, completion_entries: u32) -> io::Result<Queue> {
        let ring = IoUring::builder()
            .setup_cqsize(completion_entries)
            .setup_submit_all()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .build(submission_entries.max(SUBMISSION_ENTRIES_MIN))?;
        let min_wait = ring.params().is_feature_min_timeout();
        Ok(Queue {
            ring,
            backlog: VecDeque::new(),
            min_wait,
        })
    }

    pub(crate) fn submitter(&self) -> Submitter<'_> {
        self.ring.submitter()
    }

    /// A second descriptor of the kernel's ring.
    pub(crate) fn try_clone_fd(&self) -> io::Result<OwnedFd> {
        // SAFETY: the ring is open as long as `self` is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.ring.as_raw_fd()) }.try_clone_to_owned()
    }

    pub(crate) fn push(&mut self, request: Request, stats: &mut RingStats) {
        self.push_chain([request], stats);
    }

    /// Puts in a chain of linked requests, whole.
    pub(crate) fn push_chain<const N: usize>(
        &mut self,
        chain: [Request; N],
        stats: &mut RingStats,
    ) {
        stats.sqes += N as u64;
        let chain = chain.map(|request| request.0);
        if self.backlog.is_empty() && self.put(&chain) {
            return;
        }
        // Full: what is in goes to the kernel now, which makes room without losing the order. The
        // error, if any, comes again with the next enter.
        stats.enters += 1;
        let _ = self.submit();
        if self.backlog.is_empty() && self.put(&chain) {
            return;
        }
        stats.backlogged += N as u64;
        self.backlog.push_back(chain.into());
    }

    fn put(&mut self, chain: &[Entry]) -> bool {
        // SAFETY: every entry was built as a `Request`, whose memory outlives the operation.
        unsafe { self.ring.submission().push_multiple(chain) }.is_ok()
    }

    /// Moves the backlog into the queue as far as it goes; true when nothing is left behind.
    fn refill(&mut self) -> bool {
        while let Some(chain) = self.backlog.pop_front() {
            if !self.put(&chain) {
                self.backlog.push_front(chain);
                return false;
            }
        }
        true
    }

    /// Hands the requests to the kernel without looking for completions.
    fn submit(&mut self) -> io::Result<()> {
        loop {
            let all_in = self.refill();
            let before = self.ring.submission().len();
            let entered = self.call(before as u32, EnterFlags::empty());
            let stuck = self.ring.submission().len() == before;
            if all_in || stuck || entered.is_err() {
                return entered;
            }
        }
    }

    /// Submits, and lets the kernel run what it has deferred; does not wait.
    pub(crate) fn enter(&mut self) -> io::Result<()> {
        while !self.refill() {
            let before = self.backlog.len();
            self.submit()?;
            if self.backlog.len() == before {
                break;
            }
        }
        let queued = self.ring.submission().len();
        self.call(queued as u32, EnterFlags::GETEVENTS)
    }

    fn call(&mut self, to_submit: u32, flags: EnterFlags) -> io::Result<()> {
        // SAFETY: no argument is passed along, so there is none whose size or address could be
        // wrong; the entries themselves were vouched for when they were put in.
        let entered = unsafe {
            self.ring
                .submitter()
                .enter::<libc::sigset_t>(to_submit, 0, flags.bits(), None)
        };
        tolerate(entered)
    }

    /// Submits and waits: until `want` completions are there or `min_wait_us` have passed with at
    /// least one, and `timeout_us` at most.
    pub(crate) fn wait(
        &mut self,
        want: usize,
        min_wait_us: u32,
        timeout_us: u32,
        stats: &mut RingStats,
    ) -> io::Result<()> {
        if !self.refill() {
            return self.enter();
        }
        let want = want.clamp(1, self.ring.params().cq_entries() as usize);
        if self.min_wait || min_wait_us == 0 || want == 1 {
            return self.wait_once(want, min_wait_us, timeout_us);
        }
        // Before Linux 6.12 two waits do what min-wait does in one.
        let first_us = min_wait_us.min(timeout_us);
        self.wait_once(want, 0, first_us)?;
        if !self.ring.completion().is_empty() || first_us == timeout_us {
            return Ok(());
        }
        stats.enters += 1;
        self.wait_once(1, 0, timeout_us - first_us)
    }

    fn wait_once(&mut self, want: usize, min_wait_us: u32, timeout_us: u32) -> io::Result<()> {
        let timeout = types::Timespec::new()
            .sec(u64::from(timeout_us / 1_000_000))
            .nsec(timeout_us % 1_000_000 * 1_000);
        let mut args = types::SubmitArgs::new().timespec(&timeout);
        if self.min_wait && min_wait_us > 0 {
            args = args.min_wait_usec(min_wait_us);
        }
        tolerate(self.ring.submitter().submit_with_args(want, &args))
    }

    /// Takes up to `batch` completions out of the shared queue.
    pub(crate) fn harvest(&mut self, into: &mut Vec<Completion>, batch: usize) {
        into.extend(self.ring.completion().take(batch).map(|entry| Completion {
            tag: Tag(entry.user_data()),
            result: entry.result(),
            flags: entry.flags(),
        }));
    }

    /// Requests to submit, completions to take, or work that the kernel has put off.
    pub(crate) fn has_completions(&self) -> bool {
        // SAFETY: the queue types only live inside methods with `&mut self`, so none exists now,
        // and `self` never leaves its thread.
        let (requests, completions) =
            unsafe { (self.ring.submission_shared(), self.ring.completion_shared()) };
        !completions.is_empty() || requests.taskrun() || requests.cq_overflow()
    }

    pub(crate) fn has_submissions(&self) -> bool {
        // SAFETY: as in `has_completions`.
        let requests = unsafe { self.ring.submission_shared() };
        !self.backlog.is_empty() || !requests.is_empty()
    }

    pub(crate) fn overflowing(&mut self) -> bool {
        self.ring.submission().cq_overflow()
    }

    pub(crate) fn silence_eventfd(&mut self) {
        self.ring.completion().disable_eventfd();
    }

    pub(crate) fn sound_eventfd(&mut self) {
        self.ring.completion().enable_eventfd();
    }
}

/// An interrupted or timed-out wait is an answer, and what the kernel had no room for stays queued.
fn tolerate(entered: io::Result<usize>) -> io::Result<()> {
    match entered {
        Ok(_) => Ok(()),
        Err(error) => match error.raw_os_error() {
            Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY) => Ok(()),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Op;

    #[test]
    fn a_backlog_larger_than_the_queue_goes_in_with_one_enter() {
        const CHAINS: u32 = 100;
        let mut queue = Queue::open(SUBMISSION_ENTRIES_MIN, 1024).unwrap();
        for index in 0..CHAINS {
            // Calling back a request that does not exist completes with an error, at once.
            let call_off = || Request::cancel(Tag::new(Op::Poll, 0, index));
            let chain = vec![call_off().then_in_any_case().0, call_off().0];
            queue.backlog.push_back(chain);
        }
        assert!((queue.has_completions() || queue.has_submissions()));
        let mut completions = Vec::new();
        // Once to hand it all in; the second half of each chain is work that the kernel puts off,
        // and it does some 20 pieces of that per enter.
        queue.enter().unwrap();
        assert!(queue.backlog.is_empty() && queue.ring.submission().is_empty());
        while queue.has_completions() || queue.has_submissions() {
            queue.harvest(&mut completions, 1024);
            queue.enter().unwrap();
        }
        let missing = completions.iter().filter(|one| one.result == -libc::ENOENT);
        assert_eq!(missing.count(), 2 * CHAINS as usize);
    }
}
