//! The session against a model written apart from it, and against clients that repeat themselves.

#[path = "../codec/chance.rs"]
#[allow(dead_code, reason = "the codec's tests use the rest of it")]
mod chance;

mod exactly_once;
mod model;
mod said;
mod sloppy;
