//! Handing a connection to another ring, with a parcel, in one message.
//!
//! ```text
//!   source: MSG_RING(descriptor, address of the parcel) ──link──> CLOSE ──> HandedOver
//!                 │ failed: CLOSE is called off ──> HandOverRefused, parcel and connection back
//!                 v
//!   target: one completion with the new slot and the parcel ──> Arrived
//! ```
//!
//! The parcel is the target's from a good completion on, and the source's after an error. So its
//! address is kept here until one or the other is known, and is freed in exactly one place.

use std::any::TypeId;
use std::ptr::NonNull;

use crate::address::RingAddress;
use crate::event::Event;
use crate::queue::Completion;
use crate::request::Request;
use crate::ring::Ring;
use crate::slots::{Conn, Reading, State};

/// A connection on its way out. The pointer came from `Box::into_raw`.
pub(crate) struct Parting<H> {
    conn: Conn,
    parcel: NonNull<H>,
}

impl<H: Send + 'static> Ring<H> {
    /// Gives `conn` and `parcel` to another ring. Nothing may be armed or in flight on it: what the
    /// peer has sent meanwhile stays in the socket and goes along. `HandedOver` or
    /// `HandOverRefused` follows; until then the connection takes no calls.
    ///
    /// Refused at once with `EBUSY` when something is armed, `EINVAL` when the target's parcels are
    /// of another type, `EOWNERDEAD` when the target is gone.
    pub fn hand_over(&mut self, conn: Conn, target: &RingAddress, parcel: Box<H>) {
        let Some(word) = self.slots.live(conn) else {
            self.stats.stale_calls += 1;
            return;
        };
        let busy = word.reading() != Reading::Nothing || word.sending() || word.connecting();
        let error = match () {
            () if busy => libc::EBUSY,
            () if !target.takes(TypeId::of::<H>()) => libc::EINVAL,
            () if !target.is_open() => libc::EOWNERDEAD,
            () => return self.start_hand_over(conn, target, parcel),
        };
        self.stats.hand_over_refused += 1;
        self.ready.push_back(Event::HandOverRefused {
            conn,
            parcel,
            error,
        });
    }

    fn start_hand_over(&mut self, conn: Conn, target: &RingAddress, parcel: Box<H>) {
        self.slots.set_state(conn, State::Leaving);
        let parcel = NonNull::from(Box::leak(parcel));
        let key = self.partings.insert(Parting { conn, parcel });
        // SAFETY: the address belongs to a `Ring` whose parcels are `H` (checked by type id), the
        // pointer comes from a box, and we forget it when the message has arrived.
        let message = unsafe {
            Request::hand_over(
                conn,
                target.ring_fd(),
                parcel.as_ptr().cast_const().cast(),
                key,
            )
        };
        self.push_chain([message.then(), Request::hand_over_close(conn, key)]);
    }

    /// Only a message that failed completes here.
    pub(crate) fn on_hand_over(&mut self, completion: Completion) -> Option<Event<H>> {
        let Some(parting) = self.partings.remove(completion.tag.key()) else {
            return self.stale();
        };
        // SAFETY: the pointer came from a box, the message did not arrive, and removing the entry
        // made us the only ones who know it.
        let parcel = unsafe { Box::from_raw(parting.parcel.as_ptr()) };
        let conn = parting.conn;
        self.stats.hand_over_refused += 1;
        self.slots.word(conn)?;
        self.slots.set_state(conn, State::Live);
        Some(Event::HandOverRefused {
            conn,
            parcel,
            error: -completion.result,
        })
    }

    pub(crate) fn on_hand_over_close(&mut self, completion: Completion) -> Option<Event<H>> {
        if completion.result == -libc::ECANCELED {
            // The message failed; its own completion brings the parcel back.
            return None;
        }
        // The message arrived, so the parcel is the target's: its address is forgotten, not freed.
        let Some(Parting { conn, .. }) = self.partings.remove(completion.tag.key()) else {
            return self.stale();
        };
        if self
            .slots
            .word(conn)
            .is_none_or(|word| word.state() != State::Leaving)
        {
            // The slot's next life was told of first, and `HandedOver` came with it.
            return self.stale();
        }
        self.stats.handed_over += 1;
        self.end_life(conn);
        Some(Event::HandedOver { conn })
    }

    pub(crate) fn on_arrive(&mut self, completion: Completion) -> Option<Event<H>> {
        if completion.result < 0 {
            // Never seen: a message posts here only after its descriptor has a slot. The parcel
            // is then still the source's.
            return self.stale();
        }
        let parcel = completion.tag.pointer() as *mut H;
        // SAFETY: only `start_hand_over` of a ring with the same `H` makes such tags, from a box
        // that it gives up when the message has arrived, which is what this completion says.
        let parcel = unsafe { Box::from_raw(parcel) };
        self.stats.arrived += 1;
        let (conn, farewell) = self.begin_life(completion.result as u32);
        self.after(farewell, Event::Arrived { conn, parcel })
    }
}
