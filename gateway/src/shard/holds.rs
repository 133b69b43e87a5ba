//! What few gateways know of each client: tables beside the clients, for their profiles where rules
//! are and for their addresses where rules ask for those.
//!
//! Places lie in chunks, like those of the clients themselves, that go back to the allocator when
//! their last hold does: after a mass disconnect nothing is left of it.

use std::net::IpAddr;

const _: () = assert!(size_of::<Option<IpAddr>>() == crate::limits::CLIENT_ADDRESS_BYTES);

/// Holds in one chunk.
const CHUNK_HOLDS: usize = 1024;

/// What a shard's clients hold, by their places.
pub(super) struct Holds<T> {
    chunks: Vec<Chunk<T>>,
}

/// Empty while nobody in it holds one.
struct Chunk<T> {
    holds: Box<[Option<T>]>,
    held_count: usize,
}

impl<T> Default for Holds<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Default for Chunk<T> {
    fn default() -> Self {
        Self {
            holds: Box::default(),
            held_count: 0,
        }
    }
}

impl<T> Holds<T> {
    /// What the client in this place holds.
    pub(super) fn of(&self, client: u32) -> Option<&T> {
        let (chunk, place) = split(client);
        self.chunks.get(chunk)?.holds.get(place)?.as_ref()
    }

    /// The client in this place holds this from now on; what it held before comes back.
    pub(super) fn put(&mut self, client: u32, hold: T) -> Option<T> {
        let (chunk, place) = split(client);
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, Chunk::default);
        }
        let chunk = &mut self.chunks[chunk];
        if chunk.holds.is_empty() {
            chunk.holds = (0..CHUNK_HOLDS).map(|_| None).collect();
        }
        let earlier = chunk.holds[place].replace(hold);
        chunk.held_count += usize::from(earlier.is_none());
        earlier
    }

    /// The client in this place holds nothing from now on; what it held comes back.
    pub(super) fn take(&mut self, client: u32) -> Option<T> {
        let (chunk, place) = split(client);
        let chunk = self.chunks.get_mut(chunk)?;
        let hold = chunk.holds.get_mut(place)?.take()?;
        chunk.held_count -= 1;
        if chunk.held_count == 0 {
            chunk.holds = Box::default();
        }
        Some(hold)
    }
}

fn split(client: u32) -> (usize, usize) {
    let client = client as usize;
    (client / CHUNK_HOLDS, client % CHUNK_HOLDS)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tributary_access::profiles::{ProfileIndex, Profiles};
    use tributary_access::rule::Effect;
    use tributary_access::rulebook::Rulebook;
    use tributary_access::subject::{Identity, Subject};

    use super::*;

    fn profiles() -> Profiles {
        let rules = Rulebook::new(Vec::new(), Effect::Allow).expect("no rule is wrong");
        Profiles::new(Arc::new(rules), 10, 1)
    }

    fn hold(profiles: &mut Profiles) -> ProfileIndex {
        let subject = Subject {
            client: "c",
            user: None,
        };
        let (groups, claims) = (&[][..], &[][..]);
        let identity = Identity {
            subject,
            groups,
            claims,
            address: None,
        };
        profiles.admit(&identity, None).expect("there is room")
    }

    #[test]
    fn a_hold_is_its_clients_until_it_is_taken_and_chunks_without_any_take_nothing() {
        let (mut profiles, mut holds) = (profiles(), Holds::default());
        for client in [3, 5_000, 5_001] {
            assert!(holds.of(client).is_none());
            assert!(holds.put(client, hold(&mut profiles)).is_none());
            assert!(holds.of(client).is_some());
        }
        let earlier = holds.put(5_000, hold(&mut profiles));
        profiles.release(earlier.expect("it held one"));
        for client in [5_000, 5_001] {
            profiles.release(holds.take(client).expect("it holds one"));
            assert!(holds.take(client).is_none());
        }
        assert!(holds.of(3).is_some() && holds.of(5_000).is_none());
        let full: Vec<bool> = holds.chunks.iter().map(|c| !c.holds.is_empty()).collect();
        assert_eq!(full, [true, false, false, false, false]);
        profiles.release(holds.take(3).expect("it holds one"));
        assert!(profiles.is_empty(), "each hold was given back once");
    }
}
