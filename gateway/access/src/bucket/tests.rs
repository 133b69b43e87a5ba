//! Buckets against a model in exact fractions, at random times and at the ends of the scales.

use super::*;
use crate::draw::Draw;
use crate::limits::{RATE_TOKENS_MAX, RATE_WINDOW_MILLIS_MAX};
use crate::rate::RateError;

const SEED: u64 = 0x5EED_0002;
const STEPS: usize = 1_000_000;
const YEAR_MILLIS: u64 = 365 * 24 * 60 * 60 * 1_000;

/// A bucket as it is told in books: a level that rises with time up to the burst. In units of one
/// token by the window's milliseconds, which makes it a whole number.
struct Level {
    level: i128,
    at_millis: u64,
    tokens: i128,
    window: i128,
    burst: i128,
}

impl Level {
    fn new(tokens: u64, window_millis: u64, burst: u32) -> Level {
        let window = i128::from(window_millis);
        Level {
            level: i128::from(burst) * window,
            at_millis: 0,
            tokens: tokens.into(),
            window,
            burst: burst.into(),
        }
    }

    fn at(&self, now_millis: u64) -> i128 {
        let risen = i128::from(now_millis - self.at_millis) * self.tokens;
        (self.level + risen).min(self.burst * self.window)
    }

    fn has(&self, now_millis: u64, count: u32, may_owe: bool) -> bool {
        let wanted = i128::from(count).min(if may_owe { self.burst } else { i128::MAX });
        self.at(now_millis) >= wanted * self.window
    }

    fn take(&mut self, now_millis: u64, count: u32) {
        self.level = self.at(now_millis) - i128::from(count) * self.window;
        self.at_millis = now_millis;
    }
}

fn gap(draw: &mut Draw) -> u64 {
    match draw.below(1_000) {
        0 => draw.below(YEAR_MILLIS / 1_000),
        1..50 => draw.below(100_000),
        50..500 => draw.below(1_000),
        _ => draw.below(3),
    }
}

#[test]
fn a_million_steps_agree_with_exact_fractions() {
    let rates = [
        (1, 1_000, 1),
        (3, 1_000, 7),
        (7, 60_000, 5),
        (1_000, 1_000, 1),
        (999_983, 1_000, 1_000_003),
        (RATE_TOKENS_MAX - 1, 1_000, u32::MAX),
        (1, RATE_WINDOW_MILLIS_MAX, 2),
        (10_000_000_000, 1_000, 100_000_000),
    ];
    let mut draw = Draw::new(SEED);
    let mut seen = [0_u32; 3];
    for (tokens, window, burst) in rates {
        let rate = Rate::per(tokens, Duration::from_millis(window), burst).expect("in bounds");
        let mut level = Level::new(tokens, window, burst);
        let (mut bucket, mut now) = (Bucket::new(), 0);
        for step in 0..STEPS / rates.len() {
            now += gap(&mut draw);
            let most = u64::from(burst).saturating_mul(if draw.once_in(20) { 3 } else { 1 });
            let count = draw.below(most.min(u32::MAX.into()) + 1) as u32;
            let may_owe = draw.once_in(2);
            let taken = match may_owe {
                true => bucket.take_or_owe(now, count, &rate),
                false => bucket.take(now, count, &rate),
            };
            let say = || format!("seed {SEED:#x}, {rate:?}, step {step}, {count} at {now}");
            match taken {
                Take::Taken => {
                    assert!(level.has(now, count, may_owe), "{}", say());
                    level.take(now, count);
                    seen[0] += 1;
                }
                Take::Wait(time) => {
                    let then = now + time.as_millis() as u64;
                    assert!(
                        !level.has(then - 1, count, may_owe),
                        "{}: could be sooner",
                        say()
                    );
                    assert!(
                        level.has(then, count, may_owe),
                        "{}: not yet by then",
                        say()
                    );
                    seen[1] += 1;
                }
                Take::Never => {
                    assert!(count > burst && !may_owe, "{}", say());
                    seen[2] += 1;
                }
            }
            let is_full = level.at(now) == level.burst * level.window;
            assert_eq!(bucket.is_full(now, &rate), is_full, "{}", say());
        }
        assert!(now <= NOW_MILLIS_MAX, "the test outran the clock");
    }
    assert!(seen.iter().all(|count| *count > 1_000), "{seen:?}");
}

#[test]
fn years_of_idleness_save_up_one_burst_and_no_more() {
    let rate = Rate::per_sec(10, 3).expect("in bounds");
    let mut bucket = Bucket::new();
    for now in [0, YEAR_MILLIS, 4 * YEAR_MILLIS, NOW_MILLIS_MAX] {
        for _ in 0..3 {
            assert_eq!(bucket.take(now, 1, &rate), Take::Taken);
        }
        assert_eq!(
            bucket.take(now, 1, &rate),
            Take::Wait(Duration::from_millis(100))
        );
    }
}

#[test]
fn a_third_of_a_token_per_second_is_exact_after_a_million_of_them() {
    let rate = Rate::per(1, Duration::from_secs(3), 1).expect("in bounds");
    let mut bucket = Bucket::new();
    for number in 0..1_000_000_u64 {
        let now = number * 3_000;
        assert_eq!(bucket.take(now, 1, &rate), Take::Taken);
        assert_eq!(
            bucket.take(now + 2_999, 1, &rate),
            Take::Wait(Duration::from_millis(1))
        );
    }
}

#[test]
fn what_is_larger_than_the_burst_passes_when_full_and_is_paid_for_afterwards() {
    let rate = Rate::per_sec(1_000, 500).expect("in bounds");
    let mut bucket = Bucket::new();
    assert_eq!(bucket.take(0, 501, &rate), Take::Never);
    assert_eq!(bucket.take_or_owe(0, 10_000, &rate), Take::Taken);
    // 10,000 are owed; at the end of the debt one token is there when 9,501 are paid.
    assert_eq!(
        bucket.take_or_owe(0, 1, &rate),
        Take::Wait(Duration::from_millis(9_501))
    );
    assert_eq!(bucket.take_or_owe(9_501, 1, &rate), Take::Taken);
    assert_eq!(
        bucket.take_or_owe(9_501, 501, &rate),
        Take::Wait(Duration::from_millis(500))
    );
    assert_eq!(bucket.take_or_owe(10_001, 501, &rate), Take::Taken);
}

#[test]
fn the_greatest_debt_at_the_slowest_rate_is_owed_and_does_not_overflow() {
    let slow = Rate::per(1, Duration::from_millis(RATE_WINDOW_MILLIS_MAX), 1).expect("in bounds");
    let fine = Rate::per_sec(RATE_TOKENS_MAX - 1, 1).expect("in bounds");
    for rate in [slow, fine] {
        for now in [0, NOW_MILLIS_MAX] {
            let mut bucket = Bucket::new();
            assert_eq!(bucket.take_or_owe(now, u32::MAX, &rate), Take::Taken);
            assert!(matches!(bucket.take_or_owe(now, 1, &rate), Take::Wait(_)));
            assert!(!bucket.is_full(now, &rate));
        }
    }
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    let rate = Rate::per_sec(1, 3).expect("in bounds");
    let mut bucket = Bucket::new();
    assert_eq!(bucket.take(5_000, 3, &rate), Take::Taken);
    bucket.give_back(2, &rate);
    assert_eq!(
        bucket.take(5_000, 3, &rate),
        Take::Wait(Duration::from_secs(1))
    );
    assert_eq!(bucket.take(5_000, 2, &rate), Take::Taken);
    assert_eq!(
        bucket.take(5_000, 1, &rate),
        Take::Wait(Duration::from_secs(1))
    );
}

#[test]
fn rates_that_cannot_be_kept_exactly_are_refused() {
    let second = Duration::from_secs(1);
    assert_eq!(Rate::per_sec(0, 1), Err(RateError::Zero));
    assert_eq!(Rate::per_sec(1, 0), Err(RateError::Zero));
    assert_eq!(Rate::per(1, Duration::ZERO, 1), Err(RateError::Window));
    assert_eq!(
        Rate::per(1, Duration::from_micros(1_500), 1),
        Err(RateError::Window)
    );
    assert_eq!(Rate::per(1, Duration::MAX, 1), Err(RateError::Window));
    let day = Duration::from_millis(RATE_WINDOW_MILLIS_MAX);
    assert_eq!(
        Rate::per(1, day + Duration::from_millis(1), 1),
        Err(RateError::Window)
    );
    assert!(Rate::per(1, day, 1).is_ok());
    assert_eq!(
        Rate::per_sec(RATE_TOKENS_MAX + 3, 1),
        Err(RateError::TooFine)
    );
    assert!(Rate::per_sec(RATE_TOKENS_MAX * 1_000, u32::MAX).is_ok());
    assert_eq!(Rate::per(2, 2 * second, 1), Rate::per(1, second, 1));
}
