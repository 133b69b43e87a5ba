//! A thread that does what costs CPU: it looks at questions, and checks passwords one at a time.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::hall::{Hall, Task};
use crate::verdict::{Refusal, Verdict};

pub(super) fn spawn(index: usize, hall: &Arc<Hall>) -> io::Result<JoinHandle<()>> {
    let hall = Arc::clone(hall);
    let thread = Builder::new().name(format!("identity {index}"));
    thread.spawn(move || {
        while let Some(task) = hall.next() {
            // One client's question must not cost the others their worker. Its own answer is
            // given when the job is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| run(&hall, task)));
        }
    })
}

fn run(hall: &Hall, task: Task) {
    let (Task::Look(job) | Task::Check(job, _)) = &task;
    if hall.is_late(job) {
        let (Task::Look(job) | Task::Check(job, _)) = task;
        return job.answer.give(Verdict::Refused(Refusal::Busy));
    }
    match task {
        Task::Look(mut job) => {
            let step = job.walk.advance();
            hall.go_on(job, step);
        }
        Task::Check(job, check) => {
            let is_right = job.walk.is_right(&check);
            let verdict = job.walk.on_checked(check, is_right);
            job.answer.give(verdict);
        }
    }
}
