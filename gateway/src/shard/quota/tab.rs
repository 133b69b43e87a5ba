//! The tab of one read: tokens for what it may hold, taken at every level at once.

use tributary_access::meter::{Short, Tokens};

use super::{Held, Rules};
use crate::limits::QUOTA_GRAB_MESSAGES_MAX;
use crate::quota::{Level, Over};

/// The node's key in its accounts: there is but one.
const NODE_KEY: u64 = 0;
const LEVELS: [Level; 4] = [Level::Client, Level::User, Level::Address, Level::Node];

/// Who is metered where.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Who {
    /// Place of the client.
    pub index: u32,
    /// Its id, hashed: a client that comes back still owes what it owed.
    pub client: u64,
    pub user: Option<u64>,
    pub address: Option<u64>,
}

/// Tokens that every level has given for the read at hand.
#[derive(Default)]
pub(super) struct Tab {
    who: Option<Who>,
    left: Tokens,
}

impl Tab {
    /// Whether there is enough for a packet of this client.
    pub(super) fn covers(&self, index: u32, packet: Tokens) -> bool {
        self.who.is_some_and(|who| who.index == index) && self.left.covers(packet)
    }

    /// A packet has gone its way.
    pub(super) fn spend(&mut self, packet: Tokens) {
        self.left = self.left.less(packet);
    }
}

impl Rules {
    /// Takes tokens for one packet at least, and for all that may come behind it in this read.
    pub(super) fn open_tab(
        &mut self,
        now_tick: u32,
        who: Who,
        packet: Tokens,
        rest_bytes: usize,
    ) -> Result<(), Held> {
        let rest_bytes = u32::try_from(rest_bytes).unwrap_or(u32::MAX);
        // Those behind it are taken to be of its size, which costs nothing when they are not.
        let alike = (rest_bytes / packet.bytes.max(1)).min(QUOTA_GRAB_MESSAGES_MAX);
        let mut granted = packet.more(Tokens {
            messages: alike,
            bytes: rest_bytes,
        });
        let mut given = [None; LEVELS.len()];
        for (place, level) in LEVELS.into_iter().enumerate() {
            match self.grab(level, now_tick, &who, packet, granted) {
                None => {}
                Some(Ok(tokens)) => {
                    given[place] = Some(tokens);
                    granted = granted.least(tokens);
                }
                Some(Err((short, over))) => {
                    self.give_back_but(&who, given, Tokens::default());
                    return Err(Held { level, short, over });
                }
            }
        }
        self.give_back_but(&who, given, granted);
        self.tab = Tab {
            who: Some(who),
            left: granted,
        };
        Ok(())
    }

    /// Gives back what is left of the tab.
    pub(super) fn settle(&mut self) {
        let Some(who) = self.tab.who.take() else {
            return;
        };
        let left = std::mem::take(&mut self.tab.left);
        if !left.is_empty() {
            self.give_back_but(&who, [Some(left); LEVELS.len()], Tokens::default());
        }
    }

    /// Asks one level; `None` when it does not bound this client.
    fn grab(
        &mut self,
        level: Level,
        now_tick: u32,
        who: &Who,
        least: Tokens,
        want: Tokens,
    ) -> Option<Result<Tokens, (Short, Over)>> {
        let (lots, key) = match level {
            Level::Client => {
                let (meters, over) = self.client.as_mut()?;
                let now_millis = super::millis(now_tick);
                let granted = meters.grab(now_millis, who.client, least, want);
                return Some(granted.map_err(|short| (short, *over)));
            }
            Level::User => (self.user.as_mut()?, who.user?),
            Level::Address => (self.address.as_mut()?, who.address?),
            Level::Node => (self.node.as_mut()?, NODE_KEY),
        };
        if !lots.is_metering {
            return None;
        }
        let over = lots.over;
        let granted = lots.grab(now_tick, key, least, want);
        Some(granted.map_err(|short| (short, over)))
    }

    /// Gives each level back what it has given, but for `kept`.
    fn give_back_but(&mut self, who: &Who, given: [Option<Tokens>; 4], kept: Tokens) {
        for (level, given) in LEVELS.into_iter().zip(given) {
            let back = given.unwrap_or_default().less(kept);
            if back.is_empty() {
                continue;
            }
            let (lots, key) = match level {
                Level::Client => {
                    if let Some((meters, _)) = &mut self.client {
                        meters.give_back(&who.client, back);
                    }
                    continue;
                }
                Level::User => (&mut self.user, who.user),
                Level::Address => (&mut self.address, who.address),
                Level::Node => (&mut self.node, Some(NODE_KEY)),
            };
            if let (Some(lots), Some(key)) = (lots.as_mut(), key)
                && lots.is_metering
            {
                lots.give_back(key, back);
            }
        }
    }
}
