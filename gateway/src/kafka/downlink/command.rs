//! A record on its way to a device, and the way back for what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_queue::SegQueue;
use tributary_proto::message::Message;

/// A record for a device, or for everyone who subscribes.
#[derive(Clone, Debug)]
pub struct Command {
    /// The client id; `None` for everyone.
    pub device: Option<Arc<str>>,
    /// What it gets.
    pub message: Arc<Message>,
    /// There is nothing to get, or nothing more: earlier ones with this topic are void.
    pub is_tombstone: bool,
    pub terms: Arc<TrayTerms>,
    pub origin: Origin,
}

/// How commands wait for their device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrayTerms {
    /// Tells the rules of all downlinks apart.
    pub rule: u16,
    /// Commands of this rule that wait for one device.
    pub waiting_max: usize,
    /// The one that comes goes, not the one that waits longest.
    pub drops_newest: bool,
    /// Of those with one topic only the newest counts.
    pub latest: bool,
    /// Other gateways hand off records of this rule as well.
    pub several: bool,
}

/// Where a command was read, and where its fate is told: exactly once, or once by each shard when
/// it is for everyone.
#[derive(Clone, Debug)]
pub struct Origin {
    pub(super) post: Arc<Post>,
    /// Which partition, as the reader counts them.
    pub(super) partition: u32,
    /// Which record of it, as the ledger counts them.
    pub(super) number: u64,
}

/// What shards tell a reader; bounded by the records that are open there.
#[derive(Debug, Default)]
pub(super) struct Post {
    pub(super) fates: SegQueue<(u32, u64, Fate)>,
    /// How often a shard has asked to be told once everything there is now was read.
    pub(super) asked: AtomicU64,
}

/// Names a reader, and asks it.
#[derive(Clone, Debug)]
pub struct Desk(Arc<Post>);

/// A reader has left with the shards everything that was in Kafka when this question was asked.
#[derive(Clone, Debug)]
pub struct CaughtUp {
    pub desk: Desk,
    /// The number of the question; it answers all earlier ones as well.
    pub asked: u64,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The device has it.
    HandedOff,
    /// Another gateway has told that it is done with it.
    Elsewhere,
    /// It will not get it from this gateway.
    Dropped(Dropped),
}

/// Why a record did not go to its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Dropped {
    /// It names no device or no topic that there can be.
    Unaddressable,
    /// Larger than the device takes, or than any may be.
    TooLarge,
    /// Its time was over.
    Expired,
    /// Too many waited for the device.
    Queue,
    /// A newer one with the same topic came.
    Superseded,
    /// It says that earlier ones with its topic are void, and has done so.
    Tombstone,
    /// Too many records of its partition were behind it.
    Window,
    /// The device answered with a failure.
    Refused,
}

/// A command that a shard need not keep: its reader has given it up.
#[derive(Debug)]
pub struct Withdrawal {
    pub device: Arc<str>,
    pub origin: Origin,
}

/// Takes commands to the shards.
pub trait CommandSink: Send + Sync {
    fn shards(&self) -> usize;
    /// The shard that a device lives on.
    fn home(&self, device: &str) -> usize;
    /// Whether a command of this size may be left there now.
    fn has_room(&self, shard: usize, bytes: usize) -> bool;
    fn leave(&self, shard: usize, command: Command);
    fn withdraw(&self, shard: usize, withdrawal: Withdrawal);
    fn tell_caught_up(&self, shard: usize, caught_up: CaughtUp);
}

impl Desk {
    /// Asks to be told once everything that is in Kafka now was left with the shards; gives the
    /// number of the question.
    pub fn ask(&self) -> u64 {
        self.0.asked.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Whether both name the same reader.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl CaughtUp {
    pub(super) fn new(post: &Arc<Post>, asked: u64) -> Self {
        Self {
            desk: Desk(Arc::clone(post)),
            asked,
        }
    }
}

impl Fate {
    /// Whether the others cannot know of it by themselves, and must not wait any longer.
    ///
    /// What the rule or a newer record decides is decided the same way everywhere. A bound that is
    /// reached (`queue`, `window`) is one gateway's own.
    pub(super) fn is_announced(self) -> bool {
        match self {
            Self::HandedOff | Self::Dropped(Dropped::TooLarge | Dropped::Refused) => true,
            Self::Elsewhere | Self::Dropped(_) => false,
        }
    }
}

impl Origin {
    /// Tells what became of the command.
    pub fn tell(&self, fate: Fate) {
        self.post.fates.push((self.partition, self.number, fate));
    }

    /// The reader that it comes from.
    pub fn desk(&self) -> Desk {
        Desk(Arc::clone(&self.post))
    }

    /// Whether both name the same record.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.post, &other.post)
            && (self.partition, self.number) == (other.partition, other.number)
    }

    /// The partition as a number, to share the work for everyone out among the shards.
    pub fn partition(&self) -> usize {
        self.partition as usize
    }

    /// An origin that tells the returned box.
    #[cfg(test)]
    pub(crate) fn for_test(number: u64) -> (Self, FatesForTest) {
        let post = Arc::new(Post::default());
        let origin = Self {
            post: Arc::clone(&post),
            partition: 0,
            number,
        };
        (origin, FatesForTest(post))
    }

    /// The next record of the same partition.
    #[cfg(test)]
    pub(crate) fn after_for_test(&self, more: u64) -> Self {
        Self {
            number: self.number + more,
            ..self.clone()
        }
    }
}

/// Reads what was told to the origins of a test.
#[cfg(test)]
pub(crate) struct FatesForTest(Arc<Post>);

#[cfg(test)]
impl FatesForTest {
    /// What was told since the last look, by number.
    pub(crate) fn take(&self) -> Vec<(u64, Fate)> {
        let told = std::iter::from_fn(|| self.0.fates.pop());
        told.map(|(_, number, fate)| (number, fate)).collect()
    }
}

impl Dropped {
    /// One name per reason, in the order of the variants: metric labels.
    pub const NAMES: [&'static str; 8] = [
        "unaddressable",
        "too_large",
        "expired",
        "queue",
        "superseded",
        "tombstone",
        "window",
        "refused",
    ];

    /// Place of this reason in [`Dropped::NAMES`].
    pub fn index(self) -> usize {
        self as usize
    }

    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

impl Command {
    /// What it counts against a bound on bytes.
    pub fn bytes(&self) -> usize {
        let device = self.device.as_deref().map_or(0, str::len);
        size_of::<Self>() + device + self.message.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_cannot_know_and_cannot_do_better_is_announced() {
        let is_dropped_aloud = |why| Fate::Dropped(why).is_announced();
        assert!(Fate::HandedOff.is_announced());
        assert!([Dropped::TooLarge, Dropped::Refused].map(is_dropped_aloud) == [true; 2]);
        let alone = [Dropped::Queue, Dropped::Window];
        assert!(!alone.into_iter().any(is_dropped_aloud));
        let everywhere = [
            Dropped::Unaddressable,
            Dropped::Expired,
            Dropped::Superseded,
            Dropped::Tombstone,
        ];
        assert!(!everywhere.into_iter().any(is_dropped_aloud));
        assert!(!Fate::Elsewhere.is_announced(), "it was already");
    }
}
