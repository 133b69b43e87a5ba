//! Users in Redis: a hash per user, `HSET mqtt:user:NAME password_hash HASH groups a,b`.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ConnectionAddr, IntoConnectionInfo, RedisError, TlsCertificates, cmd};

use super::WhenDown;
use super::database::{RowSettings, Rows};
use super::gate::Gate;
use super::trust;
use crate::fault::Fault;
use crate::limits::TEMPLATE_BYTES_MAX;
use crate::look::Look;
use crate::proofs::Proofs;
use crate::question::Question;
use crate::secret::Secret;

pub(crate) const NAME: &str = "redis";

/// How often a connection that breaks is made anew for one question.
const RETRIES: usize = 1;

/// Which Redis is asked, and for what.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// `redis://HOST[:PORT][/DB]`, `rediss://` for TLS, `unix:///PATH`; without a password.
    pub url: String,
    /// The user to log in as; `None`: the default one.
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// PEM of the CAs that the server's certificate must come from; `None`: the system's.
    pub ca: Option<String>,
    /// The key of a user's hash; `%u` stands for the name.
    pub key: String,
    pub row: RowSettings,
    pub when_down: WhenDown,
}

/// A Redis that knows users; shared by all chains that name it.
pub struct Redis {
    client: Client,
    key: (String, String),
    rows: Rows,
    gate: Gate,
    when_down: WhenDown,
    connection: Mutex<Option<ConnectionManager>>,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            user: None,
            password: None,
            ca: None,
            key: "mqtt:user:%u".to_owned(),
            row: RowSettings::default(),
            when_down: WhenDown::Refuse,
        }
    }
}

impl Redis {
    pub fn new(settings: RedisSettings, proofs: &Arc<Proofs>) -> Result<Self, Fault> {
        let client = client(&settings)?;
        let key = settings
            .key
            .split_once("%u")
            .filter(|(_, behind)| !behind.contains("%u"));
        let key = key.filter(|_| settings.key.len() <= TEMPLATE_BYTES_MAX);
        let key = key.ok_or_else(|| {
            let right = format!("use %u once, in at most {TEMPLATE_BYTES_MAX} bytes");
            Fault::new(
                "key",
                format!("{:?} is no key of a user", settings.key),
                right,
            )
        })?;
        Ok(Self {
            client,
            key: (key.0.to_owned(), key.1.to_owned()),
            gate: settings.row.gate()?,
            rows: Rows::new(settings.row, NAME, proofs)?,
            when_down: settings.when_down,
            connection: Mutex::default(),
        })
    }

    pub(crate) async fn ask(&self, question: &Question) -> Look {
        let Some((user, password)) = question.user_and_password() else {
            return Look::NotMine;
        };
        let Ok(Ok(fields)) = self.gate.pass(self.fields(user)).await else {
            return self.when_down.look();
        };
        if fields.is_empty() {
            return self.rows.stranger();
        }
        self.rows
            .look(user, password, |name| fields.get(name).cloned())
    }

    async fn fields(&self, user: &str) -> Result<HashMap<String, String>, RedisError> {
        let mut connection = self.connection()?;
        let (before, behind) = &self.key;
        // One argument, whatever is in it: the protocol gives its length.
        let key = format!("{before}{user}{behind}");
        cmd("HGETALL").arg(key).query_async(&mut connection).await
    }

    /// The one connection, which all queries share and which makes itself anew.
    fn connection(&self) -> Result<ConnectionManager, RedisError> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let time_out = Duration::from_millis(u64::from(self.rows.settings.time_out_ms));
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(RETRIES)
            .set_connection_timeout(Some(time_out))
            .set_response_timeout(Some(time_out));
        let made = ConnectionManager::new_lazy_with_config(self.client.clone(), config)?;
        Ok(connection.insert(made).clone())
    }
}

fn client(settings: &RedisSettings) -> Result<Client, Fault> {
    let right = "write redis://HOST[:PORT][/DB], rediss://HOST[:PORT][/DB] or unix:///PATH";
    let fault = |wrong: &str| Fault::new("url", wrong, right);
    let info = settings.url.as_str().into_connection_info();
    // What the error says may hold the URL, and the URL a password.
    let info = info.map_err(|_| fault("is no URL of a Redis"))?;
    let login = info.redis_settings().clone();
    if login.password().is_some() {
        let right = "put it into the setting for it, from a file or from the environment";
        return Err(Fault::new("url", "holds a password", right));
    }
    let is_tls = match info.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => {
            return Err(fault("asks not to check the server's name"));
        }
        ConnectionAddr::TcpTls { .. } => true,
        _ => false,
    };
    let mut login = login.set_skip_set_lib_name();
    if let Some(user) = &settings.user {
        login = login.set_username(user);
    }
    if let Some(password) = &settings.password {
        let text = std::str::from_utf8(password.as_bytes());
        let text = text.map_err(|_| Fault::new("password", "is no text", "use UTF-8"))?;
        login = login.set_password(text);
    }
    let info = info.set_redis_settings(login);
    // The crate takes a text without certificates for no wish at all.
    if is_tls {
        trust::roots(settings.ca.as_deref())?;
    }
    let client = match &settings.ca {
        Some(ca) if is_tls => Client::build_with_tls(
            info,
            TlsCertificates {
                client_tls: None,
                root_cert: Some(ca.as_bytes().to_vec()),
            },
        ),
        _ => Client::open(info),
    };
    client.map_err(|_| Fault::new("ca_file", "cannot be used", "use CERTIFICATE in PEM"))
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({}%u{})", self.key.0, self.key.1)
    }
}
