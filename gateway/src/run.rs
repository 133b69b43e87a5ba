//! `tributary run`: builds the parts, ties them together, and takes them down in order.
//!
//! ```text
//!  settings -> listeners, control bound -> no longer root -> lanes (embedded Kafka first)
//!           -> routes -> shards -> control serves -> ready
//!  signal   -> not ready -> shards drain -> lanes flush -> control stops -> exit 0
//! ```

mod acl;
mod check;
mod common;
mod databases;
mod doors;
mod downlinks;
mod identity;
mod lanes;
mod layout;
mod listening;
mod memory;
mod passwd;
mod reload;
mod rights;
mod shards;
mod signals;
mod supervisor;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tributary_proto::close::Close;
use tributary_proto::malformed::Malformed;
use tributary_proto::session::Loss;
use tributary_ring::Wake;

use crate::books::{Names, ShardBooks};
use crate::cli::RunArgs;
use crate::config::{self, Address, Settings};
use crate::control::{self, Clients, ControlHandle, ControlState, Readiness};
use crate::mailbox::{Directory, Mailbox, Mailboxes};
use crate::store::Store;
use crate::{bound, kafka, log, transport_fault};
pub use acl::acl_test;
pub use check::check;
use common::Common;
use doors::Doors;
use downlinks::Downlinks;
use lanes::Lanes;
use layout::Layout;
use listening::{Opened, SocketFiles};
pub use passwd::passwd;
use reload::Reload;
use rights::Account;
use shards::Parts;

/// How long shards may take to close what is left once the time to drain is over.
const ABANDON_WAIT: Duration = Duration::from_secs(5);

/// Why the gateway does not run: a sentence that says what to do.
pub type Refusal = String;

/// What the main thread waits for.
enum Happening {
    /// SIGTERM or SIGINT.
    AskedToEnd,
    /// All shards have ended, well or with the first of their errors.
    ShardsEnded(Result<(), Refusal>),
}

/// Runs the gateway until it is asked to end.
///
/// # Errors
/// The sentence to show when it could not start, or could not go on.
pub fn run(args: &RunArgs) -> Result<(), Refusal> {
    let settings = config::load(args, std::env::vars(), lanes::check_routes)
        .map_err(|faults| faults.to_string())?;
    log::init(settings.log.format, settings.log.level)?;
    rights::harden(&settings.process)?;
    let gateway = Gateway::start(args, &settings)?;
    gateway.announce();
    gateway.serve(Duration::from_secs(settings.drain.timeout_secs))
}

/// All parts of a running gateway.
struct Gateway {
    mailboxes: Mailboxes,
    lanes: Lanes,
    downlinks: Downlinks,
    /// Ended after the shards, so that what they wrote down last is on disk.
    store: Option<Store>,
    readiness: Arc<Readiness>,
    control: ControlHandle,
    control_address: SocketAddr,
    /// Each listener's name and where it is.
    places: Vec<(String, Address)>,
    socket_files: SocketFiles,
    happenings: (Sender<Happening>, Receiver<Happening>),
}

impl Gateway {
    fn start(args: &RunArgs, settings: &Settings) -> Result<Self, Refusal> {
        let started = Instant::now();
        let account = Account::find(&settings.process)?;
        let layout = Layout::plan(&settings.shards, settings.listeners.len())?;
        let doors = Doors::build(&settings.listeners, &settings.tickets)?;
        let opened = Opened::listeners(&settings.listeners, &layout)?;
        let bound = control::Bound::open(&settings.control).map_err(|error| error.to_string())?;
        if let Some(account) = account {
            opened.socket_files.give_to(&account)?;
            account.assume(&settings.process, layout.shards)?;
        }
        memory::tidy_in_background();
        let mailboxes = mailboxes(layout.shards)?;
        let lanes = Lanes::start(settings, layout.shards, &mailboxes)?;
        let mut common = Common::prepare(settings, layout.shards, &mailboxes)?;
        let books = books(layout.shards);
        let happenings = channel();
        // Caught from here on, so that a signal during start-up still ends in an orderly way.
        let proofs = &common.identity.proofs;
        let reload = Reload::new(args, settings, &mailboxes, &doors, bound.tls(), proofs);
        signals::watch(happenings.0.clone(), reload)?;
        let parts = Parts {
            settings,
            layout: &layout,
            mailboxes: &mailboxes,
            lanes: &lanes,
            books: &books,
            doors: &doors.doors,
        };
        parts.start(&mut common, opened.per_ring, &happenings.0)?;
        let hasher = common.hasher.clone();
        let directory = Directory::new(mailboxes.clone(), hasher.clone());
        let downlinks = Downlinks::start(settings, &lanes, &mailboxes, hasher)?;
        let readiness = Arc::new(Readiness::new());
        let control_address = bound.address;
        let state = ControlState {
            books,
            lanes: lanes.stats(),
            downlinks: downlinks.tallies(),
            readiness: Arc::clone(&readiness),
            routes: settings.routes.clone(),
            clients: Clients::new(directory),
            token: settings.control.token.clone(),
            started,
        };
        let service = common.identity.take_service();
        let control = bound.serve(state, service);
        let control = control.map_err(|error| error.to_string())?;
        tracing::info!(
            shards = layout.shards,
            rings_per_shard = layout.rings_per_shard,
            connections_max = layout.connections_max,
            "serving"
        );
        Ok(Self {
            mailboxes,
            lanes,
            downlinks,
            store: common.into_store(),
            readiness,
            control,
            control_address,
            places: opened.places,
            socket_files: opened.socket_files,
            happenings,
        })
    }

    /// Says on stdout where everything is; others parse these lines.
    fn announce(&self) {
        let mut lines = String::new();
        for (name, address) in &self.places {
            lines += &format!("listening {name} {address}\n");
        }
        if let Some(brokers) = self.lanes.embedded_brokers() {
            lines += &format!("listening kafka {brokers}\n");
        }
        lines += &format!("listening control {}\nready\n", self.control_address);
        self.readiness.on_listening();
        let mut stdout = io::stdout();
        // Nobody may be reading; the gateway serves all the same.
        let _ = stdout
            .write_all(lines.as_bytes())
            .and_then(|()| stdout.flush());
        supervisor::tell("READY=1");
    }

    /// Waits for the end, and brings it about in order.
    fn serve(mut self, drain_max: Duration) -> Result<(), Refusal> {
        match self.happenings.1.recv() {
            Ok(Happening::ShardsEnded(result)) => result?,
            Ok(Happening::AskedToEnd) | Err(_) => self.drain(drain_max)?,
        }
        self.control.stop();
        Ok(())
    }

    fn drain(&mut self, drain_max: Duration) -> Result<(), Refusal> {
        let deadline = Instant::now() + drain_max;
        tracing::info!(seconds_max = drain_max.as_secs(), "draining");
        self.readiness.on_draining();
        supervisor::tell("STOPPING=1");
        self.socket_files.remove();
        self.downlinks.stop();
        self.mailboxes.0.iter().for_each(Mailbox::order_drain);
        let mut ended = self.happenings.1.recv_timeout(drain_max);
        if !matches!(ended, Ok(Happening::ShardsEnded(_))) {
            tracing::warn!("the time to drain is over; unacknowledged clients are let go");
            self.mailboxes.0.iter().for_each(Mailbox::order_abandon);
            ended = self.happenings.1.recv_timeout(ABANDON_WAIT);
        }
        match ended {
            Ok(Happening::ShardsEnded(result)) => result?,
            Err(RecvTimeoutError::Timeout) => tracing::error!("a shard did not end; leaving it"),
            Ok(Happening::AskedToEnd) | Err(RecvTimeoutError::Disconnected) => {}
        }
        self.downlinks.end();
        let left = self
            .lanes
            .drain(deadline.max(Instant::now() + Duration::from_secs(1)));
        if let Some(store) = self.store.take()
            && !store.end()
        {
            tracing::error!("the session store could not write all that it was given");
        }
        if left > 0 {
            tracing::warn!(
                records = left,
                "Kafka has not acknowledged these; nor were the clients"
            );
        }
        tracing::info!("drained");
        Ok(())
    }
}

fn mailboxes(shards: usize) -> Result<Mailboxes, Refusal> {
    let boxes: Result<Arc<[Mailbox]>, _> =
        (0..shards).map(|_| Wake::new().map(Mailbox::new)).collect();
    boxes
        .map(Mailboxes)
        .map_err(|error| sentence("eventfd", &error))
}

fn books(shards: usize) -> Arc<[ShardBooks]> {
    let names = Names {
        close: &Close::NAMES,
        refusal: kafka::Refusal::NAMES,
        malformed: Malformed::NAMES,
        transport: transport_fault::NAMES,
        tls: tributary_tls::Fault::NAMES,
        bound: bound::NAMES,
        loss: &Loss::NAMES,
    };
    (0..shards).map(|_| ShardBooks::new(&names)).collect()
}

fn sentence(what: &str, error: &dyn Display) -> Refusal {
    format!("{what}: {error}; see the limits of this process (ulimit -a)")
}
