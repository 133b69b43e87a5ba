//! Users in MySQL or MariaDB: one query for one row, with the name as its only parameter.

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Opts, OptsBuilder, Pool, PoolConstraints, PoolOpts, Row, SslOpts, Value};

use super::WhenDown;
use super::database::{RowSettings, Rows};
use super::gate::Gate;
use super::trust;
use crate::fault::Fault;
use crate::limits::MYSQL_PACKET_BYTES_MAX;
use crate::look::Look;
use crate::proofs::Proofs;
use crate::question::Question;
use crate::secret::Secret;

pub(crate) const NAME: &str = "mysql";

/// Which server is asked, and what.
#[derive(Clone, Debug)]
pub struct MysqlSettings {
    pub host: String,
    pub port: u16,
    /// A Unix socket in the place of host and port.
    pub socket: Option<PathBuf>,
    pub user: String,
    pub password: Option<Secret>,
    pub database: String,
    pub tls: MysqlTls,
    /// Has one `?`, for the name.
    pub query: String,
    pub row: RowSettings,
    pub when_down: WhenDown,
}

/// Whether the connection is protected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MysqlTls {
    Off,
    /// With the PEM of the CAs that the server's certificate must come from; `None`: the system's.
    On {
        ca: Option<String>,
    },
}

/// A server that knows users; shared by all chains that name it.
pub struct Mysql {
    pool: Pool,
    query: String,
    rows: Rows,
    gate: Gate,
    when_down: WhenDown,
}

impl Default for MysqlSettings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 3306,
            socket: None,
            user: "tributary".to_owned(),
            password: None,
            database: "mqtt".to_owned(),
            tls: MysqlTls::Off,
            query: "SELECT password_hash, user_groups FROM mqtt_users WHERE name = ?".to_owned(),
            row: RowSettings {
                groups_field: "user_groups".to_owned(),
                ..RowSettings::default()
            },
            when_down: WhenDown::Refuse,
        }
    }
}

impl Mysql {
    pub fn new(settings: MysqlSettings, proofs: &Arc<Proofs>) -> Result<Self, Fault> {
        if settings.query.matches('?').count() != 1 {
            let right = "write SELECT password_hash, user_groups FROM mqtt_users WHERE name = ?";
            return Err(Fault::new("query", "has not exactly one ?", right));
        }
        let gate = settings.row.gate()?;
        let opts = opts(&settings)?;
        Ok(Self {
            gate,
            rows: Rows::new(settings.row, NAME, proofs)?,
            // Nothing connects before it is asked.
            pool: Pool::new(opts),
            query: settings.query,
            when_down: settings.when_down,
        })
    }

    pub(crate) async fn ask(&self, question: &Question) -> Look {
        let Some((user, password)) = question.user_and_password() else {
            return Look::NotMine;
        };
        match self.gate.pass(self.row(user)).await {
            Ok(Ok(Some(row))) => self.rows.look(user, password, |name| text(&row, name)),
            Ok(Ok(None)) => self.rows.stranger(),
            _ => self.when_down.look(),
        }
    }

    async fn row(&self, user: &str) -> Result<Option<Row>, mysql_async::Error> {
        let mut connection = self.pool.get_conn().await?;
        connection.exec_first(self.query.as_str(), (user,)).await
    }
}

/// A column as text; `None` where it is NULL, not there, or neither text nor a whole number.
fn text(row: &Row, name: &str) -> Option<String> {
    match row.get_opt::<Value, _>(name)?.ok()? {
        Value::Bytes(text) => String::from_utf8(text).ok(),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        _ => None,
    }
}

fn opts(settings: &MysqlSettings) -> Result<Opts, Fault> {
    let password = settings.password.as_ref().map(|password| {
        let text = String::from_utf8(password.as_bytes().to_vec());
        text.map_err(|_| Fault::new("password", "is no text", "use UTF-8"))
    });
    let constraints = PoolConstraints::new(0, settings.row.at_once_max);
    let constraints = constraints.expect("0 is below what the gate has let pass");
    // Every query is the same, so a connection has no state to be wiped.
    let pool = PoolOpts::new()
        .with_constraints(constraints)
        .with_reset_connection(false);
    let mut opts = OptsBuilder::default()
        .ip_or_hostname(settings.host.as_str())
        .tcp_port(settings.port)
        .user(Some(settings.user.as_str()))
        .pass(password.transpose()?)
        .db_name(Some(settings.database.as_str()))
        .max_allowed_packet(Some(MYSQL_PACKET_BYTES_MAX))
        // It would leave TCP, and TLS with it, for a socket that the server names.
        .prefer_socket(false)
        .pool_opts(pool);
    if let Some(socket) = &settings.socket {
        opts = opts.socket(Some(socket.to_string_lossy()));
    }
    if let MysqlTls::On { ca } = &settings.tls {
        let roots = trust::roots(ca.as_deref())?;
        let roots = roots.into_iter().map(|root| root.as_ref().to_vec().into());
        let tls = SslOpts::default()
            .with_root_certs(roots.collect())
            .with_disable_built_in_roots(true);
        opts = opts.ssl_opts(Some(tls));
    }
    Ok(opts.into())
}

impl fmt::Debug for Mysql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mysql({:?})", self.query)
    }
}
