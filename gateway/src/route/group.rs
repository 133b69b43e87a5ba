//! Which cluster of a group has a record: weighted rendezvous hashing, alike in every gateway.
//!
//! ```text
//! name   FNV-1a of the cluster's name
//! key    FNV-1a of the Kafka topic; by client: of the Kafka topic, a zero byte, the client id
//! word   mix(key ^ mix(name))
//! score  -ln((upper 52 bits of word + 1/2) / 2^52) / weight
//! ```
//!
//! The cluster with the lowest score has the record; of two alike, the one whose name sorts first.
//! A score hangs on nothing but the key and its own cluster, so that a cluster more takes its share
//! from each of the others and moves nothing between them. Whether a cluster is up has no say: a
//! record that went elsewhere meanwhile could be read before those that waited.

use super::hash::{Fnv, minus_ln, mix};
use super::template::{Context, Template};

/// Names a lane: the index of its cluster in [`super::RouteTable::clusters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneIndex(pub u8);

/// What stands together in one cluster of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// A whole Kafka topic.
    Topic,
    /// What one client publishes to one Kafka topic.
    #[default]
    Client,
}

/// A group as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    pub name: String,
    /// At least one: the name of each cluster, once, and its weight, at least 1.
    pub clusters: Vec<(String, u32)>,
    pub by: GroupBy,
}

#[cfg(test)]
impl GroupRule {
    /// A group with these clusters and weights.
    pub(crate) fn for_test(by: GroupBy, clusters: &[(&str, u32)]) -> GroupRule {
        let clusters = clusters.iter();
        GroupRule {
            name: "fleet".into(),
            clusters: clusters
                .map(|(name, weight)| ((*name).into(), *weight))
                .collect(),
            by,
        }
    }
}

/// A group with the lanes of its clusters.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// By name.
    members: Box<[Member]>,
    by: GroupBy,
    /// The hash of the rule's Kafka topic, where that is the same for every record.
    topic: Option<Fnv>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    name: u64,
    weight: f64,
    lane: LaneIndex,
}

impl Group {
    /// The group for a rule with this Kafka topic; `lane_of` knows the lane of each cluster, or has
    /// said why there is none. Nothing, when one has no lane or there is no cluster.
    pub(super) fn compile(
        rule: &GroupRule,
        topic: &Template,
        mut lane_of: impl FnMut(&str) -> Option<LaneIndex>,
    ) -> Option<Group> {
        let mut clusters: Vec<&(String, u32)> = rule.clusters.iter().collect();
        clusters.sort();
        let member = |(name, weight): &(String, u32)| {
            Some(Member {
                name: mix(Fnv::EMPTY.fed(name.as_bytes()).word()),
                weight: f64::from(*weight),
                lane: lane_of(name)?,
            })
        };
        let members: Option<Box<[Member]>> = clusters.into_iter().map(member).collect();
        let literal = topic.literal();
        Some(Group {
            members: members.filter(|members| !members.is_empty())?,
            by: rule.by,
            topic: literal.map(|name| Fnv::EMPTY.fed(name.as_bytes())),
        })
    }

    /// The lane of one record. It allocates nothing; examples/group.rs says what it costs.
    pub(super) fn lane(&self, topic: &Template, context: &Context<'_>) -> LaneIndex {
        let topic = self
            .topic
            .unwrap_or_else(|| topic.hash(context, Fnv::EMPTY));
        let key = match self.by {
            GroupBy::Topic => topic,
            // No Kafka topic has a zero byte: no other pair of texts makes the same key.
            GroupBy::Client => topic.fed(&[0]).fed(context.client_id.as_bytes()),
        };
        self.pick(key.word())
    }

    /// The lane of every record, where it is the same for all.
    pub(super) fn only_lane(&self) -> Option<LaneIndex> {
        match (&*self.members, self.by, self.topic) {
            ([only], ..) => Some(only.lane),
            (_, GroupBy::Topic, Some(topic)) => Some(self.pick(topic.word())),
            _ => None,
        }
    }

    /// Whether some record may take this lane.
    pub(super) fn has(&self, lane: LaneIndex) -> bool {
        self.members.iter().any(|member| member.lane == lane)
    }

    fn pick(&self, key: u64) -> LaneIndex {
        let (mut lowest, mut lane) = (f64::INFINITY, self.members[0].lane);
        for member in &self.members {
            let score = minus_ln(mix(key ^ member.name)) / member.weight;
            if score < lowest {
                (lowest, lane) = (score, member.lane);
            }
        }
        lane
    }
}

#[cfg(test)]
mod tests;
