//! The rules of a session, each as a sentence.

mod admission;
mod bench;
mod downward;
mod handed;
mod life;
mod queue;
mod revocation;
mod upward;
