//! Findings as a table for people and as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Finding, Verdict};

const BYTES_PER_GIB: f64 = (1u64 << 30) as f64;

impl Verdict {
    /// As the table says it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Fits => "ok",
            Verdict::Unknown => "?",
            Verdict::Costs => "costs",
            Verdict::Blocks => "BLOCKS",
        }
    }

    /// As the JSON says it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Fits => "fits",
            Verdict::Unknown => "unknown",
            Verdict::Costs => "costs",
            Verdict::Blocks => "blocks",
        }
    }
}

/// One paragraph per knob: a line when all is well, four when something is to be done.
pub(super) fn table(connections: u64, findings: &[Finding]) -> String {
    let mut text = format!("{} connections on this host\n\n", grouped(connections));
    let width = findings.iter().map(|finding| finding.knob.len()).max();
    let width = width.unwrap_or(0);
    for finding in findings {
        let Finding { knob, found, .. } = finding;
        let word = finding.verdict.word();
        // A string takes whatever is written to it.
        let _ = writeln!(text, "{word:<7}{knob:<width$}  {found}");
        if finding.verdict == Verdict::Fits {
            continue;
        }
        let indent = " ".repeat(7 + width + 2);
        let _ = writeln!(text, "{indent}needed: {}", finding.needed);
        if !finding.set.is_empty() {
            let _ = writeln!(text, "{indent}to set: {}", finding.set);
        }
        let _ = writeln!(text, "{indent}or else: {}", finding.otherwise);
    }
    let _ = writeln!(text, "\n{}", summary(connections, findings));
    text
}

fn summary(connections: u64, findings: &[Finding]) -> String {
    let count = |verdict| {
        findings
            .iter()
            .filter(|finding| finding.verdict == verdict)
            .count()
    };
    let bound = match tightest(findings) {
        Some((allows, knob)) => format!(
            "This host allows {} connections as it is, bounded by {knob}.",
            grouped(allows)
        ),
        None => "Nothing that was found bounds the connections.".into(),
    };
    let fits = match count(Verdict::Blocks) {
        0 => "fit",
        _ => "do not fit",
    };
    format!(
        "{} connections {fit}; {} knob(s) in the way, {} that cost, {} unknown.\n{bound}",
        grouped(connections),
        count(Verdict::Blocks),
        count(Verdict::Costs),
        count(Verdict::Unknown),
        fit = fits,
    )
}

/// How many connections fit, and the knob that says so.
fn tightest(findings: &[Finding]) -> Option<(u64, &'static str)> {
    findings
        .iter()
        .filter_map(|finding| Some((finding.allows?, finding.knob)))
        .min()
}

pub(super) fn json(connections: u64, findings: &[Finding]) -> Value {
    let all: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "knob": finding.knob,
                "verdict": finding.verdict.name(),
                "found": finding.found,
                "needed": finding.needed,
                "set": finding.set,
                "otherwise": finding.otherwise,
                "allows": finding.allows,
            })
        })
        .collect();
    let tightest = tightest(findings);
    json!({
        "connections": connections,
        "fits": findings.iter().all(|finding| finding.verdict != Verdict::Blocks),
        "allows": tightest.map(|(allows, _)| allows),
        "bounded_by": tightest.map(|(_, knob)| knob),
        "findings": all,
    })
}

/// A number with its thousands apart: `1,234,567`.
pub(super) fn grouped(value: u64) -> String {
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

pub(super) fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / BYTES_PER_GIB)
}
