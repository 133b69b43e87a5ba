//! The methods of a listener, in the order in which they are asked.
//!
//! | a method says | and then |
//! | --- | --- |
//! | it is this user | the client is in, unless its id is not one that this user may have |
//! | no | it is refused: a wrong password is not tried elsewhere |
//! | not mine | the next is asked: no user of that name, nothing shown that it could read |
//! | (nobody is left) | it is refused, after as much work as a wrong password costs |

mod walk;

use std::sync::Arc;

use crate::binding::Template;
use crate::certificate::{self, UserTemplate};
use crate::jwt::{self, Jwt};
use crate::look::Look;
use crate::question::Question;
use crate::remote::hook::{self, Hook};
use crate::remote::mysql::{self, Mysql};
use crate::remote::redis::{self, Redis};
use crate::users::Users;
use crate::verdict::{Proven, Refusal, Verdict};

pub(crate) use walk::{Step, Walk};

/// The names of all methods, as in [`Proven::method`] and in the configuration.
pub const METHODS: &[&str] = &[
    ANONYMOUS,
    certificate::NAME,
    USERS,
    jwt::NAME,
    hook::NAME,
    redis::NAME,
    mysql::NAME,
];

const ANONYMOUS: &str = "anonymous";
const USERS: &str = "users";

/// One way to prove who one is. Cheap to clone: chains share what is behind it.
#[derive(Clone, Debug)]
pub enum Method {
    /// Lets in whoever shows neither user name nor password.
    Anonymous,
    /// A user made of the names in the client's certificate.
    Certificate(UserTemplate),
    /// A file of users with argon2id hashes.
    Users(Arc<Users>),
    /// A signed token in the place of the password or of the user name.
    Jwt(Arc<Jwt>),
    /// A web service that is asked.
    Http(Arc<Hook>),
    /// Users in Redis, by the same hashes.
    Redis(Arc<Redis>),
    /// Users in MySQL or MariaDB, by the same hashes.
    Mysql(Arc<Mysql>),
}

/// What a listener asks of those who come in.
#[derive(Clone, Default, Debug)]
pub struct ChainSettings {
    /// In the order in which they are asked.
    pub methods: Vec<Method>,
    /// Which client ids a user may have; `None`: any.
    pub client_id: Option<Template>,
}

/// A listener's methods, shared by all shards; a reload makes a new one.
#[derive(Debug)]
pub struct Chain {
    methods: Vec<Method>,
    client_id: Option<Template>,
}

impl Chain {
    pub fn new(settings: ChainSettings) -> Self {
        Self {
            methods: settings.methods,
            client_id: settings.client_id,
        }
    }

    /// The answer, where nothing need be worked out for it: nothing was shown that a method has to
    /// check, or the password was right a moment ago. `None`: ask the [`crate::Doorkeeper`].
    ///
    /// Takes some microseconds at most and never blocks.
    pub fn quick(&self, question: &Question) -> Option<Verdict> {
        for method in &self.methods {
            match method.look(question) {
                Look::NotMine => {}
                Look::Verdict(verdict) => return Some(self.bound(question, verdict)),
                Look::Stranger(_) | Look::Check(_) | Look::Work => return None,
            }
        }
        Some(Verdict::Refused(last_word(question)))
    }

    /// Refuses who is known but comes with a client id of somebody else.
    fn bound(&self, question: &Question, verdict: Verdict) -> Verdict {
        let (Verdict::Allowed(proven), Some(template)) = (&verdict, &self.client_id) else {
            return verdict;
        };
        if template.fits(&question.client_id, proven) {
            verdict
        } else {
            Verdict::Refused(Refusal::ClientId)
        }
    }
}

impl Method {
    fn look(&self, question: &Question) -> Look {
        match self {
            Self::Anonymous if question.shows_anything() => Look::NotMine,
            Self::Anonymous => Look::Verdict(Verdict::Allowed(Box::new(Proven {
                method: ANONYMOUS,
                ..Proven::default()
            }))),
            Self::Certificate(template) => {
                let verdict = template.judge(question.certificate.as_ref());
                verdict.map_or(Look::NotMine, Look::Verdict)
            }
            Self::Http(hook) => hook.look(question),
            Self::Redis(_) | Self::Mysql(_) => match question.user_and_password() {
                None => Look::NotMine,
                Some(_) => Look::Work,
            },
            Self::Users(users) => look_in_file(users, question),
            Self::Jwt(jwt) => {
                let token = jwt.token(question);
                token.map_or(Look::NotMine, |_| Look::Work)
            }
        }
    }
}

fn look_in_file(users: &Users, question: &Question) -> Look {
    let Some((name, password)) = question.user_and_password() else {
        return Look::NotMine;
    };
    let Some(account) = users.account(name) else {
        return Look::Stranger(users.stranger(name));
    };
    let proven = Box::new(Proven {
        method: USERS,
        user: Some(Arc::clone(&account.user)),
        groups: account.groups.clone(),
        ..Proven::default()
    });
    let hash = Arc::clone(&account.hash);
    Look::at_password(name, password, hash, proven, &users.proofs)
}

/// Why nobody took this client.
fn last_word(question: &Question) -> Refusal {
    if question.shows_anything() {
        Refusal::UnknownUser
    } else {
        Refusal::NothingShown
    }
}

#[cfg(test)]
mod tests;
