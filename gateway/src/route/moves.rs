//! A dry run: which share of the clients changes its cluster when other rules replace these.

use std::collections::BTreeMap;

use super::group::LaneIndex;
use super::rule::{RouteError, RouteRule};
use super::table::RouteTable;
use super::template::Context;

/// Two sets of rules, and what has been counted of their differences.
#[derive(Clone, Debug)]
pub struct Moves {
    old: Side,
    new: Side,
    tallies: Vec<Tally>,
    unrouted_count: u64,
}

/// What becomes of the clients of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The filter of the rule.
    pub filter: String,
    /// Clients that were counted, each with one topic.
    pub client_count: u64,
    /// Those that do not stay, by the clusters from and to which they go; `None` is no Kafka.
    pub moves: BTreeMap<(Option<String>, Option<String>), u64>,
}

#[derive(Clone, Debug)]
struct Side {
    table: RouteTable,
    filters: Vec<String>,
}

impl Moves {
    /// Nothing counted yet. The error is that of rules that do not compile, the old ones first.
    pub fn between(old: &[RouteRule], new: &[RouteRule]) -> Result<Moves, Vec<RouteError>> {
        let (old, new) = (Side::of(old)?, Side::of(new)?);
        let gone = old.filters.iter().filter(|it| !new.filters.contains(it));
        let tallies = new.filters.iter().chain(gone).map(|filter| Tally {
            filter: filter.clone(),
            ..Tally::default()
        });
        Ok(Moves {
            tallies: tallies.collect(),
            unrouted_count: 0,
            old,
            new,
        })
    }

    /// Counts a client once for every rule, new or old, with a topic made of the rule's filter.
    pub fn count_client(&mut self, client_id: &str) {
        for index in 0..self.tallies.len() {
            let topic = topic_of(&self.tallies[index].filter, client_id);
            self.count(index, client_id, &topic);
        }
    }

    /// Counts a client that publishes to this topic, for the rule that takes it, the new one first.
    pub fn count_publish(&mut self, client_id: &str, topic: &str) {
        let filter = self.new.filter_for(topic).or(self.old.filter_for(topic));
        let position = self
            .tallies
            .iter()
            .position(|tally| Some(&*tally.filter) == filter);
        match position {
            Some(index) => self.count(index, client_id, topic),
            None => self.unrouted_count += 1,
        }
    }

    /// What was counted: the new rules in their order, then those that only the old ones have.
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// Clients whose topic no rule takes, on neither side.
    pub fn unrouted_count(&self) -> u64 {
        self.unrouted_count
    }

    fn count(&mut self, index: usize, client_id: &str, topic: &str) {
        let context = Context {
            client_id,
            topic,
            user: "",
            qos: 1,
            response_topic: "",
            correlation_data: &[],
        };
        let (from, to) = (self.old.cluster(&context), self.new.cluster(&context));
        let tally = &mut self.tallies[index];
        tally.client_count += 1;
        if from != to {
            let pair = (from.map(str::to_owned), to.map(str::to_owned));
            *tally.moves.entry(pair).or_insert(0) += 1;
        }
    }
}

impl Tally {
    /// Clients that change their cluster.
    pub fn moved_count(&self) -> u64 {
        self.moves.values().sum()
    }
}

impl Side {
    fn of(rules: &[RouteRule]) -> Result<Side, Vec<RouteError>> {
        Ok(Side {
            table: RouteTable::compile(rules)?,
            filters: rules.iter().map(|rule| rule.filter.clone()).collect(),
        })
    }

    /// The filter of the rule that takes a topic.
    fn filter_for(&self, topic: &str) -> Option<&str> {
        let position = self.table.position(topic)?;
        Some(&self.filters[position])
    }

    /// The cluster that a publish goes to.
    fn cluster(&self, context: &Context<'_>) -> Option<&str> {
        let LaneIndex(lane) = self.table.find(context.topic)?.lane(context)?;
        Some(&self.table.clusters()[usize::from(lane)])
    }
}

/// A topic that the filter matches: the client id stands for each of its wildcards, without what
/// would make it more than one level.
fn topic_of(filter: &str, client_id: &str) -> String {
    let level = client_id.replace(['/', '+', '#', '$'], "-");
    let levels = filter.split('/').map(|text| match text {
        "+" | "#" => level.as_str(),
        text => text,
    });
    levels.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
