//! Sorts completions by what they were for.

use crate::event::Event;
use crate::queue::Completion;
use crate::ring::Ring;
use crate::slab::Key;
use crate::tag::{Op, Tag};

impl Tag {
    pub(crate) fn key(self) -> Key {
        Key {
            index: self.index(),
            generation: self.generation(),
        }
    }
}

impl<H: Send + 'static> Ring<H> {
    /// Deals with one completion; most, but not all, are events.
    pub(crate) fn complete(&mut self, completion: Completion) -> Option<Event<H>> {
        match completion.tag.op()? {
            Op::Accept => self.on_accept(completion),
            Op::Poll => self.on_poll(completion),
            Op::Receive => self.on_receive(completion),
            Op::Send => self.on_send(completion),
            Op::Close => self.on_close(completion),
            Op::HandOver => self.on_hand_over(completion),
            Op::HandOverClose => self.on_hand_over_close(completion),
            Op::Arrive => self.on_arrive(completion),
            Op::Connect => self.on_connect(completion),
            Op::Bell => self.on_bell(completion),
            Op::Shutdown => self.on_shutdown(completion),
            Op::PeerName => self.on_peer_name(completion),
            // Only their failures complete, and what they were to bring about comes in another
            // way: a cancelled request has just ended.
            Op::Abort | Op::Cancel => None,
        }
    }

    /// The bell has rung: that the wait is over is all there is to it.
    fn on_bell(&mut self, completion: Completion) -> Option<Event<H>> {
        self.stats.bells += u64::from(completion.result >= 0);
        if !completion.more() && completion.result != -libc::ECANCELED {
            self.hear_bell();
        }
        None
    }

    /// Counts a completion for a life that is over or being closed.
    pub(crate) fn stale(&mut self) -> Option<Event<H>> {
        self.stats.stale_completions += 1;
        None
    }
}
