//! What a row about a user says, whichever database it comes from.

use std::sync::{Arc, Mutex, PoisonError};

use crate::fault::Fault;
use crate::hash::{PasswordHash, Shape};
use crate::limits::{CLAIMS_MAX, GROUPS_MAX};
use crate::look::Look;
use crate::proofs::Proofs;
use crate::values::is_plain;
use crate::verdict::Proven;

use super::gate::Gate;

/// What is taken from a row, and how long is waited for it.
#[derive(Clone, Debug)]
pub struct RowSettings {
    /// The field with the argon2id hash, as a users file has it.
    pub hash_field: String,
    /// The field with groups, one comma between two.
    pub groups_field: String,
    /// Fields to be kept as claims of the same name.
    pub claim_fields: Vec<String>,
    /// From the question until the row, waiting included.
    pub time_out_ms: u32,
    /// Queries on their way at once.
    pub at_once_max: usize,
    /// Questions that wait for one of these; one more counts as no answer.
    pub waiting_max: usize,
}

/// Makes answers of rows.
pub(super) struct Rows {
    pub(super) settings: RowSettings,
    method: &'static str,
    proofs: Arc<Proofs>,
    /// What the last hash seen costs, and so what strangers cost.
    shape: Mutex<Shape>,
}

impl Default for RowSettings {
    fn default() -> Self {
        Self {
            hash_field: "password_hash".to_owned(),
            groups_field: "groups".to_owned(),
            claim_fields: Vec::new(),
            time_out_ms: 2_000,
            at_once_max: 32,
            waiting_max: 1_024,
        }
    }
}

impl RowSettings {
    pub(super) fn gate(&self) -> Result<Gate, Fault> {
        Gate::new(self.at_once_max, self.waiting_max, self.time_out_ms)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.claim_fields.len() > CLAIMS_MAX {
            let wrong = format!("lists {}", self.claim_fields.len());
            let right = format!("list at most {CLAIMS_MAX}");
            return Err(Fault::new("claim_fields", wrong, right));
        }
        Ok(())
    }
}

impl Rows {
    pub(super) fn new(
        settings: RowSettings,
        method: &'static str,
        proofs: &Arc<Proofs>,
    ) -> Result<Self, Fault> {
        settings.check()?;
        Ok(Self {
            settings,
            method,
            proofs: Arc::clone(proofs),
            shape: Mutex::default(),
        })
    }

    /// Nobody of that name is there.
    pub(super) fn stranger(&self) -> Look {
        let shape = self.shape.lock().unwrap_or_else(PoisonError::into_inner);
        Look::Stranger(*shape)
    }

    /// What follows from a row, whose fields `field` knows. A row without a hash, or with what
    /// cannot be taken, is nobody's: to say more would tell the peer that the name is known.
    pub(super) fn look(
        &self,
        user: &str,
        password: &[u8],
        field: impl Fn(&str) -> Option<String>,
    ) -> Look {
        let hash = field(&self.settings.hash_field);
        let hash = hash.and_then(|hash| PasswordHash::read(&hash).ok());
        let (Some(hash), Some(proven)) = (hash, self.proven(user, field)) else {
            return self.stranger();
        };
        *self.shape.lock().unwrap_or_else(PoisonError::into_inner) = hash.shape();
        Look::at_password(
            user,
            password,
            Arc::new(hash),
            Box::new(proven),
            &self.proofs,
        )
    }

    fn proven(&self, user: &str, field: impl Fn(&str) -> Option<String>) -> Option<Proven> {
        let groups = field(&self.settings.groups_field).unwrap_or_default();
        let groups: Vec<&str> = groups.split(',').map(str::trim).collect();
        let groups = groups.into_iter().filter(|group| !group.is_empty());
        let groups: Vec<Box<str>> = groups.map(Box::from).collect();
        let mut claims = Vec::new();
        for name in &self.settings.claim_fields {
            let Some(value) = field(name).filter(|value| !value.is_empty()) else {
                continue;
            };
            claims.push((Box::from(name.as_str()), Box::from(value)));
        }
        let values = claims.iter().map(|(_, value)| value).chain(&groups);
        let are_plain = values.into_iter().all(|value| is_plain(value));
        (are_plain && is_plain(user) && groups.len() <= GROUPS_MAX).then(|| Proven {
            method: self.method,
            user: Some(user.into()),
            groups,
            claims,
            ..Proven::default()
        })
    }
}
