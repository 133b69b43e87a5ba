//! Where mosquitto 2.0.11 answers otherwise than the tables want, and why the tables stay.

use crate::harness::{Outcome, Trial};
use crate::target::Target;

/// The names of trials begin or end like this (a `*` stands where the rest may differ), and why.
const DIFFERENCES: &[(&str, &str)] = &[];

/// Against mosquitto a difference that is known is right and one that has gone is wrong; against
/// any other server the outcome stands.
pub(crate) fn weigh(target: &Target, trial: &Trial, outcome: Outcome) -> Outcome {
    if !target.is_mosquitto() {
        return outcome;
    }
    let known = DIFFERENCES
        .iter()
        .find(|(pattern, _)| fits(pattern, &trial.name));
    match (outcome, known) {
        (Err(_), Some(_)) => Ok(()),
        (Ok(()), Some((_, why))) => Err(format!("mosquitto no longer differs: {why}")),
        (outcome, None) => outcome,
    }
}

/// Whether a name fits a pattern with any number of `*`.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(rest) = name.strip_prefix(before) else {
        return false;
    };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(after, &rest[at..]))
}
