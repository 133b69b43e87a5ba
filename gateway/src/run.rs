//! `tributary run`: builds the parts, ties them together, and takes them down in order.
//!
//! ```text
//!  settings -> lanes (embedded Kafka first) -> routes -> listeners -> shards -> control -> ready
//!  signal   -> not ready -> shards drain -> lanes flush -> control stops -> exit 0
//! ```

mod check;
mod common;
mod downlinks;
mod lanes;
mod layout;
mod memory;
mod shards;
mod signals;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tributary_proto::close::Close;
use tributary_proto::malformed::Malformed;
use tributary_proto::session::Loss;
use tributary_ring::Wake;

use crate::books::{Names, ShardBooks};
use crate::cli::RunArgs;
use crate::config::{self, Settings};
use crate::control::{self, ControlHandle, ControlState, Readiness};
use crate::mailbox::{Mailbox, Mailboxes};
use crate::store::Store;
use crate::{bound, kafka, log};
pub use check::check;
use common::Common;
use downlinks::Downlinks;
use lanes::Lanes;
use layout::Layout;
use shards::Parts;

/// Connections a listener lets wait for their accept; 65,535 costs nothing until used.
const LISTEN_BACKLOG: i32 = 65_535;
/// How long a port may still be held by a gateway that is dead, and how often to look.
const PREDECESSOR_WAIT_MAX: Duration = Duration::from_secs(2);
const PREDECESSOR_LOOK: Duration = Duration::from_millis(5);
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
    let gateway = Gateway::start(&settings)?;
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
    mqtt_addresses: Vec<SocketAddr>,
    happenings: (Sender<Happening>, Receiver<Happening>),
}

impl Gateway {
    fn start(settings: &Settings) -> Result<Self, Refusal> {
        let started = Instant::now();
        let layout = Layout::plan(&settings.shards)?;
        let (listeners, mqtt_addresses) = listen(settings, &layout)?;
        let mailboxes = mailboxes(layout.shards)?;
        let lanes = Lanes::start(settings, layout.shards, &mailboxes)?;
        let mut common = Common::prepare(settings, layout.shards, &mailboxes)?;
        let books = books(layout.shards);
        let happenings = channel();
        // Caught from here on, so that a signal during start-up still ends in an orderly way.
        signals::watch(happenings.0.clone())?;
        let parts = Parts {
            settings,
            layout: &layout,
            mailboxes: &mailboxes,
            lanes: &lanes,
            books: &books,
        };
        parts.start(&mut common, listeners, &happenings.0)?;
        let hasher = common.hasher.clone();
        let downlinks = Downlinks::start(settings, &lanes, &mailboxes, hasher)?;
        let readiness = Arc::new(Readiness::new());
        let (control, control_address) = control::serve(
            settings.control.address,
            ControlState {
                books,
                lanes: lanes.stats(),
                downlinks: downlinks.tallies(),
                readiness: Arc::clone(&readiness),
                routes: settings.routes.clone(),
                token: settings.control.token.clone(),
                started,
            },
        )
        .map_err(|error| error.to_string())?;
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
            mqtt_addresses,
            happenings,
        })
    }

    /// Says on stdout where everything is; others parse these lines.
    fn announce(&self) {
        let mut lines = String::new();
        for address in &self.mqtt_addresses {
            lines += &format!("listening mqtt {address}\n");
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

/// Opens for every configured address one listener per shard, with a clone for each of its rings.
fn listen(
    settings: &Settings,
    layout: &Layout,
) -> Result<(Vec<Vec<TcpListener>>, Vec<SocketAddr>), Refusal> {
    let mut per_ring: Vec<Vec<TcpListener>> = Vec::new();
    per_ring.resize_with(layout.shards * layout.rings_per_shard, Vec::new);
    let mut addresses = Vec::new();
    for configured in &settings.listeners {
        let address = configured.address;
        let listeners = listen_after_predecessor(address, layout.shards)
            .map_err(|error| cannot_listen(&configured.name, address, &error))?;
        addresses.push(
            listeners[0]
                .local_addr()
                .map_err(|error| sentence("listen", &error))?,
        );
        let shards = per_ring.chunks_mut(layout.rings_per_shard);
        for (rings, listener) in shards.zip(listeners) {
            for ring in rings {
                let clone = listener.try_clone();
                ring.push(clone.map_err(|error| sentence("listen", &error))?);
            }
        }
    }
    Ok((per_ring, addresses))
}

/// Waits a little for a port that is taken: the kernel ends the rings of a gateway that was killed,
/// and with them its listeners, some time after it has said that the process is gone (15 ms with
/// 500 clients). Who starts it again at once would else be told that another process listens.
fn listen_after_predecessor(address: SocketAddr, shards: usize) -> io::Result<Vec<TcpListener>> {
    let until = Instant::now() + PREDECESSOR_WAIT_MAX;
    loop {
        match tributary_ring::listeners(address, shards, LISTEN_BACKLOG) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < until => {
                thread::park_timeout(PREDECESSOR_LOOK);
            }
            answer => return answer,
        }
    }
}

fn cannot_listen(name: &str, address: SocketAddr, error: &io::Error) -> Refusal {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another process has it: end that one, or choose another port by --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or choose a higher port"
        }
        io::ErrorKind::AddrNotAvailable => "no interface of this host has that address",
        _ => "choose another address by --listen ADDR:PORT",
    };
    format!("[listen.{name}]: cannot listen on {address}: {error}; {remedy}")
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
        bound: bound::NAMES,
        loss: &Loss::NAMES,
    };
    (0..shards).map(|_| ShardBooks::new(&names)).collect()
}

fn sentence(what: &str, error: &dyn Display) -> Refusal {
    format!("{what}: {error}; see the limits of this process (ulimit -a)")
}
