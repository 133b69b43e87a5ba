//! Accepting: one multishot request per listener, straight into the table.

use std::os::fd::{AsFd, OwnedFd};

use crate::event::Event;
use crate::queue::Completion;
use crate::request::Request;
use crate::ring::Ring;
use crate::tag::{Op, Tag};

/// A table that was full accepts again once this part of it is free.
const STARVED_TABLE_PARTS: u32 = 64;

#[derive(Default)]
pub(crate) struct Listeners {
    all: Vec<Listening>,
    /// Some listener waits for a slot to become free.
    any_starved: bool,
    /// Some listener was refused for want of memory or files, and waits for `retry_accepting`.
    any_resting: bool,
    /// Another ring takes the connections of the same listeners.
    idle: bool,
    stopping: bool,
}

struct Listening {
    /// Open as long as a request refers to its number.
    socket: Option<OwnedFd>,
    armed: bool,
    /// The table was full; armed again after some closes.
    starved: bool,
    /// The system had no memory or no file for one more connection; armed again when the caller
    /// says that some time has passed: at once it would only fail again, without end.
    resting: bool,
    /// It has failed since it last accepted, and was tried again at once.
    tried_again: bool,
}

impl Listeners {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Nothing is armed again from here on.
    pub(crate) fn stop_for_good(&mut self) {
        self.stopping = true;
    }
}

impl<H: Send + 'static> Ring<H> {
    /// Accepts from `listener` until `stop_accepting`. May be called for several listeners, whose
    /// connections are told apart by the number of the call.
    ///
    /// # Panics
    /// On a ring that has dialled: there the kernel gives out no slots.
    pub fn listen(&mut self, listener: impl Into<OwnedFd>) {
        assert!(self.dialling.is_none(), "a ring either listens or dials");
        let index = self.listeners.all.len();
        let listening = Listening {
            socket: Some(listener.into()),
            armed: false,
            starved: false,
            resting: false,
            tried_again: false,
        };
        self.listeners.all.push(listening);
        self.arm_accept(index);
    }

    /// Whether this ring takes what comes to its listeners, or leaves it to another ring that has
    /// clones of them. Connections that the kernel has taken already still come as `Accepted`.
    pub fn set_accepting(&mut self, accepts: bool) {
        if self.listeners.idle != accepts {
            return;
        }
        self.listeners.idle = !accepts;
        for index in 0..self.listeners.all.len() {
            match (accepts, self.listeners.all[index].armed) {
                (true, false) => self.arm_accept(index),
                (false, true) => self.push(Request::cancel(Tag::new(Op::Accept, 0, index as u32))),
                // Armed as it is, or armed again once the cancel has come back.
                (true, true) | (false, false) => {}
            }
        }
    }

    /// Ends accepting and closes the listeners: whoever still waits in their backlog is reset.
    /// Connections that the kernel has taken already still come as `Accepted`.
    pub fn stop_accepting(&mut self) {
        self.listeners.stopping = true;
        for index in 0..self.listeners.all.len() {
            let listening = &mut self.listeners.all[index];
            if listening.armed {
                self.push(Request::cancel(Tag::new(Op::Accept, 0, index as u32)));
            } else {
                listening.socket = None;
            }
        }
    }

    pub(crate) fn on_accept(&mut self, completion: Completion) -> Option<Event<H>> {
        let index = completion.tag.index() as usize;
        let result = completion.result;
        if !completion.more() {
            self.listeners.all[index].armed = false;
            match -result {
                _ if self.listeners.stopping => self.listeners.all[index].socket = None,
                libc::ENFILE if self.slots.used() >= self.slots.count() => {
                    self.listeners.all[index].starved = true;
                    self.listeners.any_starved = true;
                }
                // A slot is free all the same: a close came while this completion was on its way,
                // or it is the system that has no more files. Trying again tells.
                libc::ENFILE if !self.listeners.all[index].tried_again => {
                    self.listeners.all[index].tried_again = true;
                    self.arm_accept(index);
                }
                libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM => {
                    self.listeners.all[index].resting = true;
                    self.listeners.any_resting = true;
                }
                // Not a listener any more, or a kernel without multishot accept: it would only
                // fail again.
                libc::EBADF | libc::EINVAL | libc::ENOTSOCK | libc::EOPNOTSUPP => {}
                _ => self.arm_accept(index),
            }
        }
        if result >= 0 {
            self.stats.accepted += 1;
            self.listeners.all[index].tried_again = false;
            let (conn, farewell) = self.begin_life(result as u32);
            let accepted = Event::Accepted {
                conn,
                listener: completion.tag.index(),
            };
            return self.after(farewell, accepted);
        }
        if self.listeners.stopping || result == -libc::ECANCELED {
            return None;
        }
        self.stats.accept_refused += 1;
        Some(Event::AcceptRefused { error: -result })
    }

    /// Arms the listeners that a full table has stopped.
    pub(crate) fn resume_accepting(&mut self) {
        if !self.listeners.any_starved || self.listeners.stopping {
            return;
        }
        // Each time the table fills up, the kernel drops one connection without a word. So let it
        // not be for a single slot each time.
        let free = self.slots.count() - self.slots.used();
        if free < self.slots.count().div_ceil(STARVED_TABLE_PARTS) {
            return;
        }
        self.listeners.any_starved = false;
        for index in 0..self.listeners.all.len() {
            if std::mem::take(&mut self.listeners.all[index].starved) {
                self.arm_accept(index);
            }
        }
    }

    /// Arms the listeners that the system had no memory or no file for. To be called now and then:
    /// how often is how often a system in need is asked.
    pub fn retry_accepting(&mut self) {
        if !self.listeners.any_resting || self.listeners.stopping {
            return;
        }
        self.listeners.any_resting = false;
        for index in 0..self.listeners.all.len() {
            if std::mem::take(&mut self.listeners.all[index].resting) {
                self.arm_accept(index);
            }
        }
    }

    /// Returns what is owed to an earlier life first, and keeps `event` for right after it.
    pub(crate) fn after(
        &mut self,
        farewell: Option<Event<H>>,
        event: Event<H>,
    ) -> Option<Event<H>> {
        if farewell.is_some() {
            self.ready.push_back(event);
            return farewell;
        }
        Some(event)
    }

    fn arm_accept(&mut self, index: usize) {
        let is_wanted = !self.listeners.idle && !self.listeners.stopping;
        let listening = &mut self.listeners.all[index];
        if let Some(socket) = listening.socket.as_ref().filter(|_| is_wanted) {
            let request = Request::accept(socket.as_fd(), index as u32);
            (listening.armed, listening.starved, listening.resting) = (true, false, false);
            self.push(request);
        }
    }
}
