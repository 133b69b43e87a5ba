//! The thread that asks Kafka where partitions end: the answer can take seconds, and no record may
//! wait for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::consumer::Client;

const PATIENCE: Duration = Duration::from_secs(5);

/// A partition: what the asker calls it, its topic and number.
pub(super) type Asked = (u32, Arc<str>, i32);
/// The end of each partition that was asked for; nothing when Kafka has not said all.
type Answer = Option<Vec<(u32, i64)>>;

/// A reader's end; the thread ends when it is dropped.
pub(super) struct Ends {
    questions: SyncSender<Vec<Asked>>,
    answers: Receiver<Answer>,
}

impl Ends {
    /// Starts the thread.
    pub(super) fn start(client: Arc<Client>) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel(1);
        let (told, answers) = channel();
        let name = format!("ends {}", client.context().cluster);
        let run = move || run(&client, &asked, &told);
        std::thread::Builder::new().name(name).spawn(run)?;
        Ok(Self { questions, answers })
    }

    /// Asks; there is one question at a time.
    pub(super) fn ask(&self, partitions: Vec<Asked>) {
        // The thread lives as long as this end, and nothing else is in the channel.
        let sent = self.questions.try_send(partitions);
        debug_assert!(sent.is_ok());
    }

    /// The answer, if it is there.
    pub(super) fn take_answer(&self) -> Option<Answer> {
        match self.answers.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            // Nobody answers any more: asking again fails again, and devices keep waiting.
            Err(TryRecvError::Disconnected) => Some(None),
        }
    }
}

fn run(client: &Client, asked: &Receiver<Vec<Asked>>, told: &Sender<Answer>) {
    while let Ok(partitions) = asked.recv() {
        let answer = find(client, &partitions).unwrap_or_else(|error| {
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            let reason = "where the partitions end is not known; that is asked again";
            client.context().complain(code, reason);
            None
        });
        if told.send(answer).is_err() {
            return;
        }
    }
}

fn find(client: &Client, partitions: &[Asked]) -> KafkaResult<Answer> {
    let mut list = TopicPartitionList::new();
    for (_, topic, number) in partitions {
        // In the place of a time this asks for the end.
        list.add_partition_offset(topic, *number, Offset::End)?;
    }
    let list = client.offsets_for_times(list, PATIENCE)?;
    let end = |(index, topic, number): &Asked| {
        let found = list.find_partition(topic, *number)?;
        match (found.error(), found.offset()) {
            (Ok(()), Offset::Offset(end)) => Some((*index, end)),
            _ => None,
        }
    };
    Ok(partitions.iter().map(end).collect())
}
