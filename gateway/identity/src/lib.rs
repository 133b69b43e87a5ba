//! Who is it? A chain of methods, each of which lets a client in, refuses it, or leaves it to the
//! next; none of them ever stops a shard.
//!
//! ```text
//!  shard: CONNECT ──> Question ──> Chain::quick ──> Verdict            nothing to work out
//!                                       │
//!                                       └─> Doorkeeper::ask ──> workers: argon2, signatures
//!  shard: Verdict <── answer(Verdict) <────────────────────────────┘
//! ```
//!
//! The first decisive answer counts: a wrong password ends the walk, an unknown user does not. At
//! the end of the chain everybody is refused. What a refusal says to the peer is one reason code;
//! a name that nobody has costs as much work as a wrong password. A file uses only the files
//! listed below it here.

#![forbid(unsafe_code)]

pub mod service;

pub mod chain;

pub mod jwt;

pub mod users;

pub mod remote;

mod look;

pub mod proofs;

mod cache;

mod complaint;

mod values;

pub mod certificate;

pub mod binding;

pub mod hash;

mod fingerprint;

pub mod secret;

pub mod verdict;

pub mod question;

pub mod clock;

pub mod fault;

pub mod limits;

pub use binding::Template;
pub use chain::{Chain, ChainSettings, Method};
pub use clock::Clock;
pub use fault::Fault;
pub use jwt::{Jwt, JwtSettings};
pub use question::{Certificate, Password, Question};
pub use secret::Secret;
pub use service::{Doorkeeper, Service, ServiceSettings};
pub use verdict::{Proven, Refusal, Verdict};
