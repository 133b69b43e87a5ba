//! What the program says about itself: readable on a terminal, JSON for machines, never a flood.

use std::io::IsTerminal;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// Holds directives like `tributary=debug,rdkafka=warn`; beats the configured level.
pub const FILTER_VARIABLE: &str = "TRIBUTARY_LOG";

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `Human` when stderr is a terminal, `Json` otherwise.
    #[default]
    Auto,
    /// Coloured only on a terminal.
    Human,
    /// One object per line.
    Json,
}

/// Starts logging to stderr; stdout belongs to the contract (`listening ...`, `ready`).
///
/// Call it once, first thing. The error is a sentence for the person at the terminal.
pub fn init(format: Format, level: LevelFilter) -> Result<(), String> {
    let directives = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    let filter = filter(level, &directives)?;
    let terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal);
    let installed = match format {
        Format::Human => lines.try_init(),
        Format::Auto if terminal => lines.try_init(),
        Format::Auto | Format::Json => lines.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| format!("logging cannot start: {error}"))
}

/// The directives, and the level for everything they do not speak of.
fn filter(level: LevelFilter, directives: &str) -> Result<EnvFilter, String> {
    let is_level = |directive: &str| directive.parse::<LevelFilter>().is_ok();
    // An empty directive would parse, as `error`.
    let mut spoken = directives
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let all = match spoken.any(is_level) {
        true => directives.to_string(),
        false => format!("{level},{directives}"),
    };
    EnvFilter::builder().parse(all).map_err(|error| {
        format!(
            "{FILTER_VARIABLE}=\"{directives}\": {error}; write a level or \
             module=level[,...], as in tributary=debug,rdkafka=warn"
        )
    })
}

/// Lets one line of a kind through per period, so that what goes wrong a million times is said
/// once, with the number of times it was not.
///
/// ```
/// # use tributary::log::Seldom;
/// static REFUSED: Seldom = Seldom::every_secs(10);
/// if let Some(held_back) = REFUSED.pass() {
///     tracing::warn!(held_back, "clients refused: the table of direct descriptors is full");
/// }
/// ```
#[derive(Debug)]
pub struct Seldom {
    period_millis: u64,
    /// Milliseconds since the first use in the process; 0 = never said.
    said_at: AtomicU64,
    held_back: AtomicU64,
}

impl Seldom {
    pub const fn every_secs(period_secs: u64) -> Self {
        Seldom {
            period_millis: period_secs * 1000,
            said_at: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        }
    }

    /// `Some(n)`: say it now, n lines were held back since the last one. `None`: keep quiet.
    pub fn pass(&self) -> Option<u64> {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        self.pass_at(BEGINNING.elapsed().as_millis() as u64)
    }

    fn pass_at(&self, now_millis: u64) -> Option<u64> {
        let now = now_millis + 1;
        let said_at = self.said_at.load(Ordering::Relaxed);
        let due = said_at == 0 || now.saturating_sub(said_at) >= self.period_millis;
        // Several threads may find it due: the one whose exchange succeeds speaks.
        let swap = || {
            self.said_at
                .compare_exchange(said_at, now, Ordering::Relaxed, Ordering::Relaxed)
        };
        if due && swap().is_ok() {
            return Some(self.held_back.swap(0, Ordering::Relaxed));
        }
        self.held_back.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_beats_the_level_only_where_it_speaks() {
        let hint = |directives| {
            filter(LevelFilter::INFO, directives)
                .unwrap()
                .max_level_hint()
        };
        assert_eq!(hint(""), Some(LevelFilter::INFO));
        assert_eq!(hint("debug"), Some(LevelFilter::DEBUG));
        assert_eq!(hint("warn"), Some(LevelFilter::WARN));
        // Everything else still speaks at the level.
        assert_eq!(hint("rdkafka=error"), Some(LevelFilter::INFO));
        let said = filter(LevelFilter::INFO, "tributary=loud").unwrap_err();
        assert!(
            said.starts_with("TRIBUTARY_LOG=\"tributary=loud\": "),
            "{said}"
        );
    }

    #[test]
    fn the_first_line_passes_and_the_next_are_counted_until_the_period_is_over() {
        let seldom = Seldom::every_secs(10);
        assert_eq!(seldom.pass_at(0), Some(0));
        assert_eq!(seldom.pass_at(1), None);
        assert_eq!(seldom.pass_at(9_999), None);
        assert_eq!(seldom.pass_at(10_000), Some(2));
        assert_eq!(seldom.pass_at(10_001), None);
    }

    #[test]
    fn of_several_threads_one_speaks() {
        let seldom = Seldom::every_secs(3_600);
        let spoke: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..100).filter_map(|_| seldom.pass_at(5)).count()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(spoke, 1);
        assert_eq!(seldom.held_back.load(Ordering::Relaxed), 799);
    }
}
