//! `[auth.redis]` and `[auth.mysql]`: databases that know the hashes of users' passwords.

use std::path::PathBuf;

use tributary_identity::remote::WhenDown;
use tributary_identity::remote::database::RowSettings;
use tributary_identity::remote::mysql::MysqlSettings;
use tributary_identity::remote::redis::RedisSettings;

use super::section::Section;
use super::settings::Token;

/// A Redis with a hash for each user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    pub url: String,
    /// Whom the gateway logs in as; `None`: the default user.
    pub user: Option<String>,
    pub password: Option<Token>,
    /// The CAs that its certificate must come from, in PEM; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// The key of a user's hash.
    pub key: String,
    pub row: Row,
}

/// A MySQL or MariaDB with a row for each user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mysql {
    pub host: String,
    pub port: u16,
    /// A Unix socket in the place of host and port.
    pub socket: Option<PathBuf>,
    pub user: String,
    pub password: Option<Token>,
    pub database: String,
    pub tls: bool,
    /// See [`Redis::ca_file`].
    pub ca_file: Option<PathBuf>,
    /// Its `?` stands for the name.
    pub query: String,
    pub row: Row,
}

/// What is taken of a user's row, and how long is waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub hash_field: String,
    pub groups_field: String,
    pub claim_fields: Vec<String>,
    pub timeout_millis: u32,
    pub at_once_max: usize,
    pub waiting_max: usize,
    pub when_down: WhenDown,
}

/// Reads the table; its URL is looked at when it is used.
pub(super) fn redis(section: &mut Section<'_>) -> Redis {
    let usual = RedisSettings::default();
    let mut text = |key| section.text(key).map(|(text, _)| text);
    let url = text("url").unwrap_or(usual.url);
    let (user, ca_file, key) = (text("user"), text("ca_file"), text("key"));
    let password = section.secret("password");
    Redis {
        url,
        user,
        password: password.map(|(password, _)| Token(password)),
        ca_file: ca_file.map(PathBuf::from),
        key: key.unwrap_or(usual.key),
        row: row(section, usual.row),
    }
}

/// Reads the table.
pub(super) fn mysql(section: &mut Section<'_>) -> Mysql {
    let usual = MysqlSettings::default();
    let mut text = |key| section.text(key).map(|(text, _)| text);
    let (host, socket, user) = (text("host"), text("socket"), text("user"));
    let (database, ca_file, query) = (text("database"), text("ca_file"), text("query"));
    let password = section.secret("password");
    let port = section.number("port", 1..=65_535);
    let tls = section.boolean("tls").unwrap_or(false);
    Mysql {
        host: host.unwrap_or(usual.host),
        port: port.map_or(usual.port, |port| port as u16),
        socket: socket.map(PathBuf::from),
        user: user.unwrap_or(usual.user),
        password: password.map(|(password, _)| Token(password)),
        database: database.unwrap_or(usual.database),
        tls,
        ca_file: ca_file.map(PathBuf::from),
        query: query.unwrap_or(usual.query),
        row: row(section, usual.row),
    }
}

fn row(section: &mut Section<'_>, usual: RowSettings) -> Row {
    let mut text = |key, usual| section.text(key).map_or(usual, |(text, _)| text);
    let hash_field = text("hash_field", usual.hash_field);
    let groups_field = text("groups_field", usual.groups_field);
    let claim_fields = section.texts("claim_fields").map(|(fields, _)| fields);
    let mut number = |key, range, usual| section.number(key, range).unwrap_or(usual);
    let timeout_millis = number("timeout_millis", 1..=60_000, usual.time_out_ms.into());
    let at_once_max = number("at_once_max", 1..=1_024, usual.at_once_max as u64);
    let waiting_max = number("waiting_max", 1..=65_536, usual.waiting_max as u64);
    let words = [("refuse", WhenDown::Refuse), ("next", WhenDown::Next)];
    let when_down = section.choice("when_down", &words, &[]);
    Row {
        hash_field,
        groups_field,
        claim_fields: claim_fields.unwrap_or_default(),
        timeout_millis: timeout_millis as u32,
        at_once_max: at_once_max as usize,
        waiting_max: waiting_max as usize,
        when_down: when_down.unwrap_or(WhenDown::Refuse),
    }
}
