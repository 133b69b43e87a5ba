//! Who may send next: the lane's own queue for each partition, and the line in front of each
//! leader.

use std::collections::VecDeque;
use std::sync::Arc;

use super::batch::Record;
use super::block::Block;
use super::limits;

/// Names a partition of a topic inside one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartitionIndex(u32);

#[derive(Debug)]
struct Partition {
    topic: Arc<str>,
    number: i32,
    leader: usize,
    queue: VecDeque<Block>,
    flying: usize,
    in_line: bool,
    /// Blocks opened so far.
    sequence: u64,
}

#[derive(Debug)]
struct Leader {
    id: i32,
    line: VecDeque<PartitionIndex>,
    flying: usize,
}

/// A block that may go now.
#[derive(Debug)]
pub(super) struct Departure {
    pub(super) partition: PartitionIndex,
    /// To be given back to [`Lines::arrive`]: the partition may have another leader by then.
    pub(super) leader: usize,
    pub(super) block: Block,
}

/// The queues of all partitions of one lane.
///
/// A partition that has records and nothing in flight stands in the line of its leader; leaders are
/// served in turn, partitions in the order they came.
#[derive(Debug)]
pub(super) struct Lines {
    /// Blocks of one leader that may be in flight at once.
    flights_per_leader_max: usize,
    partitions: Vec<Partition>,
    leaders: Vec<Leader>,
    turn: usize,
    queued: usize,
    spare: Vec<Block>,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines::new(limits::FLIGHTS_PER_LEADER_MAX)
    }
}

impl Lines {
    pub(super) fn new(flights_per_leader_max: usize) -> Lines {
        Lines {
            flights_per_leader_max,
            partitions: Vec::new(),
            leaders: Vec::new(),
            turn: 0,
            queued: 0,
            spare: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, topic: Arc<str>, number: i32, leader_id: i32) -> PartitionIndex {
        let leader = self.leader(leader_id);
        self.partitions.push(Partition {
            topic,
            number,
            leader,
            queue: VecDeque::new(),
            flying: 0,
            in_line: false,
            sequence: 0,
        });
        PartitionIndex(self.partitions.len() as u32 - 1)
    }

    /// Notes who leads a partition; it takes effect when the partition gets in line the next time.
    pub(super) fn lead(&mut self, partition: PartitionIndex, leader_id: i32) {
        let leader = self.leader(leader_id);
        self.partition(partition).leader = leader;
    }

    pub(super) fn name(&self, partition: PartitionIndex) -> (&str, i32) {
        let partition = &self.partitions[partition.0 as usize];
        (&partition.topic, partition.number)
    }

    /// Puts a record behind what its partition has.
    pub(super) fn push(&mut self, partition: PartitionIndex, record: &Record, bytes: &[u8]) {
        let queue = &self.partitions[partition.0 as usize].queue;
        if !queue.back().is_some_and(|block| block.fits(record.bytes())) {
            let block = self.open_block();
            let partition = self.partition(partition);
            partition.sequence += 1;
            let sequence = partition.sequence;
            partition.queue.push_back(Block { sequence, ..block });
            self.queued += 1;
        }
        if let Some(block) = self.partition(partition).queue.back_mut() {
            block.push(record, bytes);
        }
        self.line_up(partition);
    }

    /// Puts blocks that came back unanswered in front of what is younger.
    pub(super) fn put_back(
        &mut self,
        partition: PartitionIndex,
        blocks: impl DoubleEndedIterator<Item = Block>,
    ) {
        for block in blocks.rev() {
            let queue = &mut self.partition(partition).queue;
            let index = queue
                .iter()
                .position(|other| other.sequence >= block.sequence);
            queue.insert(index.unwrap_or(queue.len()), block);
            self.queued += 1;
        }
        self.line_up(partition);
    }

    /// Takes out what waits and may go to the spool, in order within each partition, with the name
    /// of its topic.
    pub(super) fn take_spoolable(&mut self, mut each: impl FnMut(&str, &Record, &[u8])) {
        for partition in &mut self.partitions {
            let Partition { topic, queue, .. } = partition;
            for block in queue.iter_mut().filter(|block| block.is_spoolable()) {
                block.take_spoolable(|record, bytes| each(topic, record, bytes));
            }
            let before = queue.len();
            queue.retain(|block| !block.records.is_empty());
            self.queued -= before - queue.len();
            // Whoever stands in a line has something to send.
            partition.in_line &= !partition.queue.is_empty();
        }
        let partitions = &self.partitions;
        for leader in &mut self.leaders {
            let in_line = |index: &PartitionIndex| partitions[index.0 as usize].in_line;
            leader.line.retain(in_line);
        }
    }

    /// Blocks that wait, for whatever reason.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Whether [`Lines::depart`] would give a block.
    pub(super) fn is_ready(&self) -> bool {
        let max = self.flights_per_leader_max;
        self.leaders.iter().any(|leader| leader.is_ready(max))
    }

    /// The block that goes next.
    pub(super) fn depart(&mut self) -> Option<Departure> {
        let count = self.leaders.len();
        let leader = (0..count).map(|step| (self.turn + step) % count);
        let leader = leader
            .into_iter()
            .find(|index| self.leaders[*index].is_ready(self.flights_per_leader_max))?;
        self.turn = leader + 1;
        let partition = self.leaders[leader].line.pop_front()?;
        self.leaders[leader].flying += 1;
        let waiting = self.partition(partition);
        waiting.in_line = false;
        waiting.flying += 1;
        let block = waiting.queue.pop_front()?;
        self.queued -= 1;
        self.line_up(partition);
        Some(Departure {
            partition,
            leader,
            block,
        })
    }

    /// A flight has landed: its partition and its leader may have the next.
    pub(super) fn arrive(&mut self, partition: PartitionIndex, leader: usize) {
        self.partition(partition).flying -= 1;
        self.leaders[leader].flying -= 1;
        self.line_up(partition);
    }

    /// An empty block, with the memory of an earlier one where there is one.
    pub(super) fn open_block(&mut self) -> Block {
        self.spare.pop().unwrap_or_default()
    }

    pub(super) fn recycle(&mut self, mut block: Block) {
        if self.spare.len() < limits::BLOCKS_SPARE_MAX {
            block.clear();
            self.spare.push(block);
        }
    }

    fn line_up(&mut self, index: PartitionIndex) {
        let partition = &mut self.partitions[index.0 as usize];
        if !partition.in_line
            && partition.flying < limits::FLIGHTS_PER_PARTITION_MAX
            && !partition.queue.is_empty()
        {
            partition.in_line = true;
            self.leaders[partition.leader].line.push_back(index);
        }
    }

    fn leader(&mut self, id: i32) -> usize {
        self.leaders
            .iter()
            .position(|leader| leader.id == id)
            .unwrap_or_else(|| {
                self.leaders.push(Leader {
                    id,
                    line: VecDeque::new(),
                    flying: 0,
                });
                self.leaders.len() - 1
            })
    }

    fn partition(&mut self, partition: PartitionIndex) -> &mut Partition {
        &mut self.partitions[partition.0 as usize]
    }
}

impl Leader {
    fn is_ready(&self, flights_max: usize) -> bool {
        self.flying < flights_max && !self.line.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::policy::Policy;

    fn record(ticket: u64) -> Record {
        Record {
            ticket,
            start: 0,
            key_bytes: 0,
            headers_bytes: 0,
            payload_bytes: 0,
            ..Record::default()
        }
    }

    fn tickets(block: &Block) -> Vec<u64> {
        block.records.iter().map(|record| record.ticket).collect()
    }

    #[test]
    fn a_partition_gathers_while_its_block_is_in_flight() {
        let mut lines = Lines::default();
        let partition = lines.add("t".into(), 0, 1);
        lines.push(partition, &record(1), &[]);
        let Some(first) = lines.depart() else {
            panic!("nothing in flight yet")
        };
        assert_eq!(tickets(&first.block), [1]);
        (2..5).for_each(|ticket| lines.push(partition, &record(ticket), &[]));
        assert!(!lines.is_ready() && lines.depart().is_none());
        lines.arrive(partition, first.leader);
        let Some(second) = lines.depart() else {
            panic!("the first has landed")
        };
        assert_eq!(tickets(&second.block), [2, 3, 4]);
        assert_eq!(lines.queued(), 0);
    }

    #[test]
    fn a_leader_has_so_many_blocks_in_flight_and_others_are_not_held_up() {
        let mut lines = Lines::default();
        let slow: Vec<_> = (0..8)
            .map(|number| lines.add("t".into(), number, 1))
            .collect();
        let quick = lines.add("t".into(), 8, 2);
        for partition in &slow {
            lines.push(*partition, &record(0), &[]);
        }
        let flying: Vec<_> = std::iter::from_fn(|| lines.depart()).collect();
        assert_eq!(flying.len(), limits::FLIGHTS_PER_LEADER_MAX);
        lines.push(quick, &record(9), &[]);
        assert_eq!(
            lines.depart().map(|departure| departure.partition),
            Some(quick)
        );
        lines.arrive(flying[0].partition, flying[0].leader);
        assert_eq!(
            lines.depart().map(|departure| departure.partition),
            Some(slow[5])
        );
    }

    #[test]
    fn what_goes_to_disk_leaves_the_others_in_line_and_no_empty_place() {
        let mut lines = Lines::default();
        let mixed = lines.add("mixed".into(), 0, 1);
        let spooled = lines.add("spooled".into(), 0, 1);
        for ticket in 0..10 {
            let policy = [Policy::Withhold, Policy::SpoolInOutage][ticket as usize % 2];
            let record = Record {
                policy,
                ..record(ticket)
            };
            lines.push(mixed, &record, &[]);
            if policy == Policy::SpoolInOutage {
                lines.push(spooled, &record, &[]);
            }
        }
        let mut taken = Vec::new();
        lines.take_spoolable(|topic, record, _| taken.push((topic.to_owned(), record.ticket)));
        let of = |topic: &str| -> Vec<u64> {
            let of_topic = taken.iter().filter(|(other, _)| other == topic);
            of_topic.map(|(_, ticket)| *ticket).collect()
        };
        assert_eq!(
            (of("mixed"), of("spooled")),
            (vec![1, 3, 5, 7, 9], of("mixed"))
        );
        let Some(departure) = lines.depart() else {
            panic!("what must wait for Kafka is still here")
        };
        assert_eq!(tickets(&departure.block), [0, 2, 4, 6, 8]);
        assert_eq!(lines.queued(), 0);
        assert!(!lines.is_ready() && lines.depart().is_none());
        lines.push(spooled, &record(10), &[]);
        assert_eq!(
            lines.depart().map(|departure| departure.partition),
            Some(spooled)
        );
    }

    #[test]
    fn what_comes_back_goes_before_what_is_younger_even_in_pieces() {
        let mut lines = Lines::default();
        let partition = lines.add("t".into(), 0, 1);
        lines.push(partition, &record(1), &[]);
        let Some(first) = lines.depart() else {
            panic!("one block")
        };
        lines.push(partition, &record(9), &[]);
        let piece = |ticket| Block {
            records: vec![record(ticket)],
            sequence: first.block.sequence,
            bytes: Vec::new(),
        };
        lines.put_back(partition, [piece(1), piece(2)].into_iter());
        lines.arrive(partition, first.leader);
        let mut order = Vec::new();
        while let Some(departure) = lines.depart() {
            order.extend(tickets(&departure.block));
            if order == [1] {
                lines.put_back(partition, [piece(3), piece(4)].into_iter());
            }
            lines.arrive(partition, departure.leader);
        }
        assert_eq!(order, [1, 3, 4, 2, 9]);
    }
}
