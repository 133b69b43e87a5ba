//! A slab: values by number, packed in chunks that go back to the allocator with their last value.

/// What stands at its end of a chunk's list of free places.
const NO_PLACE: u32 = u32::MAX;

/// Values of one kind, `PLACES` to a chunk.
pub(super) struct Slab<T, const PLACES: usize> {
    chunks: Vec<Chunk<T>>,
    /// Chunks below this one have no free place.
    roomy_from: usize,
}

/// Empty while nothing lives in it.
struct Chunk<T> {
    places: Vec<Place<T>>,
    /// The first of the places that had somebody and have nobody.
    free: u32,
    live_count: u32,
}

/// Where a value is or was.
#[derive(Debug)]
pub(super) enum Place<T> {
    Value(T),
    Free { next: u32 },
}

impl<T, const PLACES: usize> Default for Slab<T, PLACES> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            roomy_from: 0,
        }
    }
}

impl<T, const PLACES: usize> Slab<T, PLACES> {
    /// Keeps a value; says by which number.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let is_full = |chunk: &Chunk<T>| chunk.live_count as usize == PLACES;
        while self.chunks.get(self.roomy_from).is_some_and(is_full) {
            self.roomy_from += 1;
        }
        if self.roomy_from == self.chunks.len() {
            self.chunks.push(Chunk::empty());
        }
        let place = self.chunks[self.roomy_from].insert(value, PLACES);
        (self.roomy_from * PLACES) as u32 + place
    }

    /// The value with this number.
    pub(super) fn at(&mut self, number: u32) -> Option<&mut T> {
        let (chunk, place) = split::<PLACES>(number);
        match self.chunks.get_mut(chunk)?.places.get_mut(place)? {
            Place::Value(value) => Some(value),
            Place::Free { .. } => None,
        }
    }

    /// Lets a value go; its number may be another's from now on.
    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        self.at(number)?;
        let (index, place) = split::<PLACES>(number);
        let chunk = self.chunks.get_mut(index)?;
        let next = std::mem::replace(&mut chunk.free, place as u32);
        let value = match std::mem::replace(&mut chunk.places[place], Place::Free { next }) {
            Place::Value(value) => Some(value),
            Place::Free { .. } => None,
        };
        chunk.live_count -= 1;
        if chunk.live_count == 0 {
            *chunk = Chunk::empty();
        }
        self.roomy_from = self.roomy_from.min(index);
        value
    }

    /// Whether no chunk is there.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.iter().all(|chunk| chunk.places.is_empty())
    }
}

impl<T> Chunk<T> {
    fn empty() -> Self {
        Self {
            places: Vec::new(),
            free: NO_PLACE,
            live_count: 0,
        }
    }

    fn insert(&mut self, value: T, places_max: usize) -> u32 {
        self.live_count += 1;
        if let Some(place) = self.places.get_mut(self.free as usize)
            && let Place::Free { next } = place
        {
            let (found, next) = (self.free, *next);
            *place = Place::Value(value);
            self.free = next;
            return found;
        }
        self.places.reserve_exact(places_max - self.places.len());
        self.places.push(Place::Value(value));
        self.places.len() as u32 - 1
    }
}

fn split<const PLACES: usize>(number: u32) -> (usize, usize) {
    (number as usize / PLACES, number as usize % PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_number_until_it_goes() {
        let mut slab: Slab<u64, 4> = Slab::default();
        let numbers: Vec<u32> = (0..10).map(|value| slab.insert(value)).collect();
        assert_eq!(numbers, Vec::from_iter(0..10));
        assert_eq!(slab.remove(5), Some(5));
        assert_eq!(slab.at(5), None);
        assert_eq!(slab.remove(5), None);
        assert_eq!(slab.at(77), None);
        assert_eq!(slab.remove(6), Some(6));
        // The places that are free first go first, the last one of a chunk before the others.
        assert_eq!(
            [slab.insert(60), slab.insert(50), slab.insert(100)],
            [6, 5, 10]
        );
        assert_eq!(slab.at(5), Some(&mut 50));
        assert_eq!(slab.at(6), Some(&mut 60));
    }

    #[test]
    fn chunks_go_with_their_last_value_and_come_again() {
        let mut slab: Slab<String, 4> = Slab::default();
        for round in 0..3 {
            let numbers: Vec<u32> = (0..9).map(|value| slab.insert(value.to_string())).collect();
            assert_eq!(numbers, Vec::from_iter(0..9), "round {round}");
            numbers.iter().for_each(|number| {
                assert_eq!(slab.remove(*number), Some(number.to_string()));
            });
            assert!(slab.is_empty());
        }
    }

    #[test]
    fn against_a_map_of_random_comings_and_goings() {
        let mut slab: Slab<u32, 8> = Slab::default();
        let mut model = std::collections::BTreeMap::new();
        let mut draw = 7_u32;
        for step in 0..20_000 {
            draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match (draw >> 16) % 5 {
                0..3 if model.len() < 300 => {
                    assert_eq!(model.insert(slab.insert(step), step), None);
                }
                _ => {
                    let number = (draw >> 8) % 400;
                    assert_eq!(slab.remove(number), model.remove(&number));
                }
            }
        }
        assert!(
            model
                .iter()
                .all(|(number, value)| slab.at(*number) == Some(&mut value.clone()))
        );
    }
}
