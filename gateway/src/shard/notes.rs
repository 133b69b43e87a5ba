//! What other shards, and the readers of Kafka topics, ask of this one.

use tributary_proto::reason::Reason;

use super::world::{Socket, World};
use crate::limits::{DELIVERIES_PER_TURN, NOTES_PER_TURN};
use crate::mailbox::{Mailbox, Note};

impl World {
    /// Looks at what other shards have left, so much per turn; says how much that was.
    pub(super) fn take_notes(&mut self, mailbox: &Mailbox) -> usize {
        let mut count = 0;
        while count < NOTES_PER_TURN && self.delivered_count < DELIVERIES_PER_TURN {
            let Some(note) = mailbox.next_note() else {
                break;
            };
            count += 1;
            self.on_note(note);
        }
        // The rest waits for the next turn, which must not wait for a bell.
        self.is_restless |= mailbox.has_notes();
        if mailbox.take_missed() {
            self.mailboxes.announce_room();
        }
        count
    }

    fn on_note(&mut self, note: Note) {
        match note {
            Note::Forward { message, claim } => {
                self.fan_out(&message);
                self.settle_when_safe(claim);
            }
            Note::ToGroup(to) => self.serve_group(to),
            Note::Retain { message, claim } => match (self.keep_retained(&message), claim) {
                (true, claim) => self.settle_when_safe(claim),
                (false, Some(claim)) => self.settle(claim, Reason::QuotaExceeded),
                (false, None) => {}
            },
            Note::Search(search) => self.search(search),
            Note::Found {
                messages,
                search,
                is_last,
            } => self.on_found(messages, search, is_last),
            Note::Command(command) => self.on_command(command),
            Note::Withdraw(withdrawal) => self.handoff.on_withdrawal(&withdrawal),
            Note::CaughtUp(caught_up) => self.handoff.on_caught_up(&caught_up),
            Note::Settled { claim, reason } => self.on_settled(claim.get(), reason),
            Note::Rules(rules) => self.on_rules(rules),
            Note::Chains(chains) => self.on_chains(chains),
            Note::Inquiry(inquiry) => self.on_inquiry(*inquiry),
            Note::Verdict {
                ring,
                conn,
                serial,
                verdict,
            } => self.on_verdict(Socket { ring, conn }, serial, verdict),
        }
    }

    /// Rings the bells of the shards that were left notes in this turn.
    pub(super) fn ring_bells(&mut self) {
        for shard in self.rung.drain(..) {
            self.mailboxes.0[shard].ring_bell();
        }
    }

    /// Settles what was known at once and had to wait for its claim to be made.
    pub(super) fn settle_later(&mut self) {
        while let Some((claim, reason)) = self.later.pop() {
            self.on_settled(claim.get(), reason);
        }
    }
}
