//! Who owns each slot of a ring's table; 4 bytes per slot, touched only once used.

/// The owner of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// No one: the slot is free, or on its way to another shard.
    Nobody,
    /// A connection whose CONNECT has not come.
    Stranger,
    /// A connection that was told to go.
    Leaving,
    /// The client at this place of the slab.
    Client(u32),
}

/// The owners of one ring's slots.
pub(super) struct Owners {
    /// 0 is nobody, so that a fresh table is untouched zero pages.
    codes: Vec<u32>,
    client_count: u32,
}

const FIRST_CLIENT: u32 = 3;

impl Owners {
    /// A table of free slots.
    pub(super) fn new(slots: u32) -> Self {
        Self {
            codes: vec![0; slots as usize],
            client_count: 0,
        }
    }

    /// Who owns a slot.
    pub(super) fn of(&self, slot: u32) -> Owner {
        match self.codes[slot as usize] {
            0 => Owner::Nobody,
            1 => Owner::Stranger,
            2 => Owner::Leaving,
            code => Owner::Client(code - FIRST_CLIENT),
        }
    }

    /// How many slots clients have; those who ended in this turn are counted until it is over.
    pub(super) fn client_count(&self) -> u32 {
        self.client_count
    }

    /// Says who owns a slot from now on.
    pub(super) fn set(&mut self, slot: u32, owner: Owner) {
        let code = &mut self.codes[slot as usize];
        self.client_count -= u32::from(*code >= FIRST_CLIENT);
        *code = match owner {
            Owner::Nobody => 0,
            Owner::Stranger => 1,
            Owner::Leaving => 2,
            Owner::Client(index) => index + FIRST_CLIENT,
        };
        self.client_count += u32::from(*code >= FIRST_CLIENT);
    }
}

const _: () = assert!(crate::limits::CLIENTS_PER_SHARD_MAX < (u32::MAX - FIRST_CLIENT) as usize);
