//! Builds what listeners ask of newcomers: reads users and keys, and starts whoever checks them.

use std::path::Path;
use std::sync::Arc;

use tributary_identity::certificate::UserTemplate;
use tributary_identity::jwt::KeySource;
use tributary_identity::proofs::Proofs;
use tributary_identity::users::Users;
use tributary_identity::{
    Chain, ChainSettings, Clock, Fault, Jwt, JwtSettings, Method, Secret, Service, ServiceSettings,
};

use super::Refusal;
use crate::config::{self, Settings, Takeover};
use crate::mailbox::Chains;
use crate::shard::GatePlan;

/// Right passwords that are remembered, and for how long: a fleet that comes back at once costs no
/// argon2 each.
const PROOFS_MAX: usize = 1 << 20;
/// See above.
const PROOF_SECS: u32 = 600;
/// The longest file of keys or users that is read.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// The service, and what shards ask of it; nothing where no listener asks anything.
pub(super) struct Identity {
    pub(super) gate: Option<GatePlan>,
    /// Answers as long as it is there.
    _service: Option<Service>,
}

impl Identity {
    /// Reads files and starts threads.
    pub(super) fn start(settings: &Settings) -> Result<Self, Refusal> {
        if settings.listeners.iter().all(|one| one.auth.is_none()) {
            return Ok(Self {
                gate: None,
                _service: None,
            });
        }
        let chains = chains(settings)?;
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
            }),
            _service: Some(service),
        })
    }
}

/// The methods of each listener, with everything that their files say now.
pub(super) fn chains(settings: &Settings) -> Result<Chains, Refusal> {
    let clock = Clock::system();
    let mut made = Made {
        settings,
        clock,
        users: None,
        jwt: None,
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
    users: Option<Arc<Users>>,
    jwt: Option<Arc<Jwt>>,
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
        let proofs = Proofs::new(PROOFS_MAX, PROOF_SECS, self.clock.clone());
        let proofs = Arc::new(proofs.map_err(|fault| told("users", &fault))?);
        let users = Users::read(&text, &proofs).map_err(|faults| {
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
        rules_claim: None,
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

fn read(key: &str, path: &Path) -> Result<String, Refusal> {
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
