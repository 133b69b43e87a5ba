//! The bounds on what may wait for one client, and who goes when they are met.

use super::busy::Busy;
use super::downward::{Delivered, drop_one};
use super::losses::Loss;
use super::queue::Waiting;
use super::terms::DropRule;
use super::{Context, Session};

impl Session {
    /// Whether a message of QoS 1 or 2 goes out at once. What is in flight is bounded like what
    /// waits, but for one message when there is no other.
    pub(super) fn goes_now(&self, bytes: usize, ctx: &Context<'_>) -> bool {
        let fits = |busy: &Busy| {
            busy.held_bytes == 0 || busy.held_bytes + bytes <= ctx.terms.queue_bytes_max
        };
        ctx.room_bytes > 0
            && self.is_ready(&ctx.commons.profiles)
            && self.busy.as_deref().is_none_or(fits)
    }

    /// Makes room for one more of QoS 1 or 2: the oldest QoS 0 goes first; then an offline session
    /// follows the named rule, and a connected one has had its chance.
    pub(super) fn make_room(
        &mut self,
        bytes: usize,
        ctx: &mut Context<'_>,
    ) -> Result<(), Delivered> {
        while !self.fits(bytes, ctx) {
            if let Some(loose) = self.take_loose(ctx) {
                ctx.give_back(&loose, Loss::Slow);
                continue;
            }
            if self.is_connected() {
                return Err(Delivered::Full);
            }
            let oldest = match ctx.terms.drop_rule {
                DropRule::Oldest => self
                    .busy
                    .as_mut()
                    .and_then(|busy| Some((busy.queue.kept.pop_front()?, busy))),
                DropRule::Newest => None,
            };
            let Some((oldest, busy)) = oldest else {
                return Err(drop_one(Loss::QueueFull, ctx));
            };
            release(busy, oldest.bytes(), ctx);
            ctx.note_done(&oldest);
            match oldest.message.is_expired(ctx.now_sec) {
                true => ctx.lose_one(&oldest, Loss::Expired),
                false => ctx.give_back(&oldest, Loss::QueueFull),
            }
        }
        Ok(())
    }

    /// Makes room for one more of QoS 0 among its like.
    pub(super) fn make_room_loose(&mut self, bytes: usize, ctx: &mut Context<'_>) -> bool {
        while !self.fits(bytes, ctx) {
            let Some(loose) = self.take_loose(ctx) else {
                return false;
            };
            ctx.give_back(&loose, Loss::Slow);
        }
        true
    }

    /// Whether so many bytes more may wait.
    fn fits(&self, bytes: usize, ctx: &Context<'_>) -> bool {
        let terms = ctx.terms;
        let own = |busy: &Busy| {
            let messages = busy.queue.len().saturating_sub(busy.backlog.messages);
            let held_bytes = busy.held_bytes.saturating_sub(busy.backlog.bytes);
            messages < terms.queue_messages_max && held_bytes + bytes <= terms.queue_bytes_max
        };
        let fits = match self.busy.as_deref() {
            Some(busy) => own(busy),
            None => terms.queue_messages_max > 0 && bytes <= terms.queue_bytes_max,
        };
        fits && ctx.commons.queued_bytes + bytes <= ctx.terms.queued_bytes_max
    }

    /// Takes the oldest QoS 0 out of the queue.
    pub(super) fn take_loose(&mut self, ctx: &mut Context<'_>) -> Option<Waiting> {
        let busy = self.busy.as_mut()?;
        let oldest = busy.queue.loose.pop_front()?;
        release(busy, oldest.bytes(), ctx);
        Some(oldest)
    }
}

/// Counts bytes that the session holds from now on.
pub(super) fn hold(busy: &mut Busy, bytes: usize, ctx: &mut Context<'_>) {
    busy.held_bytes += bytes;
    ctx.commons.queued_bytes += bytes;
    ctx.commons.counts.held += 1;
}

/// Counts bytes that the session held until now.
pub(super) fn release(busy: &mut Busy, bytes: usize, ctx: &mut Context<'_>) {
    busy.held_bytes -= bytes;
    busy.backlog.bytes = busy.backlog.bytes.min(busy.held_bytes);
    busy.backlog.messages = busy.backlog.messages.min(busy.queue.len());
    ctx.commons.queued_bytes -= bytes;
    ctx.commons.counts.held -= 1;
}
