//! What all shards are made with: their hashes, what they want of each other, the store, the users.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use tributary_proto::retained;
use tributary_proto::session::{DropRule, Terms};
use tributary_proto::subscriptions::{self, TopicHasher};
use tributary_proto::version::Qos;

use super::identity::Identity;
use super::{Refusal, acl};
use crate::auth::{METHOD, Users};
use crate::clock;
use crate::config::{self, QueueDrop, Settings};
use crate::interest::Interest;
use crate::mailbox::{Mailboxes, Rules};
use crate::quota::{self, Ledger};
use crate::shard::QuotaPlan;
use crate::store::{Opened, Recovered, Store, StoreHandle};

/// What all shards are made with.
pub(super) struct Common {
    pub(super) terms: Terms,
    pub(super) hasher: RandomState,
    pub(super) topic_hasher: TopicHasher,
    pub(super) interest: Arc<Interest>,
    pub(super) users: Arc<Users>,
    pub(super) rules: Option<Rules>,
    pub(super) identity: Identity,
    pub(super) subscription_bounds: subscriptions::Bounds,
    pub(super) retained_bounds: retained::Bounds,
    /// Seconds since 1970 at the start.
    pub(super) base_sec: u32,
    pub(super) server_reference: Option<Arc<str>>,
    pub(super) quota: QuotaPlan,
    /// For each shard its end of the store, and what was in it.
    ends: Vec<Option<(StoreHandle, Recovered)>>,
    store: Option<Store>,
}

impl Common {
    /// Opens the store if there is one, which may take a while when it holds much.
    pub(super) fn prepare(
        settings: &Settings,
        shards: usize,
        mailboxes: &Mailboxes,
    ) -> Result<Self, Refusal> {
        let hasher = RandomState::new();
        let topic_hasher = TopicHasher::new(hasher.hash_one("topics"));
        let base_sec = clock::unix_sec();
        let (store, ends) = match &settings.store {
            config::Store::Memory => (None, (0..shards).map(|_| None).collect()),
            config::Store::Local { path } => {
                settings.store.prove_writable()?;
                let home = |name: &str| (hasher.hash_one(name) % shards as u64) as usize;
                open_store(path, shards, base_sec, home, mailboxes)?
            }
        };
        let mqtt = &settings.mqtt;
        Ok(Self {
            terms: terms(settings, shards),
            interest: Arc::new(Interest::new(shards, topic_hasher.clone())),
            users: Arc::new(users(settings)?),
            identity: Identity::start(settings)?,
            rules: settings.access.as_ref().map(acl::compile).transpose()?,
            subscription_bounds: subscriptions::Bounds {
                filters_per_client: mqtt.subscriptions_per_client_max as usize,
                ..subscriptions::Bounds::default()
            },
            retained_bounds: retained::Bounds {
                count_max: (mqtt.retained_count_max as usize).div_ceil(shards),
                bytes_max: (mqtt.retained_bytes_max as usize).div_ceil(shards),
            },
            server_reference: settings.drain.server_reference.as_deref().map(Arc::from),
            quota: quotas(&settings.quota, &hasher, shards)?,
            hasher,
            topic_hasher,
            base_sec,
            ends,
            store,
        })
    }

    /// A shard's end of the store; each takes its own once.
    pub(super) fn end_of(&mut self, shard: usize) -> Option<(StoreHandle, Recovered)> {
        self.ends[shard].take()
    }

    /// The store itself, to be ended last.
    pub(super) fn into_store(self) -> Option<Store> {
        self.store
    }
}

type Ends = Vec<Option<(StoreHandle, Recovered)>>;

fn open_store(
    path: &Path,
    shards: usize,
    now_sec: u32,
    home: impl Fn(&str) -> usize,
    mailboxes: &Mailboxes,
) -> Result<(Option<Store>, Ends), Refusal> {
    let (opened, recovered) =
        Opened::at(path, shards, now_sec, home).map_err(|error| error.to_string())?;
    let sessions: usize = recovered.iter().map(|one| one.sessions.len()).sum();
    let retained: usize = recovered.iter().map(|one| one.retained.len()).sum();
    tracing::info!(path = %path.display(), sessions, retained, "the session store is open");
    let (store, handles) = opened
        .start(Arc::new(mailboxes.clone()))
        .map_err(|error| super::sentence("store", &error))?;
    let ends = handles.into_iter().zip(recovered).map(Some).collect();
    Ok((Some(store), ends))
}

/// One ledger for all shards; the memory of its accounts comes with them.
fn quotas(terms: &quota::Terms, hasher: &RandomState, shards: usize) -> Result<QuotaPlan, Refusal> {
    let features = tributary_ring::probe();
    if terms.address.is_some() && !features.peer_name {
        return Err(format!(
            "[quota.address]: needs Linux 6.7 to know from where clients come, this is {}; use a \
             newer kernel, or leave the section out",
            features.kernel
        ));
    }
    Ok(QuotaPlan {
        ledger: Ledger::new(terms, hasher.hash_one("ledger")),
        terms: terms.clone(),
        hasher: hasher.clone(),
        shards,
    })
}

fn users(settings: &Settings) -> Result<Users, Refusal> {
    Users::new(settings.auth.clone()).map_err(|fault| format!("[auth]: {fault}"))
}

fn terms(settings: &Settings, shards: usize) -> Terms {
    let mqtt = &settings.mqtt;
    let methods: &[&str] = if settings.auth.is_empty() {
        &[]
    } else {
        &[METHOD]
    };
    Terms {
        receive_max: mqtt.receive_max,
        packet_bytes_max: mqtt.packet_bytes_max,
        topic_alias_max: mqtt.topic_alias_max,
        // The setting's highest value cuts nothing; the session says that by 0.
        keep_alive_secs_max: if mqtt.keep_alive_secs_max == u16::MAX {
            0
        } else {
            mqtt.keep_alive_secs_max
        },
        client_id_bytes_max: mqtt.client_id_bytes_max,
        maximum_qos: Qos::from_bits(mqtt.maximum_qos).unwrap_or(Qos::ExactlyOnce),
        session_expiry_secs_max: mqtt.session_expiry_secs_max,
        queue_messages_max: mqtt.queue_messages_max as usize,
        queue_bytes_max: mqtt.queue_bytes_max as usize,
        queued_bytes_max: (mqtt.queued_bytes_max as usize).div_ceil(shards),
        drop_rule: match mqtt.queue_drop {
            QueueDrop::Oldest => DropRule::Oldest,
            QueueDrop::Newest => DropRule::Newest,
        },
        response_information: mqtt.response_information.as_deref().map(Arc::from),
        authentication_methods: methods.iter().map(|method| Box::from(*method)).collect(),
        ..Terms::default()
    }
}
