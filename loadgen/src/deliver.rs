//! The `deliver` command: from device to device, with every message checked where it arrives.
//!
//! ```text
//!  connect, subscribe -> publish -> all have it -> leave
//!  connect, subscribe -> subscribers leave -> publish -> they come back -> all have it -> leave
//! ```

mod exchange;
mod peer;
mod plan;
mod tally;
mod told;
mod topic;
mod track;

use crate::cli::DeliverArgs;
use crate::clock::{NANOS_PER_SEC, secs_to_ns};
use crate::drive::{Drive, Look, Ran, cannot_start};
use crate::failure::Failure;
use crate::sockets;
use exchange::Exchange;
use plan::DeliverPlan;
use std::io;
use std::sync::Arc;
use tally::Hall;

/// From "all connected" to the first message: enough for every thread to hear of it.
const START_DELAY_NS: u64 = NANOS_PER_SEC / 20;

/// The looks at both processes that the phases lie between.
struct Looks {
    /// Before the first message.
    before: Look,
    /// Everything that was sent is acknowledged and, where nobody is away, delivered.
    published: Look,
    /// Who was away is back and has everything.
    back: Option<Look>,
}

pub fn run(args: &DeliverArgs) -> Result<(), Failure> {
    let plan = Arc::new(DeliverPlan::new(args)?);
    let hall = Arc::new(Hall::new());
    let clients = u64::from(plan.clients.clients);
    let mut drive = launch(&plan, &hall)?;
    drive.watch(|now, _| now.settled == clients);
    if drive.stage.now().connected < clients {
        let ready = drive.stage.now().connected;
        return Err(not_all_ready(args, ready, clients, &drive.finish(None)?));
    }
    let stage = Arc::clone(&drive.stage);
    let server = args.clients.server_pid;
    let mut is_whole = true;
    if plan.is_away() {
        let order = stage.order_drop();
        is_whole = drive.watch(|_, _| stage.has_dropped(order));
    }
    let before = drive.look(server)?;
    stage.start(drive.clock.now_ns() + START_DELAY_NS);
    is_whole = is_whole && drive.watch(|_, _| stage.all_finished());
    let published = drive.look(server)?;
    let mut back = None;
    if plan.is_away() {
        stage.order_return();
        is_whole = is_whole && await_all(&mut drive, &plan, &hall);
        back = Some(drive.look(server)?);
    }
    let looks = Looks {
        before,
        published,
        back,
    };
    let ran = drive.finish(None)?;
    hall.with(|tally| told::report(args, &ran, tally, &looks, is_whole))
}

fn launch(plan: &Arc<DeliverPlan>, hall: &Arc<Hall>) -> Result<Drive, Failure> {
    sockets::admit_clients(plan.clients.clients)?;
    let mut drive = Drive::prepare(plan.clients.clone())?;
    for index in 0..plan.clients.threads {
        let shared = (Arc::clone(&drive.stage), Arc::clone(hall));
        let exchange = Exchange::new(Arc::clone(plan), shared, index, drive.clock)
            .map_err(|errno| cannot_start(&errno))?;
        drive.spawn(index, move || exchange.run().map_err(io::Error::from))?;
    }
    Ok(drive)
}

/// Waits until everything was delivered, or nothing has come for too long. Says whether the run
/// was let go on so far.
fn await_all(drive: &mut Drive, plan: &DeliverPlan, hall: &Hall) -> bool {
    let each = u64::from(plan.subscribers) * u64::from(plan.away_messages);
    let expected = u64::from(plan.topics) * each;
    let (mut delivered, mut heard_ns) = (0, drive.clock.now_ns());
    drive.watch(|_, now_ns| {
        if hall.delivered() > delivered {
            (delivered, heard_ns) = (hall.delivered(), now_ns);
        }
        delivered >= expected || now_ns > heard_ns + secs_to_ns(plan.drain_secs)
    })
}

fn not_all_ready(args: &DeliverArgs, ready: u64, clients: u64, ran: &Ran) -> Failure {
    let reasons: Vec<String> = ran
        .books
        .closes
        .iter()
        .map(|(close, count)| format!("{close} ({count})"))
        .collect();
    Failure::start(
        format!(
            "{ready} of {clients} clients are ready at {}",
            args.clients.target
        ),
        reasons.join(", "),
        "without all of them nothing can be said about losses: start the server, or ask for fewer",
    )
}
