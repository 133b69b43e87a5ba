//! Gate: who a stranger is, asked before it is let in, at listeners that have methods for it.
//!
//! ```text
//!  CONNECT --Chain::quick--> known at once --------------------------> enter, or refused
//!             '--Doorkeeper::ask--> its bytes wait, nothing is armed      ^
//!                                     service --Note::Verdict--> looked at once more
//! ```
//!
//! A verdict names socket and serial: one that comes after the deadline meets nobody.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use tributary_access::address::{AddressGroup, Grouping};
use tributary_access::holdoffs::{Holdoffs, Terms};
use tributary_identity::{
    Certificate, Chain, Doorkeeper, Password, Proven, Question, Refusal, Template, Verdict,
};
use tributary_proto::close::Close;
use tributary_proto::packet::Connect;
use tributary_proto::reason::Reason;
use tributary_proto::session;
use tributary_proto::version::Version;

use super::admit::Entrance;
use super::client::Client;
use super::clients::ClientRef;
use super::prove::Proof;
use super::world::{Socket, World};
use crate::clock;
use crate::limits::{ASKED_PER_SHARD_MAX, EXPIRIES_SWEEP_MIN, HELD_OFF_ADDRESSES_MAX, TICK};
use crate::mailbox::{Chains, Note};
use crate::store::Whose;

/// What all shards ask.
#[derive(Clone)]
pub struct GatePlan {
    /// Whoever works the answers out.
    pub doorkeeper: Doorkeeper,
    /// For each listener its methods.
    pub chains: Chains,
    /// Which client ids a user may have; chains have it too.
    pub client_id: Option<Template>,
    /// Whether a client id stays with its user as long as there is a session.
    pub keeps_users_apart: bool,
    /// When addresses that show wrong passwords are held off.
    pub failures: Terms,
}

/// What a shard knows of who is asked about.
pub(super) struct Gate {
    plan: GatePlan,
    asked: HashMap<Socket, Asked>,
    last_serial: u32,
    /// Addresses that have shown wrong passwords too often.
    holdoffs: Holdoffs<AddressGroup>,
    grouping: Grouping,
    /// When proofs end, in seconds since 1970, and whose.
    expiries: BinaryHeap<Reverse<(u32, u32, u16)>>,
    has_told_of_rules: bool,
}

/// A stranger whose bytes wait.
enum Asked {
    /// For the doorkeeper's answer.
    Verdict { serial: u32 },
    /// For its predecessor alone.
    Nothing(Verdict),
}

impl Gate {
    /// Nobody outside should know `key`.
    pub(super) fn new(plan: GatePlan, key: u64) -> Self {
        Self {
            holdoffs: Holdoffs::new(plan.failures, HELD_OFF_ADDRESSES_MAX, key),
            plan,
            asked: HashMap::new(),
            last_serial: 0,
            grouping: Grouping::default(),
            expiries: BinaryHeap::new(),
            has_told_of_rules: false,
        }
    }

    /// The stranger has come in or gone: a verdict that is on its way is for nobody.
    pub(super) fn forget(&mut self, socket: Socket) {
        self.asked.remove(&socket);
    }

    /// Takes a verdict in; says whether somebody waits for it.
    fn on_verdict(&mut self, socket: Socket, serial: u32, verdict: Verdict) -> bool {
        match self.asked.get_mut(&socket) {
            Some(asked @ Asked::Verdict { .. }) if asked.is_for(serial) => {
                *asked = Asked::Nothing(verdict);
                true
            }
            _ => false,
        }
    }

    /// Gives back the memory of a storm that is over.
    pub(super) fn shrink(&mut self) {
        super::thrift::shrink_map(&mut self.asked);
    }
}

impl Asked {
    fn is_for(&self, verdict: u32) -> bool {
        matches!(self, Asked::Verdict { serial } if *serial == verdict)
    }
}

impl World {
    /// Who a stranger has shown to be; `None` where nobody asks. What came of it is put away while
    /// the answer is worked out.
    pub(super) fn identify(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        bytes: &[u8],
    ) -> Result<Option<Proof>, Entrance> {
        let door = self.links.door_number(socket);
        let Some(gate) = self.gate.as_ref() else {
            return Ok(None);
        };
        let Some(chain) = gate.plan.chains.0[door].clone() else {
            return Ok(None);
        };
        let verdict = match gate.asked.get(&socket) {
            None => {
                let question = self.question(socket, connect);
                match chain.quick(&question) {
                    Some(verdict) => verdict,
                    None => return Err(self.ask(socket, connect, bytes, &chain, question)),
                }
            }
            Some(Asked::Verdict { .. }) => return Err(self.park(socket, bytes)),
            Some(Asked::Nothing(verdict)) => verdict.clone(),
        };
        match verdict {
            // They may forbid something, and nobody could say what they leave open.
            Verdict::Allowed(proven) if proven.rules.is_some() && self.permission.is_none() => {
                self.tell_of_rules();
                Err(self.refuse_stranger(socket, connect, Refusal::RulesUnasked))
            }
            Verdict::Allowed(proven) => {
                let own = proven.rules.as_ref();
                if own.is_some_and(|own| own.judge_addresses())
                    && let Some(entrance) = self.await_address(socket, bytes)
                {
                    return Err(entrance);
                }
                Ok(Some(Proof::from(*proven)))
            }
            Verdict::Refused(refusal) => Err(self.refuse_stranger(socket, connect, refusal)),
        }
    }

    /// Says once what is to be done about clients that bring rules where none are asked.
    fn tell_of_rules(&mut self) {
        let gate = self.gate.as_mut();
        if gate.is_some_and(|gate| !std::mem::replace(&mut gate.has_told_of_rules, true)) {
            tracing::error!(
                "clients bring rules of their own and there is no [access]: they are refused; add \
                 [access] with default = \"deny\""
            );
        }
    }

    /// Whether the session with this client id is another user's, and stays so.
    pub(super) fn is_another_users(&self, earlier: Option<u32>, user: Option<&str>) -> bool {
        let keeps_apart = self.gate.as_ref().map(|gate| gate.plan.keeps_users_apart);
        let earlier = earlier.and_then(|index| self.clients.look(index));
        keeps_apart == Some(true)
            && earlier.is_some_and(|client| !client.is_unclaimed() && client.user_name() != user)
    }

    /// Whose a client's session is, for the store. Where nobody is asked anything a user is no more
    /// than a word: whoever comes first once somebody is asked may have the session.
    pub(super) fn whose(&self, client: &Client) -> Whose {
        match client.user_name() {
            _ if self.gate.is_none() => Whose::Unknown,
            None => Whose::Anonymous,
            Some(user) => Whose::User(user.into()),
        }
    }

    /// Whether a user that has proven itself otherwise than by the chain may have this client id.
    pub(super) fn is_bound(&self, client_id: &str, proof: &Proof) -> bool {
        let template = self
            .gate
            .as_ref()
            .and_then(|gate| gate.plan.client_id.as_ref());
        let proven = || Proven {
            user: proof.user.clone(),
            ..Proven::default()
        };
        template.is_none_or(|template| template.fits(client_id, &proven()))
    }

    /// Other users and keys are in force, for those who come from now on.
    pub(super) fn on_chains(&mut self, chains: Chains) {
        if let Some(gate) = self.gate.as_mut() {
            gate.plan.chains = chains;
        }
    }

    /// The answer about a stranger has come.
    pub(super) fn on_verdict(&mut self, socket: Socket, serial: u32, verdict: Verdict) {
        let gate = self.gate.as_mut();
        if gate.is_some_and(|gate| gate.on_verdict(socket, serial, verdict)) {
            self.behind.call_up(socket);
        }
    }

    fn question(&self, socket: Socket, connect: &Connect<'_>) -> Box<Question> {
        let password = connect.password.map(Box::<[u8]>::from);
        Box::new(Question {
            listener: self.links.door(socket).name(),
            client_id: connect.client_id.into(),
            user: connect.user_name.map(Box::from),
            password: password.map(Password::new),
            address: self.address_of(socket),
            certificate: self.certificate_of(socket),
        })
    }

    /// What was verified by whoever ended TLS.
    fn certificate_of(&self, socket: Socket) -> Option<Certificate> {
        let boxed = |names: &[String]| names.iter().map(|name| Box::from(&**name)).collect();
        if let Some(names) = self.links.certificates.get(&socket) {
            return Some(Certificate {
                common_name: names.common_name.as_deref().map(Box::from),
                dns_names: boxed(&names.dns_names),
                emails: boxed(&names.emails),
                uris: boxed(&names.uris),
                distinguished_name: Box::from(&*names.subject),
            });
        }
        let origin = self.links.origins.get(&socket)?;
        let name = origin.tls_client_name.clone()?;
        Some(Certificate {
            common_name: Some(name),
            ..Certificate::default()
        })
    }

    /// Asks the service about a stranger, unless its address has been wrong too often.
    fn ask(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        bytes: &[u8],
        chain: &Arc<Chain>,
        question: Box<Question>,
    ) -> Entrance {
        let asked_count = self.gate.as_ref().map_or(0, |gate| gate.asked.len());
        if asked_count >= ASKED_PER_SHARD_MAX {
            self.book().bounds_hit.add(crate::bound::ASKED, 1);
            return self.refuse_stranger(socket, connect, Refusal::Busy);
        }
        // Only who is worth the work is worth the question.
        if let Some(entrance) = self.await_address(socket, bytes) {
            return entrance;
        }
        let (shard, now_millis) = (self.index, self.now_millis());
        let mailboxes = self.mailboxes.clone();
        let Some(gate) = self.gate.as_mut() else {
            return self.reject(socket, Close::Internal);
        };
        let group = question.address.map(|address| gate.grouping.of(address));
        if group.is_some_and(|group| gate.holdoffs.held(now_millis, &group).is_some()) {
            self.book().auth_held_off.add(1);
            return self.refuse_with(socket, connect.version, Reason::ConnectionRateExceeded);
        }
        gate.last_serial = gate.last_serial.wrapping_add(1);
        let serial = gate.last_serial;
        let answer = move |verdict| {
            let mailbox = &mailboxes.0[shard];
            mailbox.leave(Note::Verdict {
                ring: socket.ring,
                conn: socket.conn,
                serial,
                verdict,
            });
            mailbox.ring_bell();
        };
        gate.asked.insert(socket, Asked::Verdict { serial });
        let asked = gate.plan.doorkeeper.ask(chain, question, Box::new(answer));
        if asked.is_err() {
            gate.forget(socket);
            self.book().bounds_hit.add(crate::bound::ASKED, 1);
            return self.refuse_stranger(socket, connect, Refusal::Busy);
        }
        // Whoever was handed over has left its deadline on the shard it came from.
        self.expect_connect(socket);
        self.park(socket, bytes)
    }

    /// Keeps what a stranger has sent until its answer is there; meanwhile nothing is read.
    pub(super) fn park(&mut self, socket: Socket, bytes: &[u8]) -> Entrance {
        match self.await_connect(socket, bytes) {
            Entrance::Wait => Entrance::Behind,
            entrance => entrance,
        }
    }

    /// Refuses a stranger: one word for the peer, one counter, one line without a secret in it.
    pub(super) fn refuse_stranger(
        &mut self,
        socket: Socket,
        connect: &Connect<'_>,
        refusal: Refusal,
    ) -> Entrance {
        let book = self.book();
        book.auth_refused.add(refusal.index(), 1);
        book.auth_failures.add(1);
        let address = self.address_of(socket);
        if let Some(address) = address.filter(|_| is_failure(refusal)) {
            self.note_failure(address);
        }
        if self.lines.budget.allows(self.now_sec()) {
            tracing::info!(
                client = connect.client_id,
                listener = &*self.links.door(socket).name(),
                address = address.map(tracing::field::display),
                reason = refusal.name(),
                "not let in"
            );
        }
        self.refuse_with(socket, connect.version, refusal.reason())
    }

    pub(super) fn refuse_with(
        &mut self,
        socket: Socket,
        version: Version,
        reason: Reason,
    ) -> Entrance {
        if let Some(gate) = self.gate.as_mut() {
            gate.forget(socket);
        }
        let mut last_words = Vec::new();
        session::turn_away(version, reason, None, &mut last_words);
        self.turn_away(socket, Close::ConnectRefused, last_words)
    }

    fn note_failure(&mut self, address: IpAddr) {
        let now_millis = self.now_millis();
        let Some(gate) = self.gate.as_mut() else {
            return;
        };
        // A process on this machine is nobody's neighbour: it would hold all others off.
        if address.to_canonical().is_loopback() {
            return;
        }
        let group = gate.grouping.of(address);
        if gate.holdoffs.note(now_millis, group).is_err() {
            self.book().bounds_hit.add(crate::bound::ADDRESSES, 1);
        }
    }

    fn now_millis(&self) -> u64 {
        u64::from(self.now_tick) * TICK.as_millis() as u64
    }

    /// Remembers when a client's proof ends.
    pub(super) fn note_expiry(&mut self, at: ClientRef) {
        let client = self.clients.look(at.index);
        let Some(expires_sec) = client.and_then(Client::expires_sec) else {
            return;
        };
        let Some(gate) = self.gate.as_mut() else {
            return;
        };
        // Who comes again with a newer proof leaves its earlier one here.
        let clients = &mut self.clients;
        if gate.expiries.len() > 2 * clients.len() + EXPIRIES_SWEEP_MIN {
            gate.expiries.retain(|Reverse((sec, index, generation))| {
                let (index, generation) = (*index, *generation);
                let client = clients.find(ClientRef { index, generation });
                client.is_some_and(|client| client.expires_sec() == Some(*sec))
            });
        }
        let entry = (expires_sec, at.index, at.generation);
        gate.expiries.push(Reverse(entry));
    }

    /// Ends connections whose proofs have ended.
    pub(super) fn end_expired(&mut self) {
        let now_sec = clock::unix_sec();
        while let Some(gate) = self.gate.as_mut()
            && let Some(Reverse((sec, index, generation))) = gate.expiries.peek().copied()
            && sec <= now_sec
        {
            gate.expiries.pop();
            let client = self.clients.find(ClientRef { index, generation });
            if client.is_some_and(|client| client.expires_sec() == Some(sec)) {
                self.end(index, Close::ProofExpired);
            }
        }
    }
}

/// Whether it may be somebody who guesses.
fn is_failure(refusal: Refusal) -> bool {
    matches!(
        refusal.reason(),
        Reason::BadUserNameOrPassword | Reason::ClientIdentifierNotValid
    )
}
