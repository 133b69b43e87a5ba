//! What the gateway says of itself: the `$SYS` tree, told by one shard for all.

use std::sync::Arc;

use tributary_proto::message::Message;
use tributary_proto::version::Qos;

use super::world::World;
use crate::limits::TICKS_PER_SEC;
use crate::sys::{Reading, Sys};

/// Tells the `$SYS` topics.
pub(super) struct Speaker {
    sys: Sys,
    interval_ticks: u32,
    next_tick: u32,
}

impl Speaker {
    /// Speaks so often; `None` when that is never.
    pub(super) fn new(interval_secs: u16) -> Option<Self> {
        (interval_secs > 0).then(|| Self {
            sys: Sys::new(env!("CARGO_PKG_VERSION")),
            interval_ticks: u32::from(interval_secs) * TICKS_PER_SEC,
            next_tick: 0,
        })
    }
}

impl World {
    /// Says how the gateway is, when it is time to.
    pub(super) fn speak(&mut self) {
        let now_tick = self.now_tick;
        let Some(speaker) = self
            .speaker
            .as_mut()
            .filter(|speaker| speaker.next_tick <= now_tick)
        else {
            return;
        };
        speaker.next_tick = now_tick + speaker.interval_ticks;
        let heap_bytes = crate::books::user_bytes().unwrap_or(0);
        let reading = Reading::of(
            self.books.iter(),
            u64::from(now_tick / TICKS_PER_SEC),
            heap_bytes,
        );
        let mut news = Vec::new();
        speaker.sys.on_interval(&reading, &mut |topic, payload| {
            news.push((topic.to_owned(), payload.to_owned()));
        });
        for (topic, payload) in news {
            self.say(&topic, &payload);
        }
    }

    /// Publishes what the server says; only subscribers hear it, and it is retained.
    fn say(&mut self, topic: &str, payload: &str) {
        let message = Arc::new(Message {
            topic: topic.into(),
            payload: payload.as_bytes().into(),
            properties: Box::default(),
            publisher: Message::NOBODY,
            expires_at_sec: Message::NEVER,
            qos: Qos::AtMostOnce,
            retain: true,
        });
        self.find_reach(topic);
        if self.has_room(topic, message.bytes(), true) {
            self.spread(&message, None);
        }
    }
}
