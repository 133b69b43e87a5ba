//! One question's errand to somebody who knows more, on the control thread.

use std::sync::Arc;

use super::hall::{Hall, Job};
use crate::verdict::{Refusal, Verdict};

pub(super) async fn run(hall: Arc<Hall>, mut job: Job) {
    if hall.is_late(&job) {
        return job.answer.give(Verdict::Refused(Refusal::Busy));
    }
    let look = job.walk.ask().await;
    match job.walk.on_asked(look) {
        Some(step) => hall.go_on(job, step),
        // The rest of the chain is a worker's: it may hold a signature.
        None => hall.admit(job),
    }
}
