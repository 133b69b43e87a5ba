//! A meter gives no more than its rates allow, whatever is grabbed and given back.

use super::*;
use crate::draw::Draw;

const SEED: u64 = 0x5EED_0007;

fn tokens(messages: u32, bytes: u32) -> Tokens {
    Tokens { messages, bytes }
}

/// Ten messages at once or one per second; a thousand bytes at once or a hundred per second.
fn terms() -> Terms {
    Terms {
        messages: Some(Rate::per_sec(1, 10).expect("in bounds")),
        bytes: Some(Rate::per_sec(100, 1_000).expect("in bounds")),
    }
}

#[test]
fn as_much_as_there_is_comes_at_once_and_then_no_less_than_the_least() {
    let (mut meter, terms) = (Meter::default(), terms());
    let granted = meter.grab(0, tokens(1, 50), tokens(100, 5_000), &terms);
    assert_eq!(granted, Ok(tokens(10, 1_000)));
    meter.give_back(tokens(1, 900), &terms);
    let granted = meter.grab(0, tokens(1, 50), tokens(2, 100), &terms);
    assert_eq!(granted, Ok(tokens(1, 100)));
    let short = meter.grab(0, tokens(1, 50), tokens(1, 50), &terms);
    assert_eq!(short, Err(Short::Messages(Duration::from_secs(1))));
    assert_eq!(
        meter.grab(1_000, tokens(1, 50), tokens(1, 50), &terms),
        Ok(tokens(1, 50))
    );
}

#[test]
fn want_of_bytes_takes_no_message() {
    let (mut meter, terms) = (Meter::default(), terms());
    meter
        .grab(0, tokens(1, 1_000), tokens(1, 1_000), &terms)
        .expect("it is full");
    let short = meter.grab(0, tokens(1, 100), tokens(1, 100), &terms);
    assert_eq!(short, Err(Short::Bytes(Duration::from_secs(1))));
    let granted = meter.grab(10_000, tokens(1, 0), tokens(10, 0), &terms);
    assert_eq!(
        granted,
        Ok(tokens(10, 0)),
        "the nine others and the one that came back"
    );
}

#[test]
fn a_message_larger_than_the_burst_passes_once_and_is_paid_for() {
    let (mut meter, terms) = (Meter::default(), terms());
    assert_eq!(
        meter.grab(0, tokens(1, 3_000), tokens(1, 3_000), &terms),
        Ok(tokens(1, 3_000))
    );
    let short = meter.grab(0, tokens(1, 3_000), tokens(1, 3_000), &terms);
    assert_eq!(short, Err(Short::Bytes(Duration::from_secs(30))));
    let small = meter.grab(20_000, tokens(1, 1), tokens(1, 1), &terms);
    assert_eq!(small, Err(Short::Bytes(Duration::from_millis(10))));
}

#[test]
fn what_has_no_rate_is_not_bounded_and_never_owed() {
    let mut meter = Meter::default();
    let terms = Terms {
        messages: None,
        ..terms()
    };
    let granted = meter.grab(0, tokens(1, 1), tokens(u32::MAX, 10), &terms);
    assert_eq!(granted, Ok(tokens(u32::MAX, 10)));
    meter.give_back(tokens(u32::MAX, 10), &terms);
    assert!(meter.is_full(0, &terms));
    assert!(Terms::default().is_empty() && !terms.is_empty());
}

#[test]
fn no_window_has_more_than_its_burst_and_its_time() {
    let mut draw = Draw::new(SEED);
    let terms = terms();
    for _ in 0..200 {
        let (mut meter, mut now, mut used) = (Meter::default(), 0_u64, Tokens::default());
        for _ in 0..200 {
            now += draw.below(400);
            let least = tokens(1, draw.below(120) as u32);
            let want = least.more(tokens(draw.below(8) as u32, draw.below(900) as u32));
            let Ok(granted) = meter.grab(now, least, want, &terms) else {
                continue;
            };
            assert!(granted.covers(least) && want.covers(granted));
            let unused = tokens(
                draw.below(u64::from(granted.messages) + 1) as u32,
                draw.below(u64::from(granted.bytes) + 1) as u32,
            );
            meter.give_back(unused, &terms);
            used = used.more(granted.less(unused));
            assert!(
                u64::from(used.messages) <= 10 + now / 1_000,
                "{used:?} at {now}"
            );
            assert!(
                u64::from(used.bytes) <= 1_000 + now / 10,
                "{used:?} at {now}"
            );
        }
        assert!(used.messages > 10, "the draw was too gentle");
    }
}
