//! Routes: which Kafka topic a publish goes to, under which key, with which headers. Compiled once.

mod table;

mod rule;

mod filter;
mod template;

pub use rule::{AckPolicy, Local, OnOutage, RouteError, RouteRule};
pub use table::{LaneIndex, Route, RouteTable};
pub use template::Context;
