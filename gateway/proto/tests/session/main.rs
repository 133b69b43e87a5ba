//! The session against a model written apart from it, against clients that repeat themselves, and
//! against a whole client over a link that breaks.

#[path = "../codec/chance.rs"]
#[allow(dead_code, reason = "the codec's tests use the rest of it")]
mod chance;

mod exactly_once;
mod model;
mod said;
mod simulation;
mod sloppy;
