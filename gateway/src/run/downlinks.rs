//! Starts the readers of the Kafka topics that go to devices, one for each cluster and group, and
//! another one where a group is shared with other gateways.

use std::collections::BTreeMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use super::Refusal;
use super::lanes::Lanes;
use crate::config::{self, Settings};
use crate::kafka::Properties;
use crate::kafka::downlink::{Downlink, DownlinkConfig, Membership, Tally};
use crate::mailbox::{Commands, Mailboxes};

/// The readers of a running gateway.
pub(super) struct Downlinks {
    readers: Vec<Downlink>,
}

impl Downlinks {
    /// Starts a reader for every cluster and group that downlinks name.
    pub(super) fn start(
        settings: &Settings,
        lanes: &Lanes,
        mailboxes: &Mailboxes,
        hasher: RandomState,
    ) -> Result<Self, Refusal> {
        let mut readers = Vec::new();
        if settings.downlinks.is_empty() {
            return Ok(Self { readers });
        }
        let node = node_name(settings)?;
        let sink = Arc::new(Commands::new(mailboxes.clone(), hasher));
        let mut parts: BTreeMap<(&str, &str, bool), Vec<&config::Downlink>> = BTreeMap::new();
        for downlink in &settings.downlinks {
            let is_shared = downlink.sharing.is_some();
            let part = parts.entry((&downlink.cluster, &downlink.group, is_shared));
            part.or_default().push(downlink);
        }
        for ((name, group, _), downlinks) in parts {
            let cluster = settings.clusters.iter().find(|one| one.name == name);
            let brokers = match lanes.embedded_brokers() {
                Some(brokers) => vec![brokers.to_owned()],
                None => cluster.map_or_else(Vec::new, |cluster| cluster.brokers.clone()),
            };
            // All that share a group share it in the same way.
            let sharing = downlinks.iter().find_map(|one| one.sharing.as_ref());
            let config = DownlinkConfig {
                cluster: name.to_owned(),
                brokers,
                properties: cluster.map_or_else(Properties::default, |one| one.properties.clone()),
                group_id: match &sharing {
                    None => format!("{group}.{node}"),
                    Some(_) => group.to_owned(),
                },
                membership: sharing.map(|sharing| Membership {
                    node: node.clone(),
                    session_timeout: Duration::from_secs(sharing.session_timeout_secs),
                    handoffs: sharing.handoffs.clone(),
                }),
                rules: downlinks.iter().map(|one| one.rule.clone()).collect(),
            };
            let group_id = config.group_id.clone();
            let reader =
                Downlink::start(config, sink.clone()).map_err(|error| error.to_string())?;
            tracing::info!(
                cluster = name,
                group_id,
                "downlinks commit under this group id"
            );
            readers.push(reader);
        }
        Ok(Self { readers })
    }

    /// The books of all downlinks.
    pub(super) fn tallies(&self) -> Vec<Arc<Tally>> {
        self.readers.iter().flat_map(Downlink::tallies).collect()
    }

    /// Nothing more is read from here on.
    pub(super) fn stop(&self) {
        self.readers.iter().for_each(Downlink::stop);
    }

    /// Commits what was handed off.
    pub(super) fn end(&mut self) {
        self.readers.iter_mut().for_each(Downlink::end);
    }
}

/// What this gateway is called: as configured, or as its host is.
fn node_name(settings: &Settings) -> Result<String, Refusal> {
    if let Some(name) = &settings.node {
        return Ok(name.clone());
    }
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => Err("[node].name: this host has no name; write one of your own".to_owned()),
        name => Ok(name.to_owned()),
    }
}
