//! SIGHUP: reads the configuration again, and takes over what can change under connected clients.

use super::doors::Doors;
use super::{acl, lanes};
use crate::cli::RunArgs;
use crate::config::{self, Settings};
use crate::mailbox::{Mailboxes, Note};

/// What is read again, and who is told.
pub(super) struct Reload {
    args: RunArgs,
    mailboxes: Mailboxes,
    doors: Doors,
    /// Whether there were rules at the start: who came without was not asked what rules go by.
    has_rules: bool,
}

impl Reload {
    pub(super) fn new(
        args: &RunArgs,
        settings: &Settings,
        mailboxes: &Mailboxes,
        doors: Doors,
    ) -> Self {
        Self {
            args: args.clone(),
            mailboxes: mailboxes.clone(),
            doors,
            has_rules: settings.access.is_some(),
        }
    }

    /// Reads certificates, the file and the environment again. What is wrong stays as it was.
    pub(super) fn run(&self) {
        self.doors.renew();
        match config::load(&self.args, std::env::vars(), lanes::check_routes) {
            Ok(settings) => self.renew_rules(&settings),
            Err(faults) => {
                tracing::error!(%faults, "SIGHUP: everything stays as it was; correct the file");
            }
        }
        tracing::warn!(
            tls = self.doors.has_tls(),
            "SIGHUP: certificates and the rules of [access] are all that is read again; restart \
             it for the rest"
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
