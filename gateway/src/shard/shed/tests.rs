//! What begins and ends the turning away of newcomers.

use super::*;

const RATE: u32 = 50;
const DELAY_MICROS_MAX: u64 = 1_000_000;
const LANE_TICKS: u32 = 100;

struct Bench {
    shed: Shed,
    memory: Arc<Memory>,
    now_tick: u32,
    lanes_are_full: bool,
}

impl Bench {
    fn new() -> Self {
        let memory = Arc::new(Memory::new(1_600));
        let plan = ShedPlan {
            connects_per_sec: RATE,
            event_delay_micros_max: DELAY_MICROS_MAX,
            lane_full_ticks_max: LANE_TICKS,
            memory: Arc::clone(&memory),
        };
        Self {
            shed: Shed::new(plan),
            memory,
            now_tick: 0,
            lanes_are_full: false,
        }
    }

    fn pass(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.now_tick += 1;
            self.shed.on_tick(self.now_tick, 1, self.lanes_are_full);
        }
    }

    /// A newcomer that no other shard has looked at.
    fn ask(&mut self) -> Option<Overload> {
        let why = self.shed.verdict(true)?;
        self.shed.on_turned_away(why, self.now_tick);
        Some(why)
    }

    fn let_in(&mut self, count: u32) -> u32 {
        (0..count).filter(|_| self.ask().is_none()).count() as u32
    }
}

#[test]
fn without_a_plan_everyone_comes_in() {
    let mut shed = Shed::default();
    shed.on_tick(1, 1, true);
    assert!((0..100_000).all(|_| shed.verdict(true).is_none()));
}

#[test]
fn a_second_lets_in_its_budget_and_the_next_as_many_again() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        assert_eq!(bench.let_in(10 * RATE), RATE);
        assert_eq!(bench.ask(), Some(Overload::Rate));
        bench.pass(TICKS_PER_SEC);
    }
    // What was not used is not saved up.
    bench.pass(100 * TICKS_PER_SEC);
    assert_eq!(bench.let_in(10 * RATE), RATE);
    bench.pass(1);
    assert_eq!(bench.let_in(RATE), RATE / TICKS_PER_SEC);
}

#[test]
fn whom_another_shard_has_let_pass_takes_nothing_from_the_budget() {
    let mut bench = Bench::new();
    assert_eq!(bench.let_in(RATE), RATE);
    assert_eq!(bench.shed.verdict(false), None);
    assert_eq!(bench.ask(), Some(Overload::Rate));
}

#[test]
fn the_rate_is_over_a_second_after_the_last_one_was_turned_away() {
    let mut bench = Bench::new();
    bench.let_in(RATE + 1);
    assert!(bench.shed.is_on(Overload::Rate));
    bench.pass(SHED_SPELL_TICKS - 1);
    assert!(bench.shed.is_on(Overload::Rate));
    bench.pass(1);
    assert!(!bench.shed.is_on(Overload::Rate));
}

#[test]
fn events_that_wait_turn_newcomers_away_until_they_wait_half_as_long() {
    let mut bench = Bench::new();
    let delay = |bench: &mut Bench, micros| {
        (0..50).for_each(|_| bench.shed.on_event_delay(micros));
        bench.pass(1);
        bench.shed.is_behind()
    };
    assert!(!delay(&mut bench, DELAY_MICROS_MAX));
    assert!(delay(&mut bench, DELAY_MICROS_MAX + 10));
    assert_eq!(bench.ask(), Some(Overload::Drift));
    assert_eq!(bench.shed.verdict(false), Some(Overload::Drift));
    assert!(delay(&mut bench, DELAY_MICROS_MAX * 2 / 3));
    assert!(!delay(&mut bench, DELAY_MICROS_MAX / 3));
    assert_eq!(bench.ask(), None);
}

#[test]
fn one_late_event_is_no_overload() {
    let mut bench = Bench::new();
    bench.shed.on_event_delay(3 * DELAY_MICROS_MAX);
    bench.pass(1);
    assert_eq!(bench.ask(), None);
}

#[test]
fn short_memory_turns_newcomers_away_and_waits_for_no_one_who_is_silent() {
    let mut bench = Bench::new();
    bench.memory.on_reading(1_601);
    bench.pass(1);
    assert_eq!(bench.ask(), Some(Overload::Memory));
    assert!(bench.shed.is_impatient() && !bench.shed.is_behind());
    bench.memory.on_reading(1_000);
    bench.pass(1);
    assert_eq!(bench.ask(), None);
    assert!(!bench.shed.is_impatient());
}

#[test]
fn lanes_that_are_full_for_long_turn_newcomers_away_until_one_has_room() {
    let mut bench = Bench::new();
    bench.lanes_are_full = true;
    bench.pass(LANE_TICKS);
    assert_eq!(bench.ask(), None);
    bench.pass(1);
    assert_eq!(bench.ask(), Some(Overload::Lane));
    bench.lanes_are_full = false;
    bench.pass(1);
    assert_eq!(bench.ask(), None);
    // From the beginning again.
    bench.lanes_are_full = true;
    bench.pass(LANE_TICKS);
    assert_eq!(bench.ask(), None);
}
