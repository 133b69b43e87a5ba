//! The messages of one device that wait for an acknowledgement, in the order they were sent.
//!
//! Packet ids are given out one after the other, so an id is a place in the queue and no map is
//! needed. What is settled in the middle stays as a hole until everything before it is settled.

use std::collections::VecDeque;

/// Ids go from 1 to 65,535 [MQTT-2.2.1-3]; 0 is none.
const PACKET_IDS: u32 = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    Puback,
    Pubrec,
    Pubcomp,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub intended_ns: u64,
    pub sequence: u32,
    pub awaits: Awaits,
}

#[derive(Default)]
pub struct InFlight {
    messages: VecDeque<Message>,
    /// Packet id of the front, less one.
    front_index: u32,
    open_count: u32,
}

impl InFlight {
    /// How many messages wait.
    pub fn count(&self) -> u32 {
        self.open_count
    }

    /// Packet ids that neither a message nor a hole between messages takes.
    pub fn ids_left(&self) -> u32 {
        PACKET_IDS - self.messages.len() as u32
    }

    /// Takes a message in and gives it a packet id. The caller knows that there are `ids_left`.
    pub fn push(&mut self, message: Message) -> u16 {
        let index = (self.front_index + self.messages.len() as u32) % PACKET_IDS;
        self.messages.push_back(message);
        self.open_count += 1;
        index as u16 + 1
    }

    pub fn find(&mut self, packet_id: u16) -> Option<&mut Message> {
        let index = u32::from(packet_id).checked_sub(1)?;
        let place = (index + PACKET_IDS - self.front_index) % PACKET_IDS;
        self.messages
            .get_mut(place as usize)
            .filter(|message| message.awaits != Awaits::Nothing)
    }

    /// Takes out the message of this id.
    pub fn settle(&mut self, packet_id: u16) -> Option<Message> {
        let message = self.find(packet_id)?;
        let settled = *message;
        message.awaits = Awaits::Nothing;
        self.open_count -= 1;
        while self
            .messages
            .front()
            .is_some_and(|front| front.awaits == Awaits::Nothing)
        {
            self.messages.pop_front();
            self.front_index = (self.front_index + 1) % PACKET_IDS;
        }
        Some(settled)
    }

    /// Takes out all that wait, oldest first: their connection is gone.
    pub fn take(&mut self) -> impl Iterator<Item = Message> {
        let all = std::mem::take(self).messages;
        all.into_iter()
            .filter(|message| message.awaits != Awaits::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u32) -> Message {
        Message {
            intended_ns: 0,
            sequence,
            awaits: Awaits::Puback,
        }
    }

    #[test]
    fn ids_stay_right_over_many_turns_of_the_counter_and_any_order() {
        let mut window = InFlight::default();
        let mut sequence = 0;
        for round in 0..30_000u32 {
            let ids: Vec<u16> = (0..7).map(|n| window.push(message(sequence + n))).collect();
            assert!(ids.iter().all(|id| *id != 0));
            let turned = (0..7).map(|n| (n + round as usize) % 7);
            for n in turned {
                let settled = window.settle(ids[n]).expect("the id is in flight");
                assert_eq!(settled.sequence, sequence + n as u32);
                assert_eq!(window.settle(ids[n]), None, "an id settles once");
            }
            assert_eq!(window.count(), 0);
            sequence += 7;
        }
    }

    #[test]
    fn a_slow_front_keeps_its_id_until_all_ids_are_taken() {
        let mut window = InFlight::default();
        let slow = window.push(message(0));
        for sequence in 1..PACKET_IDS {
            assert!(window.ids_left() > 0);
            let id = window.push(message(sequence));
            assert_ne!(id, slow);
            window.settle(id).expect("the id is in flight");
        }
        assert_eq!(window.ids_left(), 0);
        assert_eq!(window.count(), 1);
        assert_eq!(window.settle(slow).map(|m| m.sequence), Some(0));
        assert_eq!(window.ids_left(), PACKET_IDS);
    }

    #[test]
    fn what_waits_is_taken_oldest_first_without_what_was_settled() {
        let mut window = InFlight::default();
        let ids: Vec<u16> = (0..4).map(|n| window.push(message(n))).collect();
        window.settle(ids[1]).expect("the id is in flight");
        let taken: Vec<u32> = window.take().map(|m| m.sequence).collect();
        assert_eq!(taken, [0, 2, 3]);
        assert_eq!(window.count(), 0);
    }
}
