//! Holds back what a compacted topic says until its end at the start is reached, so that nobody is
//! told an older state after a newer one.
//!
//! A gateway that was killed reads again what may have been handed off before, newer states among
//! it. Whatever it handed off then lies before the end that it finds now; so from what lies before
//! that end, only the newest per device and topic goes out.

use std::collections::HashMap;
use std::sync::Arc;

use super::command::Command;

type Key = (Option<Arc<str>>, Box<str>);

/// What was read of a compacted topic before its end at the start was reached.
#[derive(Debug, Default)]
pub(super) struct CatchUp {
    /// Partitions that are not read so far yet, with the offset to reach.
    behind: HashMap<u32, i64>,
    newest: HashMap<Key, (u64, Command)>,
    read_count: u64,
}

impl CatchUp {
    /// A partition is to be read up to this offset before anything goes out.
    pub(super) fn expect(&mut self, partition: u32, start: i64, end: i64) {
        if start < end {
            self.behind.insert(partition, end);
        }
    }

    /// Takes a command in; gives back the older one whose place it takes.
    pub(super) fn hold(&mut self, command: Command) -> Option<Command> {
        self.read_count += 1;
        let key = (command.device.clone(), command.message.topic.clone());
        let earlier = self.newest.insert(key, (self.read_count, command));
        earlier.map(|(_, command)| command)
    }

    /// A partition was read up to here.
    pub(super) fn on_progress(&mut self, partition: u32, next_offset: i64) {
        let end = self.behind.get(&partition);
        if end.is_some_and(|end| *end <= next_offset) {
            self.behind.remove(&partition);
        }
    }

    /// Whether every partition has been read so far.
    pub(super) fn is_done(&self) -> bool {
        self.behind.is_empty()
    }

    /// What goes out, in the order in which it was read.
    pub(super) fn release(self) -> impl Iterator<Item = Command> {
        let mut newest: Vec<_> = self.newest.into_values().collect();
        newest.sort_unstable_by_key(|(place, _)| *place);
        newest.into_iter().map(|(_, command)| command)
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::{Origin, TrayTerms};
    use super::*;
    use tributary_proto::message::Message;
    use tributary_proto::version::Qos;

    fn command(device: &str, topic: &str, payload: &str) -> Command {
        let message = Message {
            topic: topic.into(),
            payload: payload.as_bytes().into(),
            properties: Box::default(),
            publisher: Message::NOBODY,
            expires_at_sec: Message::NEVER,
            qos: Qos::AtLeastOnce,
            retain: false,
        };
        Command {
            device: Some(device.into()),
            message: Arc::new(message),
            is_tombstone: false,
            terms: Arc::new(TrayTerms {
                rule: 0,
                waiting_max: 10,
                drops_newest: false,
                latest: true,
                several: false,
            }),
            origin: Origin::for_test(0).0,
        }
    }

    #[test]
    fn only_the_newest_of_each_device_and_topic_goes_out_and_in_order() {
        let mut catch_up = CatchUp::default();
        catch_up.expect(0, 0, 5);
        for (device, topic, payload) in [
            ("a", "t", "1"),
            ("b", "t", "2"),
            ("a", "t", "3"),
            ("a", "u", "4"),
        ] {
            catch_up.hold(command(device, topic, payload));
        }
        let older = catch_up.hold(command("b", "t", "5"));
        assert!(older.is_some_and(|older| *older.message.payload == *b"2"));
        let said = catch_up
            .release()
            .map(|one| one.message.payload[0])
            .collect::<Vec<_>>();
        assert_eq!(said, b"345");
    }

    #[test]
    fn it_is_done_when_every_partition_is_read_up_to_its_end() {
        let mut catch_up = CatchUp::default();
        catch_up.expect(0, 0, 5);
        catch_up.expect(1, 7, 7);
        catch_up.expect(2, 3, 9);
        catch_up.on_progress(0, 5);
        catch_up.on_progress(2, 8);
        assert!(!catch_up.is_done(), "one record of partition 2 is missing");
        catch_up.on_progress(2, 9);
        assert!(catch_up.is_done());
    }
}
