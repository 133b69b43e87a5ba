//! Slots: something about each socket of a shard, by its ring and its slot there.
//!
//! It lies in chunks, each of which is there only while it says of some slot what is not the
//! default: sockets that nothing is to be known of cost nothing, however many they are.

use super::world::Socket;

/// Slots in one chunk.
const CHUNK_SLOTS: usize = 256;

/// What is known of each socket.
#[derive(Default)]
pub(super) struct Slots<T> {
    rings: Vec<Vec<Chunk<T>>>,
}

/// Empty while all its slots have the default.
#[derive(Default)]
struct Chunk<T> {
    slots: Box<[T]>,
    used_count: u16,
}

impl<T: Copy + Default + PartialEq> Slots<T> {
    /// What is known of a socket.
    pub(super) fn of(&self, socket: Socket) -> T {
        let (chunk, place) = split(socket);
        let ring = self.rings.get(usize::from(socket.ring));
        let chunk = ring.and_then(|chunks| chunks.get(chunk));
        let known = chunk.and_then(|chunk| chunk.slots.get(place));
        known.copied().unwrap_or_default()
    }

    /// This is known of a socket from now on; what was known before comes back.
    pub(super) fn put(&mut self, socket: Socket, known: T) -> T {
        let (chunk, place) = split(socket);
        let ring = usize::from(socket.ring);
        let is_used = known != T::default();
        if self.rings.len() <= ring {
            self.rings.resize_with(ring + 1, Vec::new);
        }
        let chunks = &mut self.rings[ring];
        if chunks.len() <= chunk {
            chunks.resize_with(chunk + 1, || Chunk {
                slots: Box::default(),
                used_count: 0,
            });
        }
        let chunk = &mut chunks[chunk];
        if chunk.slots.is_empty() {
            if !is_used {
                return T::default();
            }
            chunk.slots = vec![T::default(); CHUNK_SLOTS].into();
        }
        let before = std::mem::replace(&mut chunk.slots[place], known);
        chunk.used_count += u16::from(is_used);
        chunk.used_count -= u16::from(before != T::default());
        if chunk.used_count == 0 {
            chunk.slots = Box::default();
        }
        before
    }

    /// Whether no chunk is there.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let mut chunks = self.rings.iter().flatten();
        chunks.all(|chunk| chunk.slots.is_empty())
    }
}

fn split(socket: Socket) -> (usize, usize) {
    let slot = socket.conn.slot as usize;
    (slot / CHUNK_SLOTS, slot % CHUNK_SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_ring::Conn;

    fn socket(ring: u8, slot: u32) -> Socket {
        let generation = 1;
        Socket {
            ring,
            conn: Conn { slot, generation },
        }
    }

    #[test]
    fn each_socket_has_what_was_last_said_of_it_and_the_others_the_default() {
        let mut slots = Slots::default();
        for (number, (ring, slot)) in [(0, 0), (0, 255), (0, 256), (3, 0), (3, 70_000)]
            .into_iter()
            .enumerate()
        {
            assert_eq!(slots.put(socket(ring, slot), number + 1), 0);
            assert_eq!(slots.of(socket(ring, slot)), number + 1);
        }
        assert_eq!(slots.put(socket(0, 255), 9), 2);
        assert_eq!(slots.of(socket(0, 0)), 1);
        for nobody in [socket(0, 1), socket(1, 0), socket(3, 70_001), socket(9, 0)] {
            assert_eq!(slots.of(nobody), 0);
        }
    }

    #[test]
    fn where_nothing_is_known_there_is_no_table() {
        let mut slots = Slots::default();
        assert_eq!(slots.put(socket(2, 5_000), 0_u32), 0);
        assert!(slots.is_empty());
        for slot in 0..600 {
            slots.put(socket(2, slot), 7);
        }
        for slot in 0..600 {
            assert!(!slots.is_empty());
            assert_eq!(slots.put(socket(2, slot), 0), 7);
        }
        assert!(slots.is_empty(), "the last one took its chunk along");
    }
}
