//! One question's way along a chain; it can be put down wherever an answer has to be waited for.

use std::sync::Arc;

use super::{Chain, Method, last_word};
use crate::hash::{PasswordHash, Shape};
use crate::jwt::Jwt;
use crate::look::{Check, Look};
use crate::question::Question;
use crate::verdict::{Refusal, Verdict};

pub(crate) struct Walk {
    chain: Arc<Chain>,
    question: Box<Question>,
    /// The method to be asked next.
    at: usize,
    /// What the first method that might have known the name would have let it cost.
    stranger: Option<Shape>,
    /// Whether keys have been fetched for this very token: once is enough.
    has_fetched: bool,
}

/// What comes next for a question.
pub(crate) enum Step {
    Done(Verdict),
    /// A worker checks this, slowly on purpose, and tells [`Walk::on_checked`].
    Check(Check),
    /// The control thread awaits [`Walk::ask`] and tells [`Walk::on_asked`].
    Ask,
}

impl Walk {
    pub(crate) fn new(chain: &Arc<Chain>, question: Box<Question>) -> Self {
        Self {
            chain: Arc::clone(chain),
            question,
            at: 0,
            stranger: None,
            has_fetched: false,
        }
    }

    pub(crate) fn into_question(self) -> Box<Question> {
        self.question
    }

    /// Asks one method after the other until one has an answer or must be waited for.
    pub(crate) fn advance(&mut self) -> Step {
        while let Some(method) = self.chain.methods.get(self.at) {
            let look = match (method.look(&self.question), method) {
                (Look::Work, Method::Jwt(jwt)) => self.judge(jwt),
                (look, _) => look,
            };
            if let Some(step) = self.take(look) {
                return step;
            }
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

    /// Asks whom the method at hand has to ask, over the network.
    pub(crate) async fn ask(&self) -> Look {
        match self.chain.methods.get(self.at) {
            Some(Method::Http(hook)) => hook.ask(&self.question).await,
            Some(Method::Redis(redis)) => redis.ask(&self.question).await,
            Some(Method::Mysql(mysql)) => mysql.ask(&self.question).await,
            Some(Method::Jwt(jwt)) => {
                jwt.fetch().await;
                Look::Work
            }
            _ => Look::NotMine,
        }
    }

    /// Takes what [`Walk::ask`] has brought; `None`: [`Walk::advance`] again.
    pub(crate) fn on_asked(&mut self, look: Look) -> Option<Step> {
        if matches!(look, Look::Work) {
            self.has_fetched = true;
            return None;
        }
        self.take(look)
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

    fn take(&mut self, look: Look) -> Option<Step> {
        match look {
            Look::NotMine => {}
            Look::Verdict(verdict) => {
                return Some(Step::Done(self.chain.bound(&self.question, verdict)));
            }
            Look::Stranger(shape) => self.stranger = self.stranger.or(Some(shape)),
            Look::Check(check) => return Some(Step::Check(check)),
            Look::Work => return Some(Step::Ask),
        }
        self.at += 1;
        None
    }

    fn judge(&self, jwt: &Jwt) -> Look {
        let Some(token) = jwt.token(&self.question) else {
            return Look::NotMine;
        };
        if !self.has_fetched && jwt.lacks_keys_for(token) {
            return Look::Work;
        }
        let judged = jwt.judge(token, &self.question);
        Look::Verdict(judged.map_or_else(Verdict::Refused, Verdict::from))
    }
}
