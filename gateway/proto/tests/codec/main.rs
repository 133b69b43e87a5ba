//! The codec against a client's encoder that was written apart from it.

mod chance;
mod client;
mod made_up;
mod prefix;
mod round_trip;
mod server_says;
mod split;
mod table;
mod wire;
mod wrong_connect;
mod wrong_fields;
mod wrong_properties;
