//! One step of a search: walk where topics match, jump where they cannot.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::collections::btree_set::Range;
use std::ops::Bound;
use std::sync::Arc;

use super::order::{ByTopic, Probe, Topic, compare};
use crate::message::Message;

/// Where a search goes on: everything before this place was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The first topic, or the place of one, that was not looked at yet.
    place: Box<[u8]>,
}

impl Cursor {
    /// Whether nothing was looked at yet.
    pub fn is_beginning(&self) -> bool {
        self.place.is_empty()
    }
}

/// Topics walked over before a jump: one jump costs as much as some of these, and what can match is
/// often near.
const WALK_STEPS: usize = 8;
/// What a jump counts against the budget.
const JUMP_STEPS: usize = 4;

type Ahead<'a> = Range<'a, ByTopic>;

/// See [`super::Retained::find`].
pub(super) fn find(
    topics: &BTreeSet<ByTopic>,
    filter: &str,
    from: &Cursor,
    budget_steps: usize,
    now_sec: u32,
    out: &mut Vec<Arc<Message>>,
) -> Option<Cursor> {
    let levels: Vec<&[u8]> = filter.split('/').map(str::as_bytes).collect();
    let mut ahead = if from.is_beginning() {
        jump(topics, &least(Vec::new(), &levels))
    } else {
        jump(topics, &from.place)
    };
    // At least one topic per call, so that every search ends.
    let mut left = budget_steps.max(1);
    while let Some(ByTopic(entry)) = ahead.next() {
        if left == 0 {
            let place = entry.topic().into();
            return Some(Cursor { place });
        }
        left -= 1;
        match stand(&levels, entry.topic()) {
            Stand::Match if entry.is_expired(now_sec) => {}
            Stand::Match => out.push(entry.message()),
            Stand::Before(place) => ahead = advance(topics, ahead, &place, &mut left),
            Stand::Behind => return None,
        }
    }
    None
}

fn jump<'a>(topics: &'a BTreeSet<ByTopic>, place: &[u8]) -> Ahead<'a> {
    let probe = Probe(place);
    topics.range::<dyn Topic, _>((Bound::Included(&probe as &dyn Topic), Bound::Unbounded))
}

/// Goes on to the first topic at `place` or behind it.
fn advance<'a>(
    topics: &'a BTreeSet<ByTopic>,
    mut ahead: Ahead<'a>,
    place: &[u8],
    left: &mut usize,
) -> Ahead<'a> {
    for _ in 0..WALK_STEPS {
        let here = ahead.clone();
        match ahead.next() {
            Some(ByTopic(entry)) if compare(entry.topic(), place).is_lt() => {
                *left = left.saturating_sub(1);
            }
            _ => return here,
        }
    }
    *left = left.saturating_sub(JUMP_STEPS);
    jump(topics, place)
}

/// How a topic stands to the levels of a filter.
enum Stand {
    Match,
    /// It does not match, and nothing does until this place.
    Before(Vec<u8>),
    /// Neither it nor anything behind it matches.
    Behind,
}

/// Holds one level against the other until two differ. There the next match is found by lifting the
/// topic, as one lifts a number: at the level that is too low, or else at the last `+` before it.
fn stand(levels: &[&[u8]], topic: &[u8]) -> Stand {
    // Where the level of the last `+` ends, and the index of the filter's level behind it.
    let mut lift = None;
    let beyond = |lift: Option<(usize, usize)>| match lift {
        None => Stand::Behind,
        // Nothing comes between a level and the same one with the lowest character added.
        Some((end, next)) => {
            let lifted = [&topic[..end], b"\x01/"].concat();
            Stand::Before(least(lifted, &levels[next..]))
        }
    };
    let mut begin = 0;
    for (index, wanted) in levels.iter().enumerate() {
        let is_wild = is_single(wanted) || is_rest(wanted);
        // [MQTT-4.7.2-1]; "%" is the first character behind "$".
        if index == 0 && is_wild && topic.starts_with(b"$") {
            return Stand::Before(least(b"%/".into(), &levels[1..]));
        }
        if is_rest(wanted) {
            return Stand::Match;
        }
        if begin > topic.len() {
            return Stand::Before(least([topic, b"/"].concat(), &levels[index..]));
        }
        let end = level_end(topic, begin);
        let level = &topic[begin..end];
        if is_wild {
            lift = Some((end, index + 1));
        } else {
            match level.cmp(wanted) {
                Ordering::Equal => {}
                Ordering::Less => {
                    return Stand::Before(least(topic[..begin].into(), &levels[index..]));
                }
                Ordering::Greater => return beyond(lift),
            }
        }
        begin = end + 1;
    }
    if begin > topic.len() {
        Stand::Match
    } else {
        beyond(lift)
    }
}

/// The first place where a topic can stand whose first levels are `place`, which ends with `/` or
/// is empty, and whose others match these levels.
fn least(mut place: Vec<u8>, levels: &[&[u8]]) -> Vec<u8> {
    for level in levels.iter().take_while(|level| !is_rest(level)) {
        if !is_single(level) {
            place.extend_from_slice(level);
        }
        place.push(b'/');
    }
    // The last `/` has no level behind it; `a/#` matches `a` too [section 4.7.1.2].
    place.pop();
    place
}

fn level_end(topic: &[u8], begin: usize) -> usize {
    memchr::memchr(b'/', &topic[begin..]).map_or(topic.len(), |length| begin + length)
}

/// Whether a level of a filter stands for any one level.
fn is_single(level: &[u8]) -> bool {
    level == b"+"
}

/// Whether a level of a filter stands for all that follows, the parent included.
fn is_rest(level: &[u8]) -> bool {
    level == b"#"
}
