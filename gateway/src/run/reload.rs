//! SIGHUP: reads the configuration again, and takes over what can change under connected clients.

use super::{acl, lanes};
use crate::cli::RunArgs;
use crate::config::{self, Settings};
use crate::mailbox::{Mailboxes, Note};

/// What is read again, and who is told.
pub(super) struct Reload {
    args: RunArgs,
    mailboxes: Mailboxes,
    /// Whether there were rules at the start: who came without was not asked what rules go by.
    has_rules: bool,
}

impl Reload {
    pub(super) fn new(args: &RunArgs, settings: &Settings, mailboxes: &Mailboxes) -> Self {
        Self {
            args: args.clone(),
            mailboxes: mailboxes.clone(),
            has_rules: settings.access.is_some(),
        }
    }

    /// Reads the file and the environment again. Where anything is wrong, nothing changes.
    pub(super) fn run(&self) {
        match config::load(&self.args, std::env::vars(), lanes::check_routes) {
            Ok(settings) => self.renew_rules(&settings),
            Err(faults) => {
                tracing::error!(%faults, "SIGHUP: everything stays as it was; correct the file");
            }
        }
        tracing::warn!(
            "SIGHUP: the rules of [access] are all that changes; restart it for the rest"
        );
    }

    fn renew_rules(&self, settings: &Settings) {
        let rules = match (&settings.access, self.has_rules) {
            (None, false) => return,
            (Some(access), true) => acl::compile(access),
            (None, true) => Err("the section is gone".to_string()),
            (Some(_), false) => Err("there was no such section at the start".to_string()),
        };
        match rules {
            Ok(rules) => {
                tracing::info!(
                    rules = rules.book.rules().len(),
                    "SIGHUP: [access] is renewed"
                );
                for mailbox in self.mailboxes.0.iter() {
                    mailbox.leave(Note::Rules(rules.clone()));
                    mailbox.ring_bell();
                }
            }
            Err(why) => {
                tracing::error!(%why, "SIGHUP: [access] stays as it was; restart it to change that");
            }
        }
    }
}
