//! Reasons to wait, warmth and silence of one client.

use tributary_proto::session::{Admission, Profile, Profiles, Session};
use tributary_proto::version::Version;

use super::*;
use crate::limits::TICKS_PER_SEC;

impl Client {
    /// A client with a keep-alive of so many seconds.
    pub(in crate::shard) fn example(id: &str, keep_alive_secs: u16) -> Client {
        let admission = Admission {
            version: Version::V5,
            keep_alive_secs,
            keep_alive_is_ours: false,
            clean_start: true,
            expiry_is_ours: false,
            wants_response_information: false,
            has_method: false,
            profile: Profile::PLAIN,
        };
        let session = Session::new(&admission, &mut Profiles::default());
        Client {
            session: session.expect("one profile fits"),
            id: id.into(),
            io: None,
            extra: None,
            conn: Conn {
                slot: 0,
                generation: 0,
            },
            heard_tick: 0,
            wheel_next: u32::MAX,
            wheel_previous: u32::MAX,
            ring: 0,
            reading: Reading::Nothing,
            paused: Paused::default(),
            heat: 0,
            heat_sec: 0,
            generation: 0,
            listed: Listed::default(),
            held: Held::default(),
        }
    }
}

#[test]
fn a_client_goes_on_when_the_last_reason_to_wait_is_gone() {
    let reasons = [Paused::LANE, Paused::WINDOW, Paused::OUT, Paused::DRAIN];
    let mut paused = Paused::default();
    assert!(!paused.any());
    for reason in reasons {
        assert!(paused.add(reason));
        assert!(!paused.add(reason), "it holds already");
    }
    for (place, reason) in reasons.into_iter().enumerate() {
        assert_eq!(paused.lift(reason), place + 1 == reasons.len());
        assert!(!paused.has(reason));
        assert!(!paused.lift(reason), "it does not hold any more");
    }
}

#[test]
fn a_reason_that_never_held_lets_nobody_go_on() {
    assert!(!Paused::default().lift(Paused::LANE));
}

#[test]
fn some_reads_within_a_second_make_a_client_hot_and_a_quiet_second_cools_it() {
    let mut client = Client::example("c", 0);
    let reads = usize::from(crate::limits::HOT_READS);
    // The first read of a second only begins the count.
    let warmth: Vec<_> = (0..=reads).map(|_| client.warm(7)).collect();
    assert_eq!(warmth.iter().position(|hot| *hot), Some(reads));
    assert!(!client.warm(8));
    assert!(!client.warm(8));
    assert!(!client.warm(20));
}

#[test]
fn silence_ends_after_one_and_a_half_keep_alives() {
    let mut client = Client::example("c", 10);
    client.heard_tick = 100;
    assert_eq!(client.due_tick(), Some(100 + 15 * TICKS_PER_SEC));
    assert_eq!(Client::example("c", 0).due_tick(), None);
    let mut late = Client::example("c", u16::MAX);
    late.heard_tick = u32::MAX - 1;
    assert_eq!(late.due_tick(), Some(u32::MAX));
}

#[test]
fn an_idle_client_costs_what_its_budget_says() {
    use crate::limits::idle_client;
    assert_eq!(size_of::<Session>(), 16);
    assert_eq!(size_of::<Client>(), idle_client::RECORD_BYTES);
    const { assert!(idle_client::BYTES <= 128) };
}
