//! The table at the end of a run: a name and a value in each row.

use super::process::ServerUse;
use super::{ClientUse, Percentiles};
use std::collections::BTreeMap;
use std::fmt;

const MEBIBYTE: f64 = 1_048_576.0;

#[derive(Default)]
pub struct Table {
    title: String,
    rows: Vec<(String, String)>,
}

impl Table {
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, name: impl Into<String>, value: impl fmt::Display) {
        self.rows.push((name.into(), value.to_string()));
    }

    /// A count, left out where it is 0 and says nothing.
    pub fn count_if_any(&mut self, name: &str, value: u64) {
        if value > 0 {
            self.row(name, grouped(value));
        }
    }

    pub fn ends(&mut self, ends: &BTreeMap<String, u64>) {
        for (reason, count) in ends {
            self.row(format!("  {reason}"), grouped(*count));
        }
    }

    pub fn latency(&mut self, name: &str, latency: Option<&Percentiles>) {
        let Some(ms) = latency else { return };
        let value = format!(
            "p50 {:.3}  p90 {:.3}  p99 {:.3}  p99.9 {:.3}  max {:.3} ms",
            ms.p50, ms.p90, ms.p99, ms.p99_9, ms.max
        );
        self.row(name, value);
    }

    pub fn use_of_processes(&mut self, server: Option<&ServerUse>, client: Option<&ClientUse>) {
        let per = |value: Option<f64>, what: &str| {
            value.map_or_else(String::new, |us| format!(", {us:.3} us per {what}"))
        };
        if let Some(server) = server {
            let per_message = per(server.cpu_us_per_message, "message");
            let per_connect = per(server.cpu_us_per_connect, "connect");
            let name = format!("server {} ({})", server.pid, server.name);
            self.row(
                name,
                format!("CPU {:.3} s{per_message}{per_connect}", server.cpu_secs),
            );
            let (before, after) = (server.resident_bytes_before, server.resident_bytes_after);
            let each = server.resident_bytes_per_connection;
            let each = each.map_or_else(String::new, |b| format!(", {b:.0} B per connection"));
            let resident = format!(
                "{:.1} to {:.1} MiB{each}",
                mebibytes(before),
                mebibytes(after)
            );
            self.row("  resident", resident);
            let (own, forced) = (server.switches_voluntary, server.switches_involuntary);
            let switches = format!("{} own, {} forced", grouped(own), grouped(forced));
            self.row(
                "  switches",
                format!("{switches}, {} threads", server.threads),
            );
        }
        if let Some(client) = client {
            let each = per(client.cpu_us_per_message, "message");
            let busy = client.busiest_thread * 100.0;
            let value = format!(
                "CPU {:.3} s{each}, busiest thread {busy:.0} %",
                client.cpu_secs
            );
            self.row("loadgen itself", value);
        }
    }

    pub fn sentences(&mut self, name: &str, sentences: &[String]) {
        for sentence in sentences {
            self.row(name, sentence);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .rows
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        writeln!(f, "{}", self.title)?;
        for (name, value) in &self.rows {
            writeln!(f, "  {name:<width$}  {value}")?;
        }
        Ok(())
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / MEBIBYTE
}

/// A number with its thousands apart: `1,234,567`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let texts: Vec<String> = [0, 999, 1_000, 1_234_567].map(grouped).into();
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn values_line_up_under_each_other() {
        let mut table = Table::new("publish");
        table.row("a", 1);
        table.row("long name", 2);
        table.count_if_any("nothing", 0);
        assert_eq!(
            table.to_string(),
            "publish\n  a          1\n  long name  2\n"
        );
    }
}
