//! Tributary: takes MQTT from millions of devices and carries it into Kafka.
//!
//! The modules stand in the order of use: a file uses only modules listed below its own.

pub mod route;

pub mod kafka;
