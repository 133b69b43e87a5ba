//! What is answered: who it is, or why it may not come in.

use std::sync::Arc;

use tributary_access::own::OwnRules;
use tributary_proto::reason::Reason;

/// The answer to a question. `Proven` is boxed, since most verdicts wait in a mailbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    Allowed(Box<Proven>),
    Refused(Refusal),
}

/// Who a client has shown to be.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Proven {
    /// The method that says so: one of [`crate::chain::METHODS`].
    pub method: &'static str,
    /// `None` for an anonymous client.
    pub user: Option<Arc<str>>,
    pub groups: Vec<Box<str>>,
    /// By name; numbers and truth values as JSON writes them.
    pub claims: Vec<(Box<str>, Box<str>)>,
    /// Rules that came along, in a token or in a web service's answer.
    pub rules: Option<Arc<OwnRules>>,
    /// When this proof ends, in seconds since 1970; `None` when it does not.
    pub expires_unix_sec: Option<u64>,
}

impl Proven {
    /// The value of a claim, if the client brought it.
    pub fn claim(&self, name: &str) -> Option<&str> {
        let found = self.claims.iter().find(|(other, _)| &**other == name);
        found.map(|(_, value)| &**value)
    }
}

impl From<Proven> for Verdict {
    fn from(proven: Proven) -> Self {
        Self::Allowed(Box::new(proven))
    }
}

/// Writes the variants, their counters' names and what the peer is told from one table.
macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $reason:ident;)*) => {
        /// Why a client may not come in: for counters and log. The peer learns [`Self::reason`].
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Refusal {
            $($(#[$doc])* $variant,)*
        }

        impl Refusal {
            pub const ALL: &'static [Refusal] = &[$(Refusal::$variant,)*];
            /// The counters' names, in the order of [`Self::ALL`].
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// What CONNACK says; a 3.1.1 client gets the code nearest to it.
            pub const fn reason(self) -> Reason {
                match self {
                    $(Refusal::$variant => Reason::$reason,)*
                }
            }
        }
    };
}

refusals! {
    /// No method has this user, or can read what was shown.
    UnknownUser = "unknown_user", BadUserNameOrPassword;
    WrongPassword = "wrong_password", BadUserNameOrPassword;
    /// Neither user name nor password, and nothing else that a method takes.
    NothingShown = "nothing_shown", NotAuthorized;
    /// The certificate lacks a name that the user is made of.
    CertificateNames = "certificate_names", NotAuthorized;
    /// Not the three parts of a token, a header that is not understood, or too long.
    TokenMalformed = "token_malformed", BadUserNameOrPassword;
    /// Signed by nobody who is known, or by an algorithm that is not taken.
    TokenSignature = "token_signature", BadUserNameOrPassword;
    TokenExpired = "token_expired", BadUserNameOrPassword;
    /// It does not hold yet.
    TokenEarly = "token_early", BadUserNameOrPassword;
    /// Of another issuer, for another audience, without a user or an end, not to be kept, or with
    /// rules that cannot be read.
    TokenClaims = "token_claims", BadUserNameOrPassword;
    /// About another user than the CONNECT names.
    TokenUser = "token_user", BadUserNameOrPassword;
    /// It brought rules, and there are none of the operator's that they could stand before.
    RulesUnasked = "rules_unasked", NotAuthorized;
    /// A web service says no.
    Denied = "denied", BadUserNameOrPassword;
    /// The client id is not one that this user may have [MQTT-3.1.3.1].
    ClientId = "client_id", ClientIdentifierNotValid;
    /// More wait than may wait, or this one has waited too long.
    Busy = "busy", ServerBusy;
    /// Whoever would know cannot be asked.
    Unavailable = "unavailable", ServerUnavailable;
}

impl Refusal {
    /// The snake_case name for log fields and metric labels.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// Its place in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}
