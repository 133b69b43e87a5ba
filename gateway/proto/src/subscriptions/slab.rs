//! Things with a number: a slab in chunks, which go back to the allocator when they are empty.

/// Places in one chunk.
const CHUNK_PLACES: usize = 1024;

/// Values of one kind, each found by the number it was given.
#[derive(Debug)]
pub struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// Chunks below this one have no free place.
    roomy_from: usize,
    count: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    places: Vec<Place<T>>,
    free: u32,
    live_count: u32,
}

#[derive(Debug)]
enum Place<T> {
    Taken(T),
    Free { next: u32 },
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            roomy_from: 0,
            count: 0,
        }
    }
}

impl<T> Slab<T> {
    /// What one place takes.
    pub const PLACE_BYTES: usize = size_of::<Place<T>>();

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The value with this number.
    #[inline]
    pub fn at(&self, number: u32) -> Option<&T> {
        let (chunk, place) = split(number);
        match self.chunks.get(chunk)?.places.get(place)? {
            Place::Taken(value) => Some(value),
            Place::Free { .. } => None,
        }
    }

    /// The value with this number, to be changed.
    #[inline]
    pub fn at_mut(&mut self, number: u32) -> Option<&mut T> {
        let (chunk, place) = split(number);
        match self.chunks.get_mut(chunk)?.places.get_mut(place)? {
            Place::Taken(value) => Some(value),
            Place::Free { .. } => None,
        }
    }

    /// Keeps a value; says its number, which is lower than the most values there ever were at once.
    pub fn insert(&mut self, value: T) -> u32 {
        let chunk_index = self.chunk_with_room();
        let chunk = &mut self.chunks[chunk_index];
        let place = chunk.free as usize;
        match chunk.places.get_mut(place) {
            Some(at) => {
                if let Place::Free { next } = *at {
                    chunk.free = next;
                }
                *at = Place::Taken(value);
            }
            // The end of the free list is the next place that was never used.
            None => {
                chunk.places.push(Place::Taken(value));
                chunk.free = chunk.places.len() as u32;
            }
        }
        chunk.live_count += 1;
        self.count += 1;
        (chunk_index * CHUNK_PLACES + place) as u32
    }

    /// Lets a value go.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        self.at(number)?;
        let (chunk_index, place) = split(number);
        let chunk = &mut self.chunks[chunk_index];
        let free = Place::Free { next: chunk.free };
        let Place::Taken(value) = std::mem::replace(&mut chunk.places[place], free) else {
            unreachable!("`at` found a value here");
        };
        chunk.free = place as u32;
        chunk.live_count -= 1;
        if chunk.live_count == 0 {
            *chunk = Chunk::default();
        }
        self.roomy_from = self.roomy_from.min(chunk_index);
        self.count -= 1;
        Some(value)
    }

    fn chunk_with_room(&mut self) -> usize {
        while let Some(chunk) = self.chunks.get(self.roomy_from) {
            if (chunk.live_count as usize) < CHUNK_PLACES {
                return self.roomy_from;
            }
            self.roomy_from += 1;
        }
        self.chunks.push(Chunk::default());
        self.roomy_from
    }
}

impl<T> Default for Chunk<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: 0,
            live_count: 0,
        }
    }
}

fn split(number: u32) -> (usize, usize) {
    (
        number as usize / CHUNK_PLACES,
        number as usize % CHUNK_PLACES,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_empty_chunks_go_back() {
        let mut slab = Slab::default();
        let numbers: Vec<u32> = (0..3_000).map(|value| slab.insert(value)).collect();
        assert_eq!(numbers, (0..3_000).collect::<Vec<_>>());
        assert_eq!(slab.remove(5), Some(5));
        assert_eq!(slab.remove(5), None, "it is gone");
        assert_eq!(slab.insert(7_000), 5);
        assert_eq!(slab.at(5), Some(&7_000));
        assert_eq!(slab.at(u32::MAX), None);
        for number in numbers {
            assert!(slab.remove(number).is_some(), "{number}");
        }
        assert_eq!(slab.count(), 0);
        assert!(slab.chunks.iter().all(|chunk| chunk.places.capacity() == 0));
        assert_eq!((slab.insert(1), slab.insert(2)), (0, 1));
    }
}
