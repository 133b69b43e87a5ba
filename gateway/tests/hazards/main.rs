//! What the network, the devices, Kafka and the operator can do to the gateway: one file per
//! hazard, each against the real binary on ports of its own choosing.
//!
//! The client here speaks MQTT by an encoder of its own, so that the gateway's codec is never its
//! own judge.

mod support;

mod access;
mod access_address;
mod access_queue;
mod access_reload;
mod access_tokens;
mod backpressure;
mod books;
mod budget;
mod claims;
mod clients_api;
mod deadline;
mod descriptors;
mod downlink;
mod downlink_kill;
mod downlink_several;
mod drain;
mod groups;
mod hammer;
mod identity;
mod identity_databases;
mod kafka_security;
mod limits;
mod listeners;
mod malformed;
mod message_expiry;
mod offline;
mod order;
mod outage;
mod overload;
mod proxy_protocol;
mod quota;
mod refused;
mod repair;
mod retained;
mod rights;
mod rings;
mod session_end;
mod shards;
mod shared;
mod slow_consumer;
mod spool;
mod stall;
mod startup;
mod store;
mod strangers;
mod takeover;
mod tls;
mod websocket;
mod wills;
