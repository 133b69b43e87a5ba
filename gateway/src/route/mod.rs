//! Routes: which Kafka topic of which cluster has a publish, under which key, with which headers.
//! Compiled once.

mod moves;
mod table;

mod rule;

mod group;

mod filter;
mod hash;
mod template;

pub use group::{GroupBy, GroupRule, LaneIndex};
pub use moves::{Moves, Tally};
pub use rule::{AckPolicy, Local, OnOutage, RouteError, RouteRule};
pub use table::{Route, RouteTable};
pub use template::Context;
