//! A shard's world without rings: devices speak bytes, Kafka answers when the test says so.

mod accounts;
mod bench;
mod commands;
mod departures;
mod endings;
mod groups;
mod inquiries;
mod keeping;
mod parties;
mod quotas;
mod spreading;
mod waiting;
