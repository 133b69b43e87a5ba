//! Sparse tables: something about few of many, by the number of a client's place or by a socket.
//!
//! Places lie in chunks, like those of the clients themselves, that go back to the allocator when
//! their last value does: after a mass disconnect nothing is left of it, and those of whom nothing
//! is to be known cost nothing, however many they are.

use super::world::Socket;

/// Places in one chunk.
const CHUNK_PLACES: usize = 256;

/// Values by number.
pub(super) struct Sparse<T> {
    chunks: Vec<Chunk<T>>,
}

/// Empty while no value is in it.
struct Chunk<T> {
    places: Box<[Option<T>]>,
    value_count: usize,
}

/// Values by ring and slot; where none was put there is the default.
pub(super) struct BySocket<T> {
    rings: Vec<Sparse<T>>,
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Default for Chunk<T> {
    fn default() -> Self {
        Self {
            places: Box::default(),
            value_count: 0,
        }
    }
}

impl<T> Default for BySocket<T> {
    fn default() -> Self {
        Self { rings: Vec::new() }
    }
}

impl<T> Sparse<T> {
    /// The value with this number.
    pub(super) fn of(&self, number: u32) -> Option<&T> {
        let (chunk, place) = split(number);
        self.chunks.get(chunk)?.places.get(place)?.as_ref()
    }

    /// This is the value with this number from now on; what was it before comes back.
    pub(super) fn put(&mut self, number: u32, value: T) -> Option<T> {
        let (chunk, place) = split(number);
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, Chunk::default);
        }
        let chunk = &mut self.chunks[chunk];
        if chunk.places.is_empty() {
            chunk.places = (0..CHUNK_PLACES).map(|_| None).collect();
        }
        let earlier = chunk.places[place].replace(value);
        chunk.value_count += usize::from(earlier.is_none());
        earlier
    }

    /// There is no value with this number from now on; what was it comes back.
    pub(super) fn take(&mut self, number: u32) -> Option<T> {
        let (chunk, place) = split(number);
        let chunk = self.chunks.get_mut(chunk)?;
        let value = chunk.places.get_mut(place)?.take()?;
        chunk.value_count -= 1;
        if chunk.value_count == 0 {
            chunk.places = Box::default();
        }
        Some(value)
    }

    /// Whether no chunk is there.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.chunks.iter().all(|chunk| chunk.places.is_empty())
    }
}

impl<T: Copy + Default + PartialEq> BySocket<T> {
    /// What is known of a socket.
    pub(super) fn of(&self, socket: Socket) -> T {
        let ring = self.rings.get(usize::from(socket.ring));
        let known = ring.and_then(|ring| ring.of(socket.conn.slot));
        known.copied().unwrap_or_default()
    }

    /// This is known of a socket from now on; what was known before comes back.
    pub(super) fn put(&mut self, socket: Socket, known: T) -> T {
        let ring = usize::from(socket.ring);
        if self.rings.len() <= ring {
            self.rings.resize_with(ring + 1, Sparse::default);
        }
        let ring = &mut self.rings[ring];
        let before = match known == T::default() {
            true => ring.take(socket.conn.slot),
            false => ring.put(socket.conn.slot, known),
        };
        before.unwrap_or_default()
    }

    /// Whether no chunk is there.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.rings.iter().all(Sparse::is_empty)
    }
}

fn split(number: u32) -> (usize, usize) {
    let number = number as usize;
    (number / CHUNK_PLACES, number % CHUNK_PLACES)
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
    fn a_value_stays_until_it_is_taken_and_chunks_without_any_take_nothing() {
        let mut sparse = Sparse::default();
        for number in [3, 1_000, 1_001] {
            assert_eq!(sparse.of(number), None);
            assert_eq!(sparse.put(number, number.to_string()), None);
            assert_eq!(sparse.of(number), Some(&number.to_string()));
        }
        assert_eq!(sparse.put(1_000, String::new()), Some("1000".into()));
        for value in ["", "1001"].into_iter().zip(1_000..) {
            assert_eq!(sparse.take(value.1), Some(value.0.into()));
            assert_eq!(sparse.take(value.1), None);
        }
        assert_eq!(sparse.of(3), Some(&"3".into()));
        let full: Vec<bool> = sparse.chunks.iter().map(|c| !c.places.is_empty()).collect();
        assert_eq!(full, [true, false, false, false]);
        assert!(sparse.take(3).is_some() && sparse.is_empty());
    }

    #[test]
    fn each_socket_has_what_was_last_said_of_it_and_the_others_the_default() {
        let mut known = BySocket::default();
        let sockets = [(0, 0), (0, 255), (0, 256), (3, 0), (3, 70_000)];
        for (number, (ring, slot)) in (1..).zip(sockets) {
            assert_eq!(known.put(socket(ring, slot), number), 0);
            assert_eq!(known.of(socket(ring, slot)), number);
        }
        assert_eq!(known.put(socket(0, 255), 9), 2);
        assert_eq!(known.of(socket(0, 0)), 1);
        for nobody in [socket(0, 1), socket(1, 0), socket(3, 70_001), socket(9, 0)] {
            assert_eq!(known.of(nobody), 0);
        }
    }

    #[test]
    fn where_only_the_default_was_said_there_is_no_table() {
        let mut known = BySocket::default();
        assert_eq!(known.put(socket(2, 5_000), 0_u32), 0);
        assert!(known.is_empty());
        for slot in 0..600 {
            known.put(socket(2, slot), 7);
        }
        for slot in 0..600 {
            assert!(!known.is_empty());
            assert_eq!(known.put(socket(2, slot), 0), 7);
        }
        assert!(known.is_empty(), "the last one took its chunk along");
    }
}
