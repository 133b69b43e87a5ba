//! Builds what listeners ask of newcomers: reads users and keys, and starts whoever checks them.

use std::path::Path;
use std::sync::Arc;

use tributary_identity::certificate::UserTemplate;
use tributary_identity::jwt::{KeySetUrl, KeySource};
use tributary_identity::proofs::Proofs;
use tributary_identity::remote::EndpointSettings;
use tributary_identity::remote::hook::{Hook, HookSettings};
use tributary_identity::remote::mysql::Mysql;
use tributary_identity::remote::redis::Redis;
use tributary_identity::users::Users;
use tributary_identity::{
    Chain, ChainSettings, Clock, Fault, Jwt, JwtSettings, Method, Secret, Service, ServiceSettings,
};

use super::Refusal;
use super::databases::{mysql_settings, redis_settings};
use crate::config::{self, Settings, Takeover};
use crate::mailbox::Chains;
use crate::shard::GatePlan;

/// Right passwords that are remembered, and for how long: a fleet that comes back at once costs no
/// argon2 each.
const PROOFS_MAX: usize = 1 << 20;
/// See above.
const PROOF_SECS: u32 = 600;
/// The shortest time between two fetches of a key set, also for tokens that name an unknown key.
const JWKS_RETRY_SECS: u32 = 30;
/// The longest file of keys or users that is read.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// The service, and what shards ask of it; nothing where no listener asks anything.
pub(super) struct Identity {
    pub(super) gate: Option<GatePlan>,
    /// Right passwords of late; one for the whole life, whatever is reloaded.
    pub(super) proofs: Arc<Proofs>,
    /// Answers as long as it is driven.
    service: Option<Service>,
}

impl Identity {
    /// Reads files and starts threads.
    pub(super) fn start(settings: &Settings) -> Result<Self, Refusal> {
        let proofs = proofs()?;
        if settings.listeners.iter().all(|one| one.auth.is_none()) {
            return Ok(Self {
                gate: None,
                proofs,
                service: None,
            });
        }
        let chains = chains(settings, &proofs)?;
        let (doorkeeper, service) = Service::start(ServiceSettings {
            workers: usize::from(settings.identity.workers),
            ..ServiceSettings::default()
        })
        .map_err(|error| format!("[auth]: {error}"))?;
        let access = settings.access.as_ref();
        let takeover = access.map_or(Takeover::default(), |access| access.takeover);
        Ok(Self {
            gate: Some(GatePlan {
                doorkeeper,
                chains,
                client_id: access.and_then(|access| access.client_id.clone()),
                keeps_users_apart: takeover == Takeover::SameUser,
                failures: settings.identity.failures,
            }),
            proofs,
            service: Some(service),
        })
    }

    /// The service, for whoever drives it; once.
    pub(super) fn take_service(&mut self) -> Option<Service> {
        self.service.take()
    }
}

/// Remembers right passwords, whoever knows the users.
pub(super) fn proofs() -> Result<Arc<Proofs>, Refusal> {
    let proofs = Proofs::new(PROOFS_MAX, PROOF_SECS, Clock::system());
    let proofs = proofs.map_err(|fault| told("users", &fault))?;
    Ok(Arc::new(proofs))
}

/// The methods of each listener, with everything that their files say now.
pub(super) fn chains(settings: &Settings, proofs: &Arc<Proofs>) -> Result<Chains, Refusal> {
    let clock = Clock::system();
    let mut made = Made {
        settings,
        clock,
        proofs,
        users: None,
        jwt: None,
        http: None,
        redis: None,
        mysql: None,
    };
    let client_id = settings.access.as_ref();
    let client_id = client_id.and_then(|access| access.client_id.clone());
    let mut chains = Vec::new();
    for listener in &settings.listeners {
        let chain = match &listener.auth {
            None => None,
            Some(methods) => {
                let methods = methods.iter().map(|method| made.method(*method));
                Some(Arc::new(Chain::new(ChainSettings {
                    methods: methods.collect::<Result<_, _>>()?,
                    client_id: client_id.clone(),
                })))
            }
        };
        chains.push(chain);
    }
    Ok(Chains(chains.into()))
}

/// What several listeners may share, made when the first asks for it.
struct Made<'a> {
    settings: &'a Settings,
    clock: Clock,
    proofs: &'a Arc<Proofs>,
    users: Option<Arc<Users>>,
    jwt: Option<Arc<Jwt>>,
    http: Option<Arc<Hook>>,
    redis: Option<Arc<Redis>>,
    mysql: Option<Arc<Mysql>>,
}

impl Made<'_> {
    fn method(&mut self, method: config::Method) -> Result<Method, Refusal> {
        let identity = &self.settings.identity;
        Ok(match method {
            config::Method::Anonymous => Method::Anonymous,
            config::Method::Certificate => {
                let template = UserTemplate::new(&identity.certificate_user);
                let template = template.map_err(|fault| told("certificate", &fault))?;
                Method::Certificate(template)
            }
            config::Method::Users => Method::Users(self.users()?),
            config::Method::Jwt => Method::Jwt(self.jwt()?),
            config::Method::Http => Method::Http(self.http()?),
            config::Method::Redis => Method::Redis(self.redis()?),
            config::Method::Mysql => Method::Mysql(self.mysql()?),
        })
    }

    fn users(&mut self) -> Result<Arc<Users>, Refusal> {
        if let Some(users) = &self.users {
            return Ok(Arc::clone(users));
        }
        let Some(path) = &self.settings.identity.users_file else {
            return Err("[auth.users].file: is missing; name a file of users".to_string());
        };
        let text = read("[auth.users].file", path)?;
        let users = Users::read(&text, self.proofs).map_err(|faults| {
            let lines = faults.iter().map(|fault| {
                let place = fault.field.trim_start_matches("users file, line ");
                format!(
                    "{}:{place}: {}; {}",
                    path.display(),
                    fault.wrong,
                    fault.right
                )
            });
            lines.collect::<Vec<_>>().join("\n")
        })?;
        Ok(Arc::clone(self.users.insert(Arc::new(users))))
    }

    fn redis(&mut self) -> Result<Arc<Redis>, Refusal> {
        if let Some(redis) = &self.redis {
            return Ok(Arc::clone(redis));
        }
        let Some(rule) = &self.settings.identity.redis else {
            return Err("[auth.redis]: is missing; say which Redis to ask".to_string());
        };
        let redis = Redis::new(redis_settings(rule)?, self.proofs);
        let redis = redis.map_err(|fault| told("redis", &fault))?;
        Ok(Arc::clone(self.redis.insert(Arc::new(redis))))
    }

    fn mysql(&mut self) -> Result<Arc<Mysql>, Refusal> {
        if let Some(mysql) = &self.mysql {
            return Ok(Arc::clone(mysql));
        }
        let Some(rule) = &self.settings.identity.mysql else {
            return Err("[auth.mysql]: is missing; say which server to ask".to_string());
        };
        let mysql = Mysql::new(mysql_settings(rule)?, self.proofs);
        let mysql = mysql.map_err(|fault| told("mysql", &fault))?;
        Ok(Arc::clone(self.mysql.insert(Arc::new(mysql))))
    }

    fn http(&mut self) -> Result<Arc<Hook>, Refusal> {
        if let Some(hook) = &self.http {
            return Ok(Arc::clone(hook));
        }
        let Some(rule) = &self.settings.identity.http else {
            return Err("[auth.http]: is missing; say which web service to ask".to_string());
        };
        let hook = Hook::new(hook_settings(rule)?, self.clock.clone());
        let hook = hook.map_err(|fault| told("http", &fault))?;
        Ok(Arc::clone(self.http.insert(Arc::new(hook))))
    }

    fn jwt(&mut self) -> Result<Arc<Jwt>, Refusal> {
        if let Some(jwt) = &self.jwt {
            return Ok(Arc::clone(jwt));
        }
        let Some(rule) = &self.settings.identity.jwt else {
            return Err("[auth.jwt]: is missing; say how tokens are read".to_string());
        };
        let settings = jwt_settings(rule)?;
        let jwt = Jwt::new(settings, self.clock.clone()).map_err(|fault| told("jwt", &fault))?;
        Ok(Arc::clone(self.jwt.insert(Arc::new(jwt))))
    }
}

fn hook_settings(rule: &config::Hook) -> Result<HookSettings, Refusal> {
    let ca_file = rule.ca_file.as_deref();
    let ca = ca_file.map(|path| read("[auth.http].ca_file", path));
    let header =
        |(name, value): &(String, config::Token)| (name.clone(), Secret::new(value.0.as_bytes()));
    Ok(HookSettings {
        endpoint: EndpointSettings {
            url: rule.url.clone(),
            ca: ca.transpose()?,
            headers: rule.headers.iter().map(header).collect(),
            time_out_ms: rule.timeout_millis,
            at_once_max: rule.at_once_max,
            waiting_max: rule.waiting_max,
        },
        when_down: rule.when_down,
        keep_allow_secs: rule.keep_allow_secs,
        keep_deny_secs: rule.keep_deny_secs,
        ..HookSettings::default()
    })
}

fn jwt_settings(rule: &config::Jwt) -> Result<JwtSettings, Refusal> {
    let mut keys = Vec::new();
    if let Some(secret) = &rule.secret {
        keys.push(KeySource::Secret(Secret::new(secret.0.as_bytes())));
    }
    for path in &rule.public_keys {
        keys.push(KeySource::Pem(read("[auth.jwt].public_keys", path)?));
    }
    if let Some(path) = &rule.jwks {
        let text = read("[auth.jwt].jwks", path)?;
        keys.push(KeySource::KeySet(Secret::new(text)));
    }
    if let Some(url) = &rule.jwks_url {
        let endpoint = EndpointSettings {
            url: url.clone(),
            ..EndpointSettings::default()
        };
        keys.push(KeySource::KeySetUrl(Box::new(KeySetUrl {
            endpoint,
            refresh_secs: rule.jwks_refresh_secs,
            retry_secs: JWKS_RETRY_SECS.min(rule.jwks_refresh_secs),
        })));
    }
    Ok(JwtSettings {
        keys,
        algorithms: rule.algorithms.clone(),
        from: rule.from,
        issuer: rule.issuer.clone(),
        audiences: rule.audiences.clone(),
        leeway_secs: rule.leeway_secs,
        needs_expiry: rule.needs_expiry,
        user_claim: rule.user_claim.clone(),
        user_must_match: rule.user_must_match,
        groups_claim: rule.groups_claim.clone(),
        claims: rule.claims.clone(),
        rules_claim: rule.rules_claim.clone(),
    })
}

fn told(method: &str, fault: &Fault) -> Refusal {
    let Fault {
        field,
        wrong,
        right,
    } = fault;
    format!("[auth.{method}].{field}: {wrong}; {right}")
}

pub(super) fn read(key: &str, path: &Path) -> Result<String, Refusal> {
    let refused = |error: &dyn std::fmt::Display| {
        let path = path.display();
        format!("{key}: {path} cannot be read: {error}; name a file this user may read")
    };
    let length = std::fs::metadata(path)
        .map_err(|error| refused(&error))?
        .len();
    if length > FILE_BYTES_MAX {
        return Err(refused(&"it is longer than 1 GiB"));
    }
    std::fs::read_to_string(path).map_err(|error| refused(&error))
}

#[cfg(test)]
mod tests;
