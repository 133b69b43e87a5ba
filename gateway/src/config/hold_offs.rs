//! Hold-offs: how long those are turned away who come too often, or are wrong too often, and from
//! when on.

use std::time::Duration;

use tributary_access::holdoffs::Terms;
use tributary_access::rate::Rate;

use super::section::Section;
use crate::limits::{
    FAILURE_FORGIVE_SECS, FAILURE_HOLD_OFF_SECS, FAILURE_HOLD_OFF_SECS_MAX, FAILURES_PER_MIN,
};

const DAY_SECS: u64 = 24 * 3_600;
const EVENTS_MAX: u64 = 1_000_000;

/// `[quota.flapping]`: client ids that come over and over.
pub(super) fn flapping(section: &mut Section<'_>) -> Option<Terms> {
    let connects = section.number("connects", 1..=EVENTS_MAX).unwrap_or(15);
    let within_secs = section.number("within_secs", 1..=DAY_SECS).unwrap_or(60);
    let (first, longest) = hold_off(section, 60, 600);
    let rate = Rate::per(connects, Duration::from_secs(within_secs), connects as u32).ok()?;
    // Who has behaved for as long as the longest hold-off begins anew.
    Terms::new(rate, first, longest, longest)
}

/// `[auth]`: addresses that show wrong passwords.
pub(super) fn failures(section: &mut Section<'_>) -> Terms {
    let per_min = section.number("failures_per_min", 1..=EVENTS_MAX);
    // The range ends where the type does not yet.
    let per_min = per_min.map_or(FAILURES_PER_MIN, |count| count as u32);
    let (first, longest) = hold_off(section, FAILURE_HOLD_OFF_SECS, FAILURE_HOLD_OFF_SECS_MAX);
    let forgive_secs = section.number("forgive_secs", 1..=DAY_SECS);
    let forgive = Duration::from_secs(forgive_secs.unwrap_or(FAILURE_FORGIVE_SECS));
    terms(per_min, first, longest, forgive).unwrap_or_else(default_failures)
}

/// What holds where nothing is said, and where what is said is wrong.
fn default_failures() -> Terms {
    let [first, longest, forgive] = [
        FAILURE_HOLD_OFF_SECS,
        FAILURE_HOLD_OFF_SECS_MAX,
        FAILURE_FORGIVE_SECS,
    ]
    .map(Duration::from_secs);
    terms(FAILURES_PER_MIN, first, longest, forgive).expect("limits.rs is in bounds")
}

fn terms(per_min: u32, first: Duration, longest: Duration, forgive: Duration) -> Option<Terms> {
    let rate = Rate::per(u64::from(per_min), Duration::from_secs(60), per_min).ok()?;
    Terms::new(rate, first, longest, forgive)
}

/// How long the first hold-off is, and the longest.
fn hold_off(section: &mut Section<'_>, first_secs: u64, longest_secs: u64) -> (Duration, Duration) {
    let place = section.place_of("hold_off_secs_max");
    let first = section.number("hold_off_secs", 1..=DAY_SECS);
    let first_secs = first.unwrap_or(first_secs);
    let longest = section.number("hold_off_secs_max", 1..=DAY_SECS);
    let longest_secs = longest.unwrap_or_else(|| first_secs.max(longest_secs));
    if longest_secs < first_secs {
        let wrong = format!("is {longest_secs}, and the first hold-off is {first_secs}");
        let right = "let it be at least hold_off_secs";
        section.fault(place, "hold_off_secs_max", wrong, right);
    }
    let secs = Duration::from_secs;
    (secs(first_secs), secs(longest_secs))
}
