//! SIGHUP: reads the configuration again, and takes over what can change under connected clients.

use std::sync::Arc;

use tributary_identity::proofs::Proofs;

use super::doors::Doors;
use super::{acl, identity, lanes};
use crate::cli::RunArgs;
use crate::config::{self, Listener, Settings};
use crate::control_tls::ControlTls;
use crate::mailbox::{Mailboxes, Note};

/// What is read again, and who is told.
pub(super) struct Reload {
    args: RunArgs,
    mailboxes: Mailboxes,
    doors: Doors,
    /// The certificate of the control plane.
    tls: Option<Arc<ControlTls>>,
    /// Whether there were rules at the start: who came without was not asked what rules go by.
    has_rules: bool,
    /// As they were opened.
    listeners: Vec<Listener>,
    /// Right passwords stay known.
    proofs: Arc<Proofs>,
}

impl Reload {
    pub(super) fn new(
        args: &RunArgs,
        settings: &Settings,
        mailboxes: &Mailboxes,
        doors: &Doors,
        tls: Option<Arc<ControlTls>>,
        proofs: &Arc<Proofs>,
    ) -> Self {
        Self {
            args: args.clone(),
            mailboxes: mailboxes.clone(),
            doors: doors.clone(),
            tls,
            has_rules: settings.access.is_some(),
            listeners: settings.listeners.clone(),
            proofs: Arc::clone(proofs),
        }
    }

    /// Reads certificates, the file and the environment again. What is wrong stays as it was.
    pub(super) fn run(&self) {
        self.doors.renew();
        self.renew_control_tls();
        match config::load(&self.args, std::env::vars(), lanes::check_routes) {
            Ok(settings) => {
                self.renew_rules(&settings);
                self.renew_chains(&settings);
            }
            Err(faults) => {
                tracing::error!(%faults, "SIGHUP: everything stays as it was; correct the file");
            }
        }
        tracing::warn!(
            tls = self.doors.has_tls(),
            "SIGHUP: certificates, rules, users and keys are all that is read again; restart it \
             for the rest"
        );
    }

    /// The certificate of the control plane.
    fn renew_control_tls(&self) {
        match self.tls.as_deref().map(ControlTls::renew) {
            None => {}
            Some(Ok(())) => {
                tracing::info!("SIGHUP: the certificate of the control plane is renewed");
            }
            Some(Err(why)) => {
                tracing::error!(%why, "SIGHUP: the control plane keeps the certificate it had");
            }
        }
    }

    /// Users and keys of listeners that ask for them; which listeners ask for what stays.
    fn renew_chains(&self, settings: &Settings) {
        let mut settings = settings.clone();
        settings.listeners.clone_from(&self.listeners);
        if self.listeners.iter().all(|one| one.auth.is_none()) {
            return;
        }
        match identity::chains(&settings, &self.proofs) {
            Ok(chains) => {
                tracing::info!("SIGHUP: users and keys are renewed");
                self.tell(|| Note::Chains(chains.clone()));
            }
            Err(why) => tracing::error!(%why, "SIGHUP: users and keys stay as they were"),
        }
    }

    fn tell(&self, note: impl Fn() -> Note) {
        for mailbox in self.mailboxes.0.iter() {
            mailbox.leave(note());
            mailbox.ring_bell();
        }
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
                self.tell(|| Note::Rules(rules.clone()));
            }
            Err(why) => {
                tracing::error!(%why, "SIGHUP: [access] stays as it was; restart it to change that");
            }
        }
    }
}
