//! One client: its socket, the state of its connection, and what it subscribed to.

use super::plan::DeliverPlan;
use super::track::Track;
use crate::codec::encode;
use std::os::fd::OwnedFd;

/// ```text
/// Away --open--> AwaitSocket --writable--> AwaitConnack --+--> Connected
///                                                         +--> AwaitSuback --> Connected
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Away,
    AwaitSocket,
    AwaitConnack,
    AwaitSuback,
    Connected,
}

pub(super) struct Peer {
    pub(super) number: u32,
    /// Among the topics of the thread.
    pub(super) topic: u32,
    pub(super) state: State,
    /// Tells events and deadlines of an earlier connection from those of this one.
    pub(super) generation: u32,
    pub(super) socket: Option<OwnedFd>,
    /// The front of a frame whose end has not come yet.
    pub(super) partial: Vec<u8>,
    /// What did not fit into the socket.
    pub(super) unsent: Vec<u8>,
    pub(super) intended_ns: u64,
    pub(super) is_settled: bool,
    pub(super) is_eager: bool,
    /// Sent something since the last round of pings.
    pub(super) has_spoken: bool,
    /// `None`: it is the topic's publisher.
    pub(super) track: Option<Track>,
}

impl Peer {
    /// Publishers first, then the subscribers of one topic after the other's.
    pub(super) fn all_of(plan: &DeliverPlan, first_topic: u32, topics: u32) -> Vec<Self> {
        let publishers = (0..topics).map(|topic| Self::new(first_topic + topic, topic, None));
        let subscribers = (0..topics).flat_map(|topic| {
            (0..plan.subscribers).map(move |nth| {
                let number = plan.subscriber(first_topic + topic, nth);
                Self::new(number, topic, Some(Track::default()))
            })
        });
        publishers.chain(subscribers).collect()
    }

    fn new(number: u32, topic: u32, track: Option<Track>) -> Self {
        Self {
            number,
            topic,
            state: State::Away,
            generation: 0,
            socket: None,
            partial: Vec::new(),
            unsent: Vec::new(),
            intended_ns: 0,
            is_settled: false,
            is_eager: false,
            has_spoken: false,
            track,
        }
    }

    /// The CONNECT of this client.
    pub(super) fn hello(&self, plan: &DeliverPlan, out: &mut Vec<u8>) {
        let clients = &plan.clients;
        let client_id = clients.run.client_id(self.number);
        let (id, keepalive_secs) = (client_id.as_bytes(), clients.keepalive_secs);
        match plan.session_expiry_secs.filter(|_| self.track.is_some()) {
            Some(expiry_secs) => {
                encode::connect_again(out, clients.version, id, keepalive_secs, expiry_secs);
            }
            None => encode::connect(out, clients.version, id, keepalive_secs),
        }
    }

    pub(super) fn is_opening(&self) -> bool {
        matches!(self.state, State::AwaitSocket | State::AwaitConnack)
    }

    /// Forgets the connection.
    pub(super) fn on_close(&mut self) {
        self.state = State::Away;
        self.generation = self.generation.wrapping_add(1);
        self.socket = None;
        self.partial = Vec::new();
        self.unsent = Vec::new();
        self.has_spoken = false;
    }
}
