//! What publishers and subscribers do, the same for all threads.

use crate::cli::DeliverArgs;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::stamp;

/// Packet ids of a topic's publisher that may be in use: fewer than there are, so that an id names
/// one message only.
pub(super) const UNDER_WAY_MAX: u16 = 60_000;
/// How long the server shall keep the session of a subscriber: longer than any run.
const SESSION_EXPIRY_SECS: u32 = 24 * 3_600;

pub(super) struct DeliverPlan {
    pub(super) clients: Plan,
    pub(super) topics: u32,
    /// Of each topic.
    pub(super) subscribers: u32,
    pub(super) qos: u8,
    pub(super) payload_bytes: usize,
    template: String,
    /// Messages of one topic on their way at a time.
    pub(super) under_way_max: u32,
    /// Messages per second over all topics; 0 is a closed loop.
    pub(super) rate: f64,
    pub(super) secs: f64,
    pub(super) drain_secs: f64,
    /// Sessions of subscribers stay for so long.
    pub(super) session_expiry_secs: Option<u32>,
    /// Messages per topic while the subscribers are away; 0: they never are.
    pub(super) away_messages: u32,
}

impl DeliverPlan {
    pub(super) fn new(args: &DeliverArgs) -> Result<Self, Failure> {
        let clients = u64::from(args.topics) * (1 + u64::from(args.subscribers));
        let clients = u32::try_from(clients)
            .map_err(|_| Failure::Usage("ask for fewer --topics or --subscribers".into()))?;
        if args.away > 0 && args.qos == 0 {
            let sentence = "--away with QoS 0: nothing needs to be kept of it; give --qos 1";
            return Err(Failure::Usage(sentence.into()));
        }
        let is_closed_loop = args.rate == 0.0 || args.away > 0;
        let alone = if is_closed_loop { 1 } else { UNDER_WAY_MAX };
        let default = match args.subscribers {
            1 => "dev/{client}/cmd",
            _ => "news/{n}",
        };
        let mut plan = args.clients.plan(clients)?;
        plan.threads = plan.threads.min(args.topics);
        plan.connect_rate = args.connect_rate;
        Ok(Self {
            clients: plan,
            topics: args.topics,
            subscribers: args.subscribers,
            qos: args.qos,
            payload_bytes: args.payload,
            template: args.topic.clone().unwrap_or_else(|| default.to_owned()),
            under_way_max: u32::from(args.in_flight.unwrap_or(alone)),
            rate: if args.away > 0 { 0.0 } else { args.rate },
            secs: args.duration,
            drain_secs: args.drain,
            session_expiry_secs: (args.persistent || args.away > 0).then_some(SESSION_EXPIRY_SECS),
            away_messages: args.away,
        })
    }

    /// The topics of one thread, and with them their publishers and subscribers: first and count.
    pub(super) fn share(&self, thread: u32) -> (u32, u32) {
        let (each, over) = (
            self.topics / self.clients.threads,
            self.topics % self.clients.threads,
        );
        (
            thread * each + thread.min(over),
            each + u32::from(thread < over),
        )
    }

    /// The number that names the nth subscriber of a topic; publishers have those of their topics.
    pub(super) fn subscriber(&self, topic: u32, nth: u32) -> u32 {
        self.topics + topic * self.subscribers + nth
    }

    pub(super) fn topic(&self, number: u32) -> String {
        let first = self.clients.run.client_id(self.subscriber(number, 0));
        stamp::topic(&self.template, &first, number)
    }

    /// Whether the subscribers are away while messages are published.
    pub(super) fn is_away(&self) -> bool {
        self.away_messages > 0
    }
}
