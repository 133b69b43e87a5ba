//! The clients of one shard: a slab indexed by u32, and an index by client id.
//!
//! Places live in chunks that go back to the allocator when their last client leaves, so that a
//! mass disconnect gives its memory back. A place's generation outlives its client: a delivery
//! report for someone who is gone misses the newcomer.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::client::Client;
use crate::limits::CLIENTS_PER_SHARD_MAX;

/// Clients in one chunk.
const CHUNK_CLIENTS: usize = 1024;
const NO_PLACE: u32 = u32::MAX;

/// Where a client is, and which life of that place is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClientRef {
    /// Place in the slab.
    pub index: u32,
    /// Life of the place.
    pub generation: u16,
}

/// All clients of a shard.
pub(super) struct Clients {
    chunks: Vec<Chunk>,
    /// Chunks below this one have no free place.
    roomy_from: usize,
    by_id: HashTable<u32>,
    hasher: RandomState,
}

#[derive(Default)]
struct Chunk {
    places: Vec<Place>,
    free: u32,
    live_count: u32,
    /// Where generations start in this chunk's next life.
    generation_base: u16,
}

enum Place {
    Client(Client),
    Free {
        next: u32,
        /// Which life of the place begins with its next client.
        generation: u16,
    },
}

// The free places hide in a niche of the client's own fields.
const _: () = assert!(size_of::<Place>() == size_of::<Client>());

impl Clients {
    /// An empty slab; `hasher` is shared by all shards, since it also finds a client's home.
    pub(super) fn new(hasher: RandomState) -> Self {
        Self {
            chunks: Vec::new(),
            roomy_from: 0,
            by_id: HashTable::new(),
            hasher,
        }
    }

    /// The hash of a client id: its home, and its place in the index.
    pub(super) fn hash(&self, id: &str) -> u64 {
        self.hasher.hash_one(id)
    }

    /// How many clients there are, connected or not.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The client at `index`, if one is there.
    pub(super) fn at(&mut self, index: u32) -> Option<&mut Client> {
        let (chunk, place) = split(index);
        match self.chunks.get_mut(chunk)?.places.get_mut(place)? {
            Place::Client(client) => Some(client),
            Place::Free { .. } => None,
        }
    }

    /// The client at `index`, to look at.
    pub(super) fn look(&self, index: u32) -> Option<&Client> {
        let (chunk, place) = split(index);
        match self.chunks.get(chunk)?.places.get(place)? {
            Place::Client(client) => Some(client),
            Place::Free { .. } => None,
        }
    }

    /// The client meant by `at`, unless it is gone.
    pub(super) fn find(&mut self, at: ClientRef) -> Option<&mut Client> {
        self.at(at.index)
            .filter(|client| client.generation == at.generation)
    }

    /// The current life of the place at `index`; anything when no client is there.
    pub(super) fn generation(&self, index: u32) -> u16 {
        let (chunk, place) = split(index);
        let place = self
            .chunks
            .get(chunk)
            .and_then(|chunk| chunk.places.get(place));
        place.map_or(0, Place::generation)
    }

    /// The place of the client with this id.
    pub(super) fn by_id(&self, id: &str) -> Option<u32> {
        let chunks = &self.chunks;
        self.by_id
            .find(self.hash(id), |index| id_at(chunks, *index) == id)
            .copied()
    }

    /// Takes a client in; its id must not be here yet. It comes back when the shard is full.
    pub(super) fn insert(&mut self, mut client: Client) -> Result<ClientRef, Client> {
        let Some(chunk_index) = self.chunk_with_room() else {
            return Err(client);
        };
        let hash = self.hash(&client.id);
        let chunk = &mut self.chunks[chunk_index];
        let place = chunk.free as usize;
        let Place::Free { next, generation } = chunk.places[place] else {
            unreachable!("the free list of a chunk leads to free places only");
        };
        chunk.free = next;
        chunk.live_count += 1;
        client.generation = generation;
        chunk.places[place] = Place::Client(client);
        let index = (chunk_index * CHUNK_CLIENTS + place) as u32;
        let (chunks, hasher) = (&self.chunks, &self.hasher);
        self.by_id
            .insert_unique(hash, index, |index| hasher.hash_one(id_at(chunks, *index)));
        Ok(ClientRef { index, generation })
    }

    /// Lets a client go.
    pub(super) fn remove(&mut self, index: u32) -> Option<Client> {
        self.at(index)?;
        let hash = self.hash(id_at(&self.chunks, index));
        if let Ok(entry) = self.by_id.find_entry(hash, |other| *other == index) {
            entry.remove();
        }
        let (chunk_index, place_index) = split(index);
        let chunk = self.chunks.get_mut(chunk_index)?;
        let place = &mut chunk.places[place_index];
        let generation = place.generation().wrapping_add(1);
        let free = Place::Free {
            next: chunk.free,
            generation,
        };
        let Place::Client(client) = std::mem::replace(place, free) else {
            unreachable!("`at` found a client here");
        };
        chunk.free = place_index as u32;
        chunk.live_count -= 1;
        if chunk.live_count == 0 {
            chunk.give_back();
        }
        self.roomy_from = self.roomy_from.min(chunk_index);
        if self.by_id.len() * 4 < self.by_id.capacity() {
            let (chunks, hasher) = (&self.chunks, &self.hasher);
            self.by_id.shrink_to(self.by_id.len() * 2, |index| {
                hasher.hash_one(id_at(chunks, *index))
            });
        }
        Some(client)
    }

    /// The places of up to `count` clients from place `from` on, and where to go on from.
    pub(super) fn some_from(&self, from: u32, count: usize) -> (Vec<u32>, Option<u32>) {
        self.some_within(from, count, usize::MAX)
    }

    /// The same, looking at so many places at most, with clients in them or not.
    pub(super) fn some_within(
        &self,
        from: u32,
        count: usize,
        mut places: usize,
    ) -> (Vec<u32>, Option<u32>) {
        let mut found = Vec::new();
        let (first_chunk, mut first_place) = split(from);
        for (chunk_index, chunk) in self.chunks.iter().enumerate().skip(first_chunk) {
            for (place, at) in chunk.places.iter().enumerate().skip(first_place) {
                let index = (chunk_index * CHUNK_CLIENTS + place) as u32;
                if found.len() == count || places == 0 {
                    return (found, Some(index));
                }
                places -= 1;
                if matches!(at, Place::Client(_)) {
                    found.push(index);
                }
            }
            first_place = 0;
        }
        (found, None)
    }

    fn chunk_with_room(&mut self) -> Option<usize> {
        while let Some(chunk) = self.chunks.get(self.roomy_from) {
            if (chunk.live_count as usize) < CHUNK_CLIENTS {
                break;
            }
            self.roomy_from += 1;
        }
        // The last chunk is never used: the ticket of a message that waits for Kafka before its
        // subscribers get it names a place there.
        if (self.roomy_from + 1) * CHUNK_CLIENTS >= CLIENTS_PER_SHARD_MAX {
            return None;
        }
        if self.roomy_from == self.chunks.len() {
            self.chunks.push(Chunk::default());
        }
        self.chunks[self.roomy_from].furnish();
        Some(self.roomy_from)
    }
}

impl Chunk {
    /// Lays out the places of a chunk that has none.
    fn furnish(&mut self) {
        if !self.places.is_empty() {
            return;
        }
        self.places.reserve_exact(CHUNK_CLIENTS);
        let last = CHUNK_CLIENTS as u32 - 1;
        let generation = self.generation_base;
        self.places.extend((0..=last).map(|place| Place::Free {
            next: if place == last { NO_PLACE } else { place + 1 },
            generation,
        }));
        self.free = 0;
    }

    /// Gives the places of a chunk without clients back; later lives start above all earlier ones.
    fn give_back(&mut self) {
        let base = self.generation_base;
        let furthest = self
            .places
            .iter()
            .map(|place| place.generation().wrapping_sub(base))
            .max();
        self.generation_base = base.wrapping_add(furthest.unwrap_or(0)).wrapping_add(1);
        self.places = Vec::new();
    }
}

impl Place {
    fn generation(&self) -> u16 {
        match self {
            Self::Client(client) => client.generation,
            Self::Free { generation, .. } => *generation,
        }
    }
}

fn split(index: u32) -> (usize, usize) {
    (
        index as usize / CHUNK_CLIENTS,
        index as usize % CHUNK_CLIENTS,
    )
}

fn id_at(chunks: &[Chunk], index: u32) -> &str {
    let (chunk, place) = split(index);
    match &chunks[chunk].places[place] {
        Place::Client(client) => &client.id,
        Place::Free { .. } => unreachable!("the index by id names clients only"),
    }
}

#[cfg(test)]
mod tests;
