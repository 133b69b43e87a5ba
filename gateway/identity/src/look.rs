//! What one method says of a question at a first look.

use std::sync::Arc;

use crate::hash::{PasswordHash, Shape};
use crate::proofs::{Proof, Proofs};
use crate::verdict::{Proven, Verdict};

/// The answer of one method, or what stands between it and its answer.
pub(crate) enum Look {
    NotMine,
    Verdict(Verdict),
    /// Nobody of that name: should nobody else know it, this is what a wrong password costs.
    Stranger(Shape),
    /// A password has to be checked, slowly on purpose.
    Check(Check),
    /// A signature has to be checked, or somebody else has to be asked.
    Work,
}

/// A password to be checked.
pub(crate) struct Check {
    pub(crate) hash: Arc<PasswordHash>,
    /// Who it is if the password is right; `None` for a stranger, who is refused either way.
    pub(crate) proven: Option<Box<Proven>>,
    /// Where a right password is remembered.
    pub(crate) proof: Option<(Arc<Proofs>, Proof)>,
}

impl Look {
    /// What follows for whoever shows `password` and is `proven` if that has this `hash`.
    pub(crate) fn at_password(
        user: &str,
        password: &[u8],
        hash: Arc<PasswordHash>,
        proven: Box<Proven>,
        proofs: &Arc<Proofs>,
    ) -> Self {
        let proof = proofs.proof(user, password, &hash);
        if proofs.has(&proof) {
            return Self::Verdict(Verdict::Allowed(proven));
        }
        Self::Check(Check {
            hash,
            proven: Some(proven),
            proof: Some((Arc::clone(proofs), proof)),
        })
    }
}
