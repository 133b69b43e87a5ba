//! Four bytes per place in a ring's descriptor table: whose life it is and what is under way.
//!
//! ```text
//!  31        30      29         28       27   26 25   24 23          0
//! [shutdown][cancel][connect ][sending][ reading ][ state ][ generation ]
//! ```

/// A generation has 24 bits, so that it fits a request's word beside the slot.
pub(crate) const GENERATION_MASK: u32 = (1 << 24) - 1;

/// A connection on one ring: a slot of its table, in one of the slot's lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Conn {
    pub slot: u32,
    /// 24 bits; every new life of the slot counts it up.
    pub generation: u32,
}

impl Conn {
    /// No connection: a slot that no table has.
    pub const NOWHERE: Self = Self {
        slot: u32::MAX,
        generation: 0,
    };
}

/// Who has the slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Free,
    /// The caller's, to use as it likes.
    Live,
    /// `close` was called; nothing but `Closed`, and a name asked for before, may be said of it.
    Closing,
    /// On its way to another ring; `HandedOver` or `HandOverRefused` will say how it went.
    Leaving,
}

/// What is armed for reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    Nothing,
    Poll,
    Receive,
}

const STATE_SHIFT: u32 = 24;
const READING_SHIFT: u32 = 26;
const SENDING: u32 = 1 << 28;
const CONNECTING: u32 = 1 << 29;
const CANCELLING: u32 = 1 << 30;
const SHUTTING: u32 = 1 << 31;

/// One word of a slot, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Word(u32);

impl Word {
    pub(crate) fn generation(self) -> u32 {
        self.0 & GENERATION_MASK
    }

    pub(crate) fn state(self) -> State {
        match self.0 >> STATE_SHIFT & 3 {
            0 => State::Free,
            1 => State::Live,
            2 => State::Closing,
            _ => State::Leaving,
        }
    }

    pub(crate) fn reading(self) -> Reading {
        match self.0 >> READING_SHIFT & 3 {
            0 => Reading::Nothing,
            1 => Reading::Poll,
            _ => Reading::Receive,
        }
    }

    pub(crate) fn sending(self) -> bool {
        self.0 & SENDING != 0
    }

    pub(crate) fn connecting(self) -> bool {
        self.0 & CONNECTING != 0
    }

    pub(crate) fn cancelling(self) -> bool {
        self.0 & CANCELLING != 0
    }

    pub(crate) fn shutting(self) -> bool {
        self.0 & SHUTTING != 0
    }
}

pub(crate) struct Slots {
    /// Zeroed by the allocator, so pages of slots that were never used cost no memory.
    words: Vec<u32>,
    used: u32,
}

impl Slots {
    pub(crate) fn new(count: u32) -> Slots {
        Slots {
            words: vec![0; count as usize],
            used: 0,
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.words.len() as u32
    }

    pub(crate) fn used(&self) -> u32 {
        self.used
    }

    /// The word of `conn`, unless that life of the slot is over.
    pub(crate) fn word(&self, conn: Conn) -> Option<Word> {
        let word = Word(*self.words.get(conn.slot as usize)?);
        (word.generation() == conn.generation && word.state() != State::Free).then_some(word)
    }

    /// The word of `conn` while it is the caller's.
    pub(crate) fn live(&self, conn: Conn) -> Option<Word> {
        self.word(conn).filter(|word| word.state() == State::Live)
    }

    /// Begins a new life in `slot`; also says who is still on the books there.
    ///
    /// The kernel gives a slot away as soon as its descriptor is closed, which can be before the
    /// completion of that close has been seen here.
    pub(crate) fn begin(&mut self, slot: u32) -> (Conn, Option<(Conn, State)>) {
        let before = Word(self.words[slot as usize]);
        let departed = (before.state() != State::Free).then(|| {
            (
                Conn {
                    slot,
                    generation: before.generation(),
                },
                before.state(),
            )
        });
        if departed.is_none() {
            self.used += 1;
        }
        let generation = before.generation().wrapping_add(1) & GENERATION_MASK;
        self.words[slot as usize] = generation | (State::Live as u32) << STATE_SHIFT;
        (Conn { slot, generation }, departed)
    }

    /// Ends the life of `conn`; the generation stays for the next one to count up.
    pub(crate) fn end(&mut self, conn: Conn) {
        debug_assert!(self.word(conn).is_some());
        self.words[conn.slot as usize] = conn.generation;
        self.used -= 1;
    }

    pub(crate) fn set_state(&mut self, conn: Conn, state: State) {
        self.replace(conn.slot, 3 << STATE_SHIFT, (state as u32) << STATE_SHIFT);
    }

    /// Also forgets a cancellation: whatever it was meant for has been replaced.
    pub(crate) fn set_reading(&mut self, conn: Conn, reading: Reading) {
        self.replace(
            conn.slot,
            3 << READING_SHIFT | CANCELLING,
            (reading as u32) << READING_SHIFT,
        );
    }

    pub(crate) fn set_sending(&mut self, conn: Conn, sending: bool) {
        self.replace(conn.slot, SENDING, if sending { SENDING } else { 0 });
    }

    pub(crate) fn set_connecting(&mut self, conn: Conn, connecting: bool) {
        self.replace(
            conn.slot,
            CONNECTING,
            if connecting { CONNECTING } else { 0 },
        );
    }

    pub(crate) fn set_shutting(&mut self, conn: Conn, shutting: bool) {
        self.replace(conn.slot, SHUTTING, if shutting { SHUTTING } else { 0 });
    }

    pub(crate) fn set_cancelling(&mut self, conn: Conn) {
        self.replace(conn.slot, CANCELLING, CANCELLING);
    }

    fn replace(&mut self, slot: u32, mask: u32, bits: u32) {
        let word = &mut self.words[slot as usize];
        *word = *word & !mask | bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outdated_connection_is_nobody() {
        let mut slots = Slots::new(4);
        let (first, _) = slots.begin(2);
        slots.end(first);
        let (second, departed) = slots.begin(2);
        assert!(departed.is_none());
        assert!(slots.word(first).is_none());
        assert!(slots.live(second).is_some());
        assert!(
            slots
                .word(Conn {
                    slot: 9,
                    generation: 0
                })
                .is_none()
        );
    }

    #[test]
    fn a_slot_given_away_early_names_who_left() {
        let mut slots = Slots::new(4);
        let (first, _) = slots.begin(0);
        slots.set_state(first, State::Closing);
        let (_, departed) = slots.begin(0);
        assert_eq!(departed, Some((first, State::Closing)));
        assert_eq!(slots.used(), 1);
    }

    #[test]
    fn bits_of_a_slot_do_not_touch_each_other() {
        let mut slots = Slots::new(1);
        let (conn, _) = slots.begin(0);
        slots.set_reading(conn, Reading::Receive);
        slots.set_sending(conn, true);
        slots.set_connecting(conn, true);
        slots.set_cancelling(conn);
        slots.set_state(conn, State::Leaving);
        let word = slots.word(conn).unwrap();
        assert_eq!(
            (word.state(), word.reading()),
            (State::Leaving, Reading::Receive)
        );
        assert!(word.sending() && word.connecting() && word.cancelling());
        slots.set_reading(conn, Reading::Nothing);
        let word = slots.word(conn).unwrap();
        assert!(word.sending() && !word.cancelling() && word.reading() == Reading::Nothing);
    }

    #[test]
    fn the_generation_wraps_within_its_24_bits() {
        let mut slots = Slots::new(1);
        slots.words[0] = GENERATION_MASK;
        assert_eq!(slots.begin(0).0.generation, 0);
    }
}
