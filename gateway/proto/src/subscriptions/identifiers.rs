//! Subscription Identifiers [section 3.8.2.1.2], kept apart since few subscriptions have one.

use hashbrown::HashTable;

use super::held::Key;

/// The identifiers of all subscriptions that have one.
#[derive(Debug, Default)]
pub(super) struct Identifiers(HashTable<Identified>);

#[derive(Clone, Copy, Debug)]
struct Identified {
    key: Key,
    client: u32,
    identifier: u32,
}

impl Identified {
    fn hash(&self) -> u64 {
        hash(self.key, self.client)
    }
}

impl Identifiers {
    /// The identifier of a client's subscription to what the key names; 0 for none.
    pub(super) fn of(&self, key: Key, client: u32) -> u32 {
        let is_it = |entry: &Identified| entry.key == key && entry.client == client;
        let entry = self.0.find(hash(key, client), is_it);
        entry.map_or(0, |entry| entry.identifier)
    }

    /// Sets it; 0 takes it away.
    pub(super) fn set(&mut self, key: Key, client: u32, identifier: u32) {
        let is_it = |entry: &Identified| entry.key == key && entry.client == client;
        let hash = hash(key, client);
        match (self.0.find_entry(hash, is_it), identifier) {
            (Ok(entry), 0) => {
                entry.remove();
                if self.0.len() * 4 < self.0.capacity() {
                    self.0.shrink_to(self.0.len() * 2, Identified::hash);
                }
            }
            (Ok(mut entry), identifier) => entry.get_mut().identifier = identifier,
            (Err(_), 0) => {}
            (Err(_), identifier) => {
                let entry = Identified {
                    key,
                    client,
                    identifier,
                };
                self.0.insert_unique(hash, entry, Identified::hash);
            }
        }
    }
}

fn hash(key: Key, client: u32) -> u64 {
    // As in `spread`, for two numbers: the client fills the low bits one to one.
    let both = u64::from(key.word()).rotate_right(32) ^ u64::from(key.word()) << 7;
    (both ^ u64::from(client)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
