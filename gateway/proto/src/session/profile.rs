//! Options of CONNECT that a whole fleet shares: kept once per shard, two bytes per client.

use std::collections::HashMap;

/// What a client said once for its whole connection, as far as it is asked for later.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Profile {
    /// How long the session outlives its connection, in seconds; `u32::MAX` is for ever.
    pub session_expiry_secs: u32,
    /// Longest packet the client takes; `u32::MAX` when it set no limit.
    pub packet_bytes_max: u32,
    /// Messages of QoS 1 and 2 that may be in flight to it.
    pub receive_max: u16,
    /// Highest topic alias that may be used towards it.
    pub topic_alias_max: u16,
    /// Whether it wants reason strings in packets other than CONNACK and DISCONNECT.
    pub problem_information: bool,
}

/// Place of a profile in its shard's [`Profiles`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ProfileId(u16);

/// The profiles in use on one shard, each with the number of its users.
#[derive(Debug, Default)]
pub struct Profiles {
    entries: Vec<Entry>,
    free: Vec<u16>,
    by_profile: HashMap<Profile, u16>,
}

#[derive(Debug)]
struct Entry {
    profile: Profile,
    users: u32,
}

/// Profiles of one shard: what 16 bits can name.
const PROFILES_MAX: usize = 1 << 16;

impl Profiles {
    /// How many different ones are in use.
    pub fn count(&self) -> usize {
        self.by_profile.len()
    }

    /// One more user of this profile; `None` when there are too many different ones.
    pub(super) fn intern(&mut self, profile: &Profile) -> Option<ProfileId> {
        if let Some(&place) = self.by_profile.get(profile) {
            self.entries[usize::from(place)].users += 1;
            return Some(ProfileId(place));
        }
        let entry = Entry {
            profile: *profile,
            users: 1,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.entries[usize::from(place)] = entry;
                place
            }
            None if self.entries.len() == PROFILES_MAX => return None,
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u16
            }
        };
        self.by_profile.insert(*profile, place);
        Some(ProfileId(place))
    }

    /// One user less.
    pub(super) fn release(&mut self, id: ProfileId) {
        let entry = &mut self.entries[usize::from(id.0)];
        entry.users -= 1;
        if entry.users == 0 {
            self.by_profile.remove(&entry.profile);
            self.free.push(id.0);
        }
    }

    /// What this place stands for.
    pub(super) fn at(&self, id: ProfileId) -> &Profile {
        &self.entries[usize::from(id.0)].profile
    }
}

impl Profile {
    /// Of a client that said nothing of the kind.
    pub const PLAIN: Self = Self {
        session_expiry_secs: 0,
        packet_bytes_max: u32::MAX,
        receive_max: u16::MAX,
        topic_alias_max: 0,
        problem_information: true,
    };
}
