//! Binds the client id to who the client is: `%u-*` lets `plant7` be `plant7-press` and no other's.

use crate::fault::Fault;
use crate::limits::{BOUND_ID_BYTES_MAX, TEMPLATE_BYTES_MAX};
use crate::verdict::Proven;

/// A pattern for client ids: `%u` is the user, `%{claim:NAME}` a claim, `%%` a `%`, `*` any run of
/// characters, `?` one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Is(char),
    AnyOne,
    AnyRun,
    User,
    Claim(Box<str>),
}

/// One step of a pattern whose values are filled in. A wildcard in a value is a plain character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Is(char),
    AnyOne,
    AnyRun,
}

impl Template {
    pub fn new(text: &str) -> Result<Self, Fault> {
        let fault = |wrong: String| {
            let right = "use %u, %{claim:NAME}, * and ?, and %% for a %";
            Fault::new("client_id", wrong, right)
        };
        if text.is_empty() || text.len() > TEMPLATE_BYTES_MAX {
            let wrong = format!("is not of 1 to {TEMPLATE_BYTES_MAX} bytes");
            return Err(fault(wrong));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (part, length) = match first {
                '*' => (Part::AnyRun, 1),
                '?' => (Part::AnyOne, 1),
                '%' => placeholder(rest)
                    .ok_or_else(|| fault(format!("{text:?} has a % that begins nothing known")))?,
                other => (Part::Is(other), other.len_utf8()),
            };
            parts.push(part);
            rest = &rest[length..];
        }
        Ok(Self { parts })
    }

    /// Whether the client may have this id. One whose user or claim is missing or empty may not.
    pub fn fits(&self, client_id: &str, proven: &Proven) -> bool {
        let Some(steps) = self.steps(proven) else {
            return false;
        };
        client_id.len() <= BOUND_ID_BYTES_MAX
            && steps.len() <= BOUND_ID_BYTES_MAX
            && takes_in(&steps, client_id)
    }

    fn steps(&self, proven: &Proven) -> Option<Vec<Step>> {
        let mut steps = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let value = match part {
                Part::Is(c) => {
                    steps.push(Step::Is(*c));
                    continue;
                }
                Part::AnyOne => {
                    steps.push(Step::AnyOne);
                    continue;
                }
                Part::AnyRun => {
                    steps.push(Step::AnyRun);
                    continue;
                }
                Part::User => proven.user.as_deref()?,
                Part::Claim(name) => proven.claim(name)?,
            };
            if value.is_empty() {
                return None;
            }
            steps.extend(value.chars().map(Step::Is));
        }
        Some(steps)
    }
}

/// What stands behind the `%` at the front of `text`, and how many bytes that takes with it.
fn placeholder(text: &str) -> Option<(Part, usize)> {
    match text.as_bytes().get(1)? {
        b'%' => Some((Part::Is('%'), 2)),
        b'u' => Some((Part::User, 2)),
        b'{' => {
            let (name, _) = text.strip_prefix("%{claim:")?.split_once('}')?;
            let length = "%{claim:}".len() + name.len();
            (!name.is_empty()).then(|| (Part::Claim(name.into()), length))
        }
        _ => None,
    }
}

/// Whether the pattern takes in all of `text`. Only the last run is ever tried again, so the work
/// is at most the product of both lengths.
fn takes_in(steps: &[Step], text: &str) -> bool {
    let (mut wanted, mut rest) = (steps, text.chars());
    // What to go back to: the pattern behind the last run, the text that it has not swallowed.
    let mut again = None;
    loop {
        let here = rest.clone();
        match (wanted.split_first(), rest.next()) {
            (None, None) => return true,
            (Some((Step::AnyRun, behind)), _) => {
                again = Some((behind, here.clone()));
                (wanted, rest) = (behind, here);
                continue;
            }
            (Some((Step::AnyOne, behind)), Some(_)) => {
                wanted = behind;
                continue;
            }
            (Some((Step::Is(c), behind)), Some(found)) if *c == found => {
                wanted = behind;
                continue;
            }
            _ => {}
        }
        let Some((behind, mut left)) = again else {
            return false;
        };
        if left.next().is_none() {
            return false;
        }
        again = Some((behind, left.clone()));
        (wanted, rest) = (behind, left);
    }
}

#[cfg(test)]
mod tests;
