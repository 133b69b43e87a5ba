//! The claim check that says whom to acknowledge when Kafka has answered.

use super::limits;

/// Says whom to acknowledge when a delivery report comes back on a foreign thread.
///
/// It fits one machine word, so that a lane carries it without knowing what is in it: no
/// allocation, no lookup table, nothing to leak when the client is gone. `generation` is how a late
/// report for a departed client misses the newcomer who took over its slot. A packet id of 0 is
/// never one of MQTT's [MQTT-2.2.1-3]; it marks a QoS 0 publish, which is counted and not
/// acknowledged.
///
/// ```text
///  63     56 55        40 39             16 15         0
/// [ shard  ][ generation ][      slot      ][ packet id ]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub shard: u8,
    pub generation: u16,
    /// Below [`limits::TICKET_SLOTS_MAX`].
    pub slot: u32,
    pub packet_id: u16,
}

const _: () = assert!(limits::TICKET_SLOTS_MAX as usize == crate::limits::CLIENTS_PER_SHARD_MAX);
const _: () = assert!(crate::limits::SHARDS_MAX == 1 << 8);
const _: () = assert!(size_of::<usize>() == size_of::<u64>());

impl Ticket {
    /// The word that travels through the lane.
    pub fn word(self) -> u64 {
        debug_assert!(self.slot < limits::TICKET_SLOTS_MAX);
        u64::from(self.shard) << 56
            | u64::from(self.generation) << 40
            | u64::from(self.slot & (limits::TICKET_SLOTS_MAX - 1)) << 16
            | u64::from(self.packet_id)
    }

    pub fn from_word(word: u64) -> Ticket {
        Ticket {
            shard: (word >> 56) as u8,
            generation: (word >> 40) as u16,
            slot: (word >> 16) as u32 & (limits::TICKET_SLOTS_MAX - 1),
            packet_id: word as u16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_survives_the_way_through_one_word() {
        for shard in [0, 1, 127, 255] {
            for generation in [0, 1, 0x8000, 0xffff] {
                for slot in [0, 1, 0x80_0000, 0xff_ffff] {
                    for packet_id in [0, 1, 0x8000, 0xffff] {
                        let ticket = Ticket {
                            shard,
                            generation,
                            slot,
                            packet_id,
                        };
                        assert_eq!(Ticket::from_word(ticket.word()), ticket);
                    }
                }
            }
        }
    }

    #[test]
    fn no_field_of_a_ticket_touches_another() {
        let none = Ticket {
            shard: 0,
            generation: 0,
            slot: 0,
            packet_id: 0,
        };
        let words = [
            Ticket {
                shard: 0xff,
                ..none
            }
            .word(),
            Ticket {
                generation: 0xffff,
                ..none
            }
            .word(),
            Ticket {
                slot: 0xff_ffff,
                ..none
            }
            .word(),
            Ticket {
                packet_id: 0xffff,
                ..none
            }
            .word(),
        ];
        assert_eq!(words.iter().sum::<u64>(), u64::MAX);
        assert_eq!(words.iter().fold(0, |all, word| all | word), u64::MAX);
    }
}
