//! Appends what the server says to a buffer of bytes. It cannot fail: who calls it bounds the
//! payloads, and a string that two bytes of length cannot say is cut, not written wrong.

mod field;

mod ack;

mod connack;

mod end;

mod message;

mod publish;

mod subscribe;

pub use ack::{puback, pubcomp, pubrec, pubrel};
pub use connack::connack;
pub use end::{auth, disconnect, pingresp};
pub use message::{Copy, Topic, expires_at, message, message_of_publish, message_of_will};
pub use publish::publish;
pub use subscribe::{suback, unsuback};
