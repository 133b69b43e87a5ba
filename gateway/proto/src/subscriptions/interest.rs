//! What a shard begins or ceases to want of the other shards' publishes.

use super::pattern::Pattern;

/// A shard's subscriptions changed in a way that the others must know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InterestChange {
    /// The first subscriber of a topic came, or the last one went.
    Exact {
        /// The hash of the topic by the hasher that all shards share.
        hash: u64,
        /// Whether it came.
        wanted: bool,
    },
    /// The first subscriber of a filter with wildcards, or of a template, came, or the last went.
    Pattern {
        /// Which one.
        pattern: Pattern,
        /// Whether it came.
        wanted: bool,
    },
    /// A group has so many members here now; told when it differs enough from what was told.
    Group {
        /// `$share/{name}/{filter}`, which is what makes a group one [section 4.8.2].
        key: Box<str>,
        /// None: it is no more.
        members: u32,
    },
}
