//! One question's way along a chain; it can be put down wherever an answer has to be waited for.

use std::sync::Arc;

use super::{Chain, Check, Look, last_word};
use crate::hash::{PasswordHash, Shape};
use crate::question::Question;
use crate::verdict::{Refusal, Verdict};

pub(crate) struct Walk {
    chain: Arc<Chain>,
    question: Box<Question>,
    /// The method to be asked next.
    at: usize,
    /// What the first method that might have known the name would have let it cost.
    stranger: Option<Shape>,
}

/// What comes next for a question.
pub(crate) enum Step {
    Done(Verdict),
    /// A worker checks this, slowly on purpose, and tells [`Walk::on_checked`].
    Check(Check),
}

impl Walk {
    pub(crate) fn new(chain: &Arc<Chain>, question: Box<Question>) -> Self {
        Self {
            chain: Arc::clone(chain),
            question,
            at: 0,
            stranger: None,
        }
    }

    pub(crate) fn into_question(self) -> Box<Question> {
        self.question
    }

    /// Asks one method after the other until one has an answer or must be waited for.
    pub(crate) fn advance(&mut self) -> Step {
        while let Some(method) = self.chain.methods.get(self.at) {
            match method.look(&self.question) {
                Look::NotMine => {}
                Look::Verdict(verdict) => {
                    return Step::Done(self.chain.bound(&self.question, verdict));
                }
                Look::Stranger(shape) => self.stranger = self.stranger.or(Some(shape)),
                Look::Check(check) => return Step::Check(check),
                Look::Token(jwt, token) => {
                    let judged = jwt.judge(token, &self.question);
                    let verdict = judged.map_or_else(Verdict::Refused, Verdict::from);
                    return Step::Done(self.chain.bound(&self.question, verdict));
                }
            }
            self.at += 1;
        }
        match self.stranger.take() {
            Some(shape) => Step::Check(Check {
                hash: Arc::new(PasswordHash::decoy(shape)),
                proven: None,
                proof: None,
            }),
            None => Step::Done(Verdict::Refused(last_word(&self.question))),
        }
    }

    /// Whether the password is the one of `check`: argon2, right here.
    pub(crate) fn is_right(&self, check: &Check) -> bool {
        let password = self.question.password.as_ref();
        check.hash.is_of(password.map_or(&[], |password| password))
    }

    pub(crate) fn on_checked(&self, check: Check, is_right: bool) -> Verdict {
        let Some(proven) = check.proven else {
            return Verdict::Refused(Refusal::UnknownUser);
        };
        if !is_right {
            return Verdict::Refused(Refusal::WrongPassword);
        }
        if let Some((proofs, proof)) = check.proof {
            proofs.remember(proof);
        }
        self.chain.bound(&self.question, Verdict::Allowed(proven))
    }
}
