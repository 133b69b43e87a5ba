//! The line on stderr that says how a run goes while it goes.

use crate::report::table::grouped;
use crate::stage::Now;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// On a terminal one line is written over and over; elsewhere a log wants few lines.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(250);
const LOG_INTERVAL: Duration = Duration::from_secs(5);

pub struct Progress {
    is_terminal: bool,
    began: Instant,
    told: Instant,
    sent: u64,
}

impl Progress {
    pub fn start() -> Self {
        let (is_terminal, now) = (stderr().is_terminal(), Instant::now());
        Self {
            is_terminal,
            began: now,
            told: now,
            sent: 0,
        }
    }

    /// Tells the counters when it is time to.
    pub fn tell(&mut self, now: Now, clients: u32) {
        let since = self.told.elapsed();
        if since
            < if self.is_terminal {
                TERMINAL_INTERVAL
            } else {
                LOG_INTERVAL
            }
        {
            return;
        }
        let rate = (now.sent - self.sent) as f64 / since.as_secs_f64();
        let line = format!(
            "{:6.1} s  connected {}/{}  sent {} ({}/s)  acknowledged {}  failed {}",
            self.began.elapsed().as_secs_f64(),
            grouped(now.connected),
            grouped(u64::from(clients)),
            grouped(now.sent),
            grouped(rate as u64),
            grouped(now.acknowledged),
            grouped(now.failed),
        );
        self.line(&line);
        (self.told, self.sent) = (Instant::now(), now.sent);
    }

    /// Tells something else in the same place, when it is time to.
    pub fn tell_text(&mut self, text: impl FnOnce() -> String) {
        if self.told.elapsed()
            >= if self.is_terminal {
                TERMINAL_INTERVAL
            } else {
                LOG_INTERVAL
            }
        {
            let line = format!("{:6.1} s  {}", self.began.elapsed().as_secs_f64(), text());
            self.line(&line);
            self.told = Instant::now();
        }
    }

    fn line(&self, line: &str) {
        // Nobody to read it is no reason to stop.
        let _ = if self.is_terminal {
            write!(stderr(), "\r\x1b[K{line}")
        } else {
            writeln!(stderr(), "{line}")
        };
    }

    /// Leaves the terminal with a clean line for what comes next.
    pub fn clear(&self) {
        if self.is_terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
