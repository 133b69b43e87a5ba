//! What a client does with each packet, and how every message that arrives is checked.

use super::Exchange;
use crate::close::Close;
use crate::codec::decode::{Answer, Connack, Publish, answer, publish};
use crate::codec::encode::{acknowledge, subscribe_at};
use crate::codec::packet;
use crate::deliver::peer::State;
use crate::deliver::track::Seen;
use crate::stamp::Stamp;

/// The only subscription of a client has the only packet id that it ever uses.
const SUBSCRIBE_ID: u16 = 1;
const REASON_REFUSAL: u8 = 0x80;

impl Exchange {
    /// Takes one frame; what has to be answered goes to `out`.
    pub(super) fn on_frame(&mut self, slot: u32, first_byte: u8, body: &[u8]) -> Result<(), Close> {
        let version = self.plan.clients.version;
        let state = self.peers[slot as usize].state;
        if first_byte >> 4 == packet::PUBLISH && state == State::Connected {
            let message = publish(version, first_byte, body)?;
            self.on_message(slot, &message);
            return Ok(());
        }
        match (answer(version, first_byte, body)?, state) {
            (Answer::Connack(connack), State::AwaitConnack) => self.on_connack(slot, connack),
            (Answer::Suback { reason }, State::AwaitSuback) => {
                let is_refused = reason >= REASON_REFUSAL;
                self.books.counts.subscriptions_refused += u64::from(is_refused);
                self.books.counts.subscriptions_granted += u64::from(!is_refused);
                self.stand_ready(slot);
                Ok(())
            }
            (Answer::Disconnect { reason }, _) => Err(Close::Disconnect(reason)),
            (
                Answer::Ack {
                    packet_type,
                    packet_id,
                    reason,
                },
                State::Connected,
            ) => {
                if packet_type == packet::PUBREL {
                    acknowledge(&mut self.out, packet::PUBCOMP, packet_id);
                    return Ok(());
                }
                let topic = &mut self.topics[self.peers[slot as usize].topic as usize];
                let ack = (packet_type, packet_id, reason);
                topic.on_ack(ack, self.now_ns, &mut self.books, &mut self.out)
            }
            (Answer::Pingresp, _) => {
                self.books.counts.pings_answered += 1;
                Ok(())
            }
            (_, _) => Err(Close::OutOfTurn),
        }
    }

    fn on_connack(&mut self, slot: u32, connack: Connack) -> Result<(), Close> {
        if connack.reason != 0 {
            return Err(Close::Refused(connack.reason));
        }
        let peer = &mut self.peers[slot as usize];
        let place = peer.topic as usize;
        self.books.connected(self.now_ns, peer.intended_ns);
        self.opener.on_settled();
        if peer.track.is_none() {
            self.topics[place].on_connack(connack.receive_maximum);
            self.stand_ready(slot);
            return Ok(());
        }
        if connack.session_present {
            self.stand_ready(slot);
            return Ok(());
        }
        let is_missed = self.returns_done > 0;
        self.tally.arrivals.sessions_missing += u64::from(is_missed);
        peer.state = State::AwaitSuback;
        let (version, qos) = (self.plan.clients.version, self.plan.qos);
        let filter = self.topics[place].name.as_bytes();
        subscribe_at(&mut self.out, version, SUBSCRIBE_ID, filter, qos);
        Ok(())
    }

    fn stand_ready(&mut self, slot: u32) {
        self.peers[slot as usize].state = State::Connected;
        self.connected += 1;
        self.settle(slot);
    }

    /// Checks a message byte for byte, says to which of its topic it belongs, and answers it.
    fn on_message(&mut self, slot: u32, message: &Publish<'_>) {
        match message.qos {
            0 => {}
            1 => acknowledge(&mut self.out, packet::PUBACK, message.packet_id),
            _ => acknowledge(&mut self.out, packet::PUBREC, message.packet_id),
        }
        let peer = &mut self.peers[slot as usize];
        let place = peer.topic;
        let topic = &mut self.topics[place as usize];
        let arrivals = &mut self.tally.arrivals;
        let stamp = Stamp::read(message.payload).filter(|stamp| {
            stamp.run == self.plan.clients.run
                && stamp.device == topic.number()
                && stamp.sequence < topic.sent()
        });
        let is_ours = message.topic == topic.name.as_bytes();
        let (Some(stamp), Some(track), true) = (stamp, &mut peer.track, is_ours) else {
            arrivals.foreign += 1;
            return;
        };
        if !stamp.fits(message.payload, self.plan.payload_bytes) {
            arrivals.corrupted += 1;
        }
        match track.see(stamp.sequence) {
            Seen::New { skipped } => {
                for sequence in skipped {
                    // Whether it is lost is known at the end; nobody waits for it any more.
                    topic.on_seen(sequence);
                }
                let intended_ns = topic.on_seen(stamp.sequence);
                self.tally.delivered(self.now_ns, intended_ns);
                // A publisher has the slot of its topic.
                self.urge(place);
            }
            Seen::Late => {
                arrivals.reordered += 1;
                self.tally.delivered(self.now_ns, None);
            }
            Seen::Again if message.dup => arrivals.repeated += 1,
            Seen::Again => arrivals.duplicated += 1,
        }
    }
}
