//! The `connect` command: many clients that are simply there, drop, and come back, and what that
//! costs the server.
//!
//! ```text
//!  connect -> hold -> [ drop -> rest -> return -> rest ] per storm -> last call -> leave
//! ```

mod phase;
mod told;

use crate::cli::ConnectArgs;
use crate::clock::secs_to_ns;
use crate::drive::Drive;
use crate::failure::Failure;
use crate::plan::{FleetPlan, Plan, PublishPlan};
use phase::{Course, Phase};

/// What a publisher may have in flight beside being one of very many clients.
const IN_FLIGHT_MAX: u16 = 100;
const PAYLOAD_BYTES: usize = 64;

pub fn run(args: &ConnectArgs) -> Result<(), Failure> {
    let plan = plan(args)?;
    let clients = u64::from(plan.clients);
    let drive = match args.stateless {
        true => Drive::launch_stateless(plan)?,
        false => Drive::launch_fleet(plan)?,
    };
    let mut course = Course::start(drive, args.clients.server_pid)?;
    let mut goes_on = course.go(Phase::new("connect"), |now, _| match args.reconnect {
        true => now.connected == clients,
        false => now.settled == clients,
    })?;
    if goes_on {
        let now_ns = course.drive.clock.now_ns();
        // Others wait for this line.
        println!("connected {}", course.drive.stage.now().connected);
        course.drive.stage.start(now_ns);
        let until_ns = now_ns + secs_to_ns(args.hold);
        goes_on = course.go(Phase::new("hold"), |_, now_ns| now_ns >= until_ns)?;
    }
    for storm in 1..=args.storms {
        goes_on = goes_on && one_storm(args, &mut course, storm)?;
    }
    // Whoever ends a run early wants to know what became of what was published.
    if goes_on || course.drive.take_interrupt() {
        course.drive.stage.call_last();
        let stage = std::sync::Arc::clone(&course.drive.stage);
        course.drive.watch(|_, _| stage.all_finished());
    }
    let held = course.drive.stage.now().connected;
    told::report(args, course.finish()?, held)
}

/// Says whether the run goes on.
fn one_storm(args: &ConnectArgs, course: &mut Course, storm: u32) -> Result<bool, Failure> {
    let clients = u64::from(args.connections);
    let stage = std::sync::Arc::clone(&course.drive.stage);
    let order = stage.order_drop();
    let is_down = course.go(Phase::of("drop", storm), |_, _| stage.has_dropped(order))?;
    let is_rested = is_down && rest(args, course, "down", storm)?;
    if !is_rested {
        return Ok(false);
    }
    let until_ns = course.drive.clock.now_ns() + secs_to_ns(args.storm_wait);
    stage.order_return();
    let is_up = course.go(Phase::of("return", storm), |now, now_ns| {
        let over = now.connected == clients || !args.reconnect && now.settled == clients;
        over || now_ns >= until_ns
    })?;
    Ok(is_up && rest(args, course, "up", storm)?)
}

fn rest(
    args: &ConnectArgs,
    course: &mut Course,
    name: &'static str,
    storm: u32,
) -> Result<bool, Failure> {
    let until_ns = course.drive.clock.now_ns() + secs_to_ns(args.rest);
    course.go(Phase::of(name, storm), |_, now_ns| now_ns >= until_ns)
}

fn plan(args: &ConnectArgs) -> Result<Plan, Failure> {
    if args.publishers > args.connections {
        let sentence = "--publishers are among the --connections: ask for no more of them";
        return Err(Failure::Usage(sentence.into()));
    }
    if args.publishers > 0 && args.publish_rate == 0.0 {
        let sentence = "--publish-rate 0 with --publishers: say how many messages per second";
        return Err(Failure::Usage(sentence.into()));
    }
    let publish = PublishPlan {
        rate: args.publish_rate,
        qos: 1,
        payload_bytes: PAYLOAD_BYTES,
        topic: "dev/{client}/telemetry".into(),
        in_flight_max: IN_FLIGHT_MAX,
        coalesce: 1,
        secs: 0.0,
        drain_secs: 0.0,
    };
    Ok(Plan {
        connect_rate: args.rate,
        opening_max: args.at_once,
        reconnect: args.reconnect,
        fleet: FleetPlan {
            subscribe_own: args.subscribe_own,
            churn_per_sec: args.churn / 100.0,
            farewell: args.farewell,
            publishers: args.publishers,
        },
        way: args.way.read(args.clients.target)?,
        filters: args.filters.clone(),
        publish: (args.publishers > 0).then_some(publish),
        ..args.clients.plan(args.connections)?
    })
}
