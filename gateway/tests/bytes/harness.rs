//! Runs the trials over a few threads against one server and prints as `cargo test` does.
//!
//! A harness of its own, since one process must serve all trials and end with them, and since a
//! row of a table is no function that could carry `#[test]`.

use crate::differences;
use crate::target::Target;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Nothing, or what went wrong.
pub(crate) type Outcome = Result<(), String>;

/// One test.
pub(crate) struct Trial {
    pub(crate) name: String,
    pub(crate) spec: &'static str,
    pub(crate) run: Box<dyn Fn(&Target) -> Outcome + Send + Sync>,
}

const THREADS: usize = 8;

/// What the command line asks for, in the words of `cargo test -- ...`.
#[derive(Default)]
struct Wish {
    list: bool,
    exact: bool,
    skip: Vec<String>,
    filters: Vec<String>,
    threads: usize,
}

impl Wish {
    fn read(mut words: impl Iterator<Item = String>) -> Wish {
        let mut wish = Wish {
            threads: THREADS,
            ..Wish::default()
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => wish.list = true,
                "--exact" => wish.exact = true,
                "--skip" => wish.skip.extend(words.next()),
                "--test-threads" => {
                    let count = words.next().and_then(|count| count.parse().ok());
                    wish.threads = count.unwrap_or(THREADS);
                }
                "--format" | "--color" | "--logfile" | "-Z" => drop(words.next()),
                flag if flag.starts_with('-') => {}
                filter => wish.filters.push(filter.to_owned()),
            }
        }
        wish
    }

    fn wants(&self, name: &str) -> bool {
        let is = |filter: &String| match self.exact {
            true => name == filter,
            false => name.contains(filter.as_str()),
        };
        (self.filters.is_empty() || self.filters.iter().any(is)) && !self.skip.iter().any(is)
    }
}

pub(crate) fn run(trials: Vec<Trial>) -> ExitCode {
    assert_unique(&trials);
    let wish = Wish::read(std::env::args().skip(1));
    let all = trials.len();
    let chosen: Vec<Trial> = trials.into_iter().filter(|t| wish.wants(&t.name)).collect();
    if wish.list {
        chosen
            .iter()
            .for_each(|trial| println!("{}: test", trial.name));
        println!("\n{} tests, 0 benchmarks", chosen.len());
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let failures = match chosen.is_empty() {
        true => Vec::new(),
        false => try_all(&chosen, wish.threads, chosen.len() == all),
    };
    if !failures.is_empty() {
        println!("\nfailures:\n");
        failures
            .iter()
            .for_each(|(name, why)| println!("---- {name} ----\n{why}\n"));
        println!("failures:");
        failures.iter().for_each(|(name, _)| println!("    {name}"));
    }
    let result = if failures.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {result}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out\n",
        chosen.len() - failures.len(),
        failures.len(),
        all - chosen.len()
    );
    ExitCode::from(u8::from(!failures.is_empty()))
}

/// Two rows with one name would hide each other.
fn assert_unique(trials: &[Trial]) {
    let mut names: Vec<_> = trials.iter().map(|trial| &trial.name).collect();
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "names used twice: {twice:?}");
}

/// Runs the trials and returns the failures by name; differences that none of them showed are
/// named when these are all there are.
fn try_all(trials: &[Trial], threads: usize, is_all: bool) -> Vec<(String, String)> {
    let target = Target::start();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    // A panic is reported with its trial and needs no lines of its own among the others'.
    std::panic::set_hook(Box::new(|_| {}));
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = differences::weigh(&target, trial, try_one(trial, &target));
                    let word = if outcome.is_ok() { "ok" } else { "FAILED" };
                    println!("test {} ... {word}", trial.name);
                    if let Err(why) = outcome {
                        failures
                            .lock()
                            .expect("no holder panics")
                            .push((trial.name.clone(), why));
                    }
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    if target.is_mosquitto() && is_all {
        for (names, why) in differences::unseen() {
            println!("mosquitto did not differ in {names}: {why}");
        }
    }
    let mut failures = failures.into_inner().expect("no holder panics");
    failures.sort();
    failures
}

fn try_one(trial: &Trial, target: &Target) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| (trial.run)(target))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("{}: {}", trial.spec, said.unwrap_or("panicked")))
    })
}
