//! The index of subscriptions against a model that tries every filter on every topic.

#[path = "../codec/chance.rs"]
#[allow(dead_code, reason = "the codec's tests use the rest of it")]
mod chance;

mod bounds;
mod every_filter;
mod model;
