//! Retained messages of one client: counted by publisher over all shards, since each lives on the
//! home of its topic.
//!
//! What was on disk at the start has no publisher that could be known again: it counts for nobody.

use tributary_access::accounts::Entry;
use tributary_proto::message::Message;

use super::millis;
use crate::bound;
use crate::quota::Hit;
use crate::shard::world::World;

impl World {
    /// Whose the retained message of a topic is; asked only where it counts.
    pub(in crate::shard) fn retained_publisher(&self, topic: &str) -> Option<u64> {
        self.quota.kept()?;
        let message = self.retained.find_exact(topic);
        message.map(|message| message.publisher)
    }

    /// Whether a publisher may keep one more message, in place of one of `before`; it counts then.
    pub(in crate::shard) fn may_keep(&self, publisher: u64, before: Option<u64>) -> bool {
        let Some(kept) = self.quota.kept() else {
            return true;
        };
        if publisher == Message::NOBODY || before == Some(publisher) {
            return true;
        }
        match kept.enter(millis(self.now_tick), publisher, false) {
            Entry::Counted | Entry::Free => true,
            Entry::Unknown => {
                self.book().bounds_hit.add(bound::QUOTA, 1);
                true
            }
            Entry::TooMany | Entry::TooFast => {
                self.book().quota_hits.add(Hit::Retained.index(), 1);
                false
            }
        }
    }

    /// A message of this publisher is retained no longer, and none of `after` in its place.
    pub(in crate::shard) fn keep_no_more(&self, publisher: Option<u64>, after: Option<u64>) {
        if let (Some(kept), Some(publisher)) = (self.quota.kept(), publisher)
            && after != Some(publisher)
        {
            kept.leave(millis(self.now_tick), publisher);
        }
    }
}
