//! Turns `[auth.redis]` and `[auth.mysql]` into what the doorkeeper asks.

use std::path::PathBuf;

use tributary_identity::Secret;
use tributary_identity::remote::database::RowSettings;
use tributary_identity::remote::mysql::{MysqlSettings, MysqlTls};
use tributary_identity::remote::redis::RedisSettings;

use super::Refusal;
use super::identity::read;
use crate::config::{Mysql, Redis, Row, Token};

pub(super) fn redis_settings(rule: &Redis) -> Result<RedisSettings, Refusal> {
    Ok(RedisSettings {
        url: rule.url.clone(),
        user: rule.user.clone(),
        password: rule.password.as_ref().map(secret),
        ca: authorities("[auth.redis].ca_file", rule.ca_file.as_ref())?,
        key: rule.key.clone(),
        row: row_settings(&rule.row),
        when_down: rule.row.when_down,
    })
}

pub(super) fn mysql_settings(rule: &Mysql) -> Result<MysqlSettings, Refusal> {
    let ca = authorities("[auth.mysql].ca_file", rule.ca_file.as_ref())?;
    Ok(MysqlSettings {
        host: rule.host.clone(),
        port: rule.port,
        socket: rule.socket.clone(),
        user: rule.user.clone(),
        password: rule.password.as_ref().map(secret),
        database: rule.database.clone(),
        tls: match rule.tls {
            true => MysqlTls::On { ca },
            false => MysqlTls::Off,
        },
        query: rule.query.clone(),
        row: row_settings(&rule.row),
        when_down: rule.row.when_down,
    })
}

fn secret(token: &Token) -> Secret {
    Secret::new(token.0.as_bytes())
}

fn authorities(key: &str, path: Option<&PathBuf>) -> Result<Option<String>, Refusal> {
    path.map(|path| read(key, path)).transpose()
}

fn row_settings(row: &Row) -> RowSettings {
    RowSettings {
        hash_field: row.hash_field.clone(),
        groups_field: row.groups_field.clone(),
        claim_fields: row.claim_fields.clone(),
        time_out_ms: row.timeout_millis,
        at_once_max: row.at_once_max,
        waiting_max: row.waiting_max,
    }
}
