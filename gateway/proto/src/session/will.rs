//! The message that a client leaves for the case that it goes without a word (section 3.1.2.5).

use std::sync::Arc;

use crate::encode;
use crate::message::Message;
use crate::packet::Connect;

/// A will, kept until its client says goodbye \[MQTT-3.1.2-10\] or it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// As it will be published, but for its expiry.
    pub message: Arc<Message>,
    /// How long it waits for the client to come back, in seconds \[MQTT-3.1.3-9\].
    pub delay_secs: u32,
    /// How long it lives once it is published; `None` for ever.
    pub expiry_secs: Option<u32>,
}

impl Will {
    /// The will in a CONNECT; `publisher` is as in [`Message::publisher`].
    pub fn of(connect: &Connect<'_>, publisher: u64) -> Option<Self> {
        let will = connect.will.as_ref()?;
        Some(Self {
            message: Arc::new(encode::message_of_will(will, publisher)),
            delay_secs: will.properties.delay_secs,
            expiry_secs: will.properties.message_expiry_secs,
        })
    }

    /// How long after the end of the connection it is due: at the end of its delay or of the
    /// session, whichever comes first \[MQTT-3.1.2-8\].
    pub fn due_after_secs(&self, session_expiry_secs: u32) -> u32 {
        self.delay_secs.min(session_expiry_secs)
    }

    /// The message to publish now.
    pub fn publish(self, now_sec: u32) -> Arc<Message> {
        let mut message = self.message;
        if let Some(secs) = self.expiry_secs {
            Arc::make_mut(&mut message).expires_at_sec = encode::expires_at(now_sec, secs);
        }
        message
    }
}
