//! What does one decision cost, by the number of rules that are read until one decides?
//!
//! ```text
//! cargo run --release -p tributary-access --example decide [-- ROUNDS]
//! ```
//!
//! CPU time of this thread in nanoseconds per decision, the least of five runs: what else the
//! machine does can only add. A client reads only the rules that concern it; here all do.

use std::hint::black_box;
use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};
use tributary_access::decision::Ask;
use tributary_access::profiles::Profiles;
use tributary_access::rule::{Action, Actions, Effect, Rule};
use tributary_access::rulebook::Rulebook;
use tributary_access::subject::{Identity, Subject};
use tributary_proto::version::Qos;

const RULES: [usize; 3] = [1, 10, 100];
const ROUNDS: u64 = 1_000_000;
const RUNS: usize = 5;
const CLIENT: Subject<'static> = Subject {
    client: "device-0000123456",
    user: Some("fleet-north"),
};

/// A list in which only the last rule is about what is asked.
fn rulebook(count: usize) -> Rulebook {
    let mut rules = Vec::new();
    for number in 1..count {
        let topic = match number % 4 {
            0 => format!("fleet/north/site-{number}/#"),
            1 => format!("fleet/+/site-{number}/%c"),
            2 => format!("factory-{number}/%c/+"),
            _ => format!("+/north/site-{number}"),
        };
        let effect = if number % 3 == 0 {
            Effect::Deny
        } else {
            Effect::Allow
        };
        rules.push(Rule::new(effect, Actions::ALL, &[&topic]));
    }
    rules.push(Rule::new(
        Effect::Allow,
        Actions::ALL,
        &["fleet/north/%c/#"],
    ));
    Rulebook::new(rules, Effect::Deny).expect("the rules are right")
}

fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Nanoseconds per decision.
fn measure(profiles: &mut Profiles, ask: &Ask<'_>, rounds: u64) -> f64 {
    let identity = Identity {
        subject: CLIENT,
        groups: &[],
        claims: &[],
        address: None,
    };
    let index = profiles.admit(&identity, None).expect("there is room");
    let run = |_| {
        let begin = thread_nanos();
        for _ in 0..rounds {
            let decision = profiles.decide(&index, black_box(CLIENT), black_box(ask));
            assert!(black_box(decision).allowed);
        }
        (thread_nanos() - begin) as f64 / rounds as f64
    };
    let least = (0..RUNS).map(run).fold(f64::INFINITY, f64::min);
    profiles.release(index);
    least
}

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .map_or(ROUNDS, |n| n.parse().expect("a number"));
    println!(
        "{:<36} {:>8} {:>8} {:>8}",
        "ns per decision, rules read:", 1, 10, 100
    );
    for (name, action, topic, retain) in [
        (
            "publish",
            Action::Publish,
            "fleet/north/device-0000123456/telemetry",
            false,
        ),
        (
            "publish, retained",
            Action::Publish,
            "fleet/north/device-0000123456/state",
            true,
        ),
        (
            "subscribe to a topic",
            Action::Subscribe,
            "fleet/north/device-0000123456/cmd",
            false,
        ),
        (
            "subscribe with a wildcard",
            Action::Subscribe,
            "fleet/north/device-0000123456/#",
            false,
        ),
    ] {
        let ask = Ask {
            action,
            topic,
            qos: Qos::AtLeastOnce,
            retain,
        };
        print!("{name:<36}");
        for count in RULES {
            let mut profiles = Profiles::new(Arc::new(rulebook(count)), 1, 7);
            print!(
                " {:>8.1}",
                measure(&mut profiles, &ask, rounds / count as u64)
            );
        }
        println!();
    }
}
