//! Turns command line, environment, file and defaults into [`Settings`], or into every reason why
//! not, each with its place and what would be right.
//!
//! ```text
//! file --document--> tree <--environment-- TRIBUTARY_SECTION__KEY
//!                      |
//!                   sections --> Settings <-- command line
//!                      |             |
//!                    faults <-- routes checked as a whole
//! ```

mod access;
mod auth;
mod clusters;
pub mod control;
mod databases;
mod destinations;
mod document;
mod downlinks;
mod environment;
mod faults;
mod groups;
mod hook;
mod hold_offs;
mod identity;
mod listeners;
mod mqtt;
mod overload;
mod quota;
mod routes;
mod section;
mod sections;
mod settings;
mod store;
mod tls;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::cli::RunArgs;

pub use access::{Access, OnDenied, Takeover};
pub use databases::{Mysql, Redis, Row};
use document::Table;
pub use faults::{Fault, Faults, Place};
pub use hook::Hook;
pub use identity::{Identity, Jwt, Method};
pub use routes::{RouteCheck, RouteFault};
pub use settings::{
    Address, Cluster, Control, Downlink, Drain, EMBEDDED_CLUSTER, Handshakes, Kafka, Listener, Log,
    Mqtt, Overload, Process, Protocol, QueueDrop, Settings, Shards, Sharing, Store, TicketKeys,
    Token,
};

/// The settings of a run with these arguments in this environment.
///
/// `check_routes` looks at all the rules together: filters, templates, rules that never match.
/// `environment` is every variable of the process; those that are not ours are passed over.
pub fn load(
    args: &RunArgs,
    environment: impl IntoIterator<Item = (String, String)>,
    check_routes: RouteCheck,
) -> Result<Settings, Faults> {
    let mut faults = Faults::default();
    let text = match &args.config {
        Some(path) => read(path, &mut faults),
        None => String::new(),
    };
    if let Some(path) = &args.config {
        faults.file = path.display().to_string();
    }
    let mut tree = document::parse(&text, &mut faults);
    // A file that is not TOML has lost keys: what would be said about them would mislead.
    if !faults.is_empty() {
        return Err(faults);
    }
    environment::overlay(&mut tree, environment, &mut faults);
    let settings = assemble(tree, args, check_routes, &mut faults);
    if faults.is_empty() {
        Ok(settings)
    } else {
        Err(faults.sorted())
    }
}

/// Reads every section, whatever was wrong in the one before, so that all faults are found at once.
fn assemble(
    tree: Table,
    args: &RunArgs,
    check_routes: RouteCheck,
    faults: &mut Faults,
) -> Settings {
    let mut top = section::Section::top(tree, faults);
    let (mut listeners, listener_places) = listeners::listeners(&mut top, &args.listen);
    let clusters = clusters::clusters(&mut top, &args.kafka);
    let groups = groups::groups(&mut top, &clusters);
    let (mut rules, places) = routes::read(&mut top);
    let (mut downlinks, downlink_places) = downlinks::read(&mut top);
    let node = downlinks::node(&mut top);
    let mut mqtt = mqtt::mqtt(&mut top);
    let quota = quota::quota(&mut top, &mut mqtt, &mut listeners);
    let store = store::store(&mut top);
    let has_access = top.has("access");
    let mut section = top.section("auth");
    let auth = auth::users(&mut section);
    let identity = identity::identity(&mut section, args.anonymous, has_access);
    section.close();
    identity::settle(&mut listeners, &listener_places, &identity, &mut top);
    let access = access::access(&mut top);
    let shards = sections::shards(&mut top, args);
    let control = control::control(&mut top, args.control);
    let overload = overload::overload(&mut top);
    let (handshakes, tickets) = tls::section(&mut top);
    let drain = sections::drain(&mut top);
    let process = sections::process(&mut top);
    let log = sections::log(&mut top);
    let kafka = destinations::settle(&mut rules, &places, &clusters, &groups, &mut top);
    let kafka =
        downlinks::settle_clusters(&mut downlinks, &downlink_places, &clusters, kafka, &mut top);
    routes::check(&rules, &places, check_routes, &mut top);
    top.close();
    Settings {
        listeners,
        clusters,
        kafka,
        groups,
        routes: rules,
        downlinks,
        node,
        mqtt,
        store,
        auth,
        identity,
        access,
        shards,
        control,
        overload,
        quota,
        handshakes,
        tickets,
        drain,
        process,
        log,
    }
}

fn read(path: &Path, faults: &mut Faults) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| {
        faults.file = path.display().to_string();
        faults.add(
            Place::File,
            String::new(),
            format!("cannot be read: {error}"),
            "name a TOML file this user may read",
        );
        String::new()
    })
}

impl Settings {
    /// What `check` says of a file in which nothing is wrong.
    pub fn summary(&self) -> String {
        let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        let groups = match self.groups.len() {
            0 => String::new(),
            some => format!(", {}", count(some, "group")),
        };
        format!(
            "ok: {}, {}, {}{groups}",
            count(self.listeners.len(), "listener"),
            count(self.routes.len(), "route"),
            count(self.clusters.len(), "cluster"),
        )
    }
}
