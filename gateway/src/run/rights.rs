//! What this process may do: hardened before its first thread, and without the rights of root from
//! the moment its sockets are open.
//!
//! ```text
//!  settings read, harden -> sockets bound -> assume: groups, group, user, capabilities -> prove
//!                                                        -> lanes, spools, store, shards
//! ```
//!
//! Everything that is written to disk is written afterwards, so it belongs to the new user.

use std::fmt::{self, Display};
use std::fs;
use std::io;

use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, initgroups, setresgid, setresuid};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::Refusal;
use crate::config::Process;
use crate::limits::LOCKED_BYTES_PER_SHARD;

/// Lines of /proc/PID/status with the real, effective, saved and file system ids of a thread.
const ID_LINES: [&str; 2] = ["Uid:", "Gid:"];

/// Gives up what a gateway never needs. Threads inherit it, so it is done before there are any.
pub(super) fn harden(process: &Process) -> Result<(), Refusal> {
    // It never runs another program: there is nothing to gain rights by [prctl(2)].
    rustix::thread::set_no_new_privs(true).map_err(|error| failed("PR_SET_NO_NEW_PRIVS", error))?;
    keep_memory_private(process)
}

/// Passwords, tokens and the secrets of TLS stay in memory while they are in use: neither a crash
/// nor another process of the same user gets to see them.
fn keep_memory_private(process: &Process) -> Result<(), Refusal> {
    if !process.core_dumps {
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        rustix::process::setrlimit(Resource::Core, none)
            .map_err(|error| failed("RLIMIT_CORE", error))?;
    }
    // A change of user has reset it [proc(5), suid_dumpable].
    let behavior = match process.core_dumps {
        true => DumpableBehavior::Dumpable,
        false => DumpableBehavior::NotDumpable,
    };
    rustix::process::set_dumpable_behavior(behavior)
        .map_err(|error| failed("PR_SET_DUMPABLE", error))
}

/// Whom this process is to become.
#[derive(Debug)]
pub(super) struct Account {
    name: String,
    user: Uid,
    group: Gid,
}

impl Account {
    /// Looks up who `[process]` names, and whether this process can become that.
    pub(super) fn find(process: &Process) -> Result<Option<Self>, Refusal> {
        let Some(name) = &process.user else {
            return Ok(None);
        };
        let says = |key: &str, what: String| format!("[process].{key}: {what}");
        let found = User::from_name(name).map_err(|error| says("user", error.to_string()))?;
        let Some(user) = found else {
            let what = format!(
                "there is no user \"{name}\"; make it by `useradd --system {name}`, or name another"
            );
            return Err(says("user", what));
        };
        if user.uid.is_root() {
            let what = format!("\"{name}\" has the rights of root; name a user without them");
            return Err(says("user", what));
        }
        let group = match &process.group {
            None => user.gid,
            Some(name) => match Group::from_name(name) {
                Ok(Some(group)) => group.gid,
                Ok(None) => {
                    let what = format!(
                        "there is no group \"{name}\"; make it by `groupadd --system {name}`, or \
                         leave it out for the user's own"
                    );
                    return Err(says("group", what));
                }
                Err(error) => return Err(says("group", error.to_string())),
            },
        };
        let account = Self {
            name: name.clone(),
            user: user.uid,
            group,
        };
        match geteuid().is_root() || account.is_here() {
            true => Ok(Some(account)),
            false => Err(says("user", account.out_of_reach())),
        }
    }

    pub(super) fn user(&self) -> u32 {
        self.user.as_raw()
    }

    pub(super) fn group(&self) -> u32 {
        self.group.as_raw()
    }

    /// Becomes it, for good.
    pub(super) fn assume(&self, process: &Process, shards: usize) -> Result<(), Refusal> {
        // Root may lock what it likes; whoever comes after it has a limit, which only root raises.
        allow_to_lock(LOCKED_BYTES_PER_SHARD * shards as u64);
        if geteuid().is_root() {
            self.leave_root().map_err(|error| {
                format!(
                    "[process].user: cannot become {self}: {error}; leave CAP_SETUID and \
                     CAP_SETGID to the gateway until it has"
                )
            })?;
        }
        // A service manager may have given some for low ports, which are open now.
        give_up_capabilities().map_err(|error| failed("capabilities", error))?;
        keep_memory_private(process)?;
        self.prove()?;
        tracing::info!(user = %self.name, uid = self.user(), gid = self.group(), "the rights are this user's");
        Ok(())
    }

    /// The C library does this for all threads of the process; the kernel knows only single ones.
    fn leave_root(&self) -> io::Result<()> {
        let name = std::ffi::CString::new(self.name.as_str())?;
        initgroups(&name, self.group)?;
        setresgid(self.group, self.group, self.group)?;
        setresuid(self.user, self.user, self.user)?;
        Ok(())
    }

    /// Whether the process is it already, as under a service manager that has a user of its own.
    pub(super) fn is_here(&self) -> bool {
        geteuid() == self.user && getegid() == self.group
    }

    fn out_of_reach(&self) -> String {
        format!(
            "only root can become {self}, and this is user {}; start it as root, or leave \
             [process] to the service manager (User= and Group=)",
            geteuid()
        )
    }

    /// What was given up cannot be had back, by any thread.
    fn prove(&self) -> Result<(), Refusal> {
        let root = Uid::from_raw(0);
        if setresuid(root, root, root).is_ok() || geteuid().is_root() {
            return Err(format!(
                "this process can become root again after {self}; {REPORT}"
            ));
        }
        let threads = fs::read_dir("/proc/self/task").map_err(|error| failed("/proc", error))?;
        for thread in threads {
            let path = thread.map_err(|error| failed("/proc", error))?.path();
            // A thread that has ended meanwhile has no rights left.
            let Ok(status) = fs::read_to_string(path.join("status")) else {
                continue;
            };
            if !self.is_all_of(&status) || has_capabilities(&status) {
                let path = path.display();
                return Err(format!(
                    "{path} is not {self} without capabilities; {REPORT}"
                ));
            }
        }
        Ok(())
    }

    /// Whether every id in a status is this one's.
    fn is_all_of(&self, status: &str) -> bool {
        ID_LINES
            .into_iter()
            .zip([self.user(), self.group()])
            .all(|(title, id)| {
                let mut lines = status.lines();
                let ids = lines
                    .find_map(|line| line.strip_prefix(title))
                    .unwrap_or_default();
                let mut ids = ids.split_whitespace().peekable();
                ids.peek().is_some() && ids.all(|found| found.parse() == Ok(id))
            })
    }
}

const REPORT: &str = "start it as that user instead, and report this";

impl Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" ({}:{})", self.name, self.user, self.group)
    }
}

fn give_up_capabilities() -> io::Result<()> {
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    Ok(rustix::thread::set_capabilities(None, none)?)
}

fn has_capabilities(status: &str) -> bool {
    let sets = ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"];
    let of_set = |line: &&str| sets.iter().any(|set| line.starts_with(set));
    let mut lines = status.lines().filter(of_set).peekable();
    lines.peek().is_none() || lines.any(|line| !line.ends_with("\t0000000000000000"))
}

/// Where it cannot be raised the shards say what they lack.
fn allow_to_lock(bytes: u64) {
    let now = rustix::process::getrlimit(Resource::Memlock);
    let more = |limit: Option<u64>| limit.map(|limit| limit.max(bytes));
    let wanted = Rlimit {
        current: more(now.current),
        maximum: more(now.maximum),
    };
    let _ = rustix::process::setrlimit(Resource::Memlock, wanted);
}

fn failed(what: &str, error: impl Display) -> Refusal {
    format!("{what}: {error}; check the seccomp filter and the mounts of this process")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(user: &str, group: Option<&str>) -> Process {
        Process {
            user: Some(user.to_owned()),
            group: group.map(str::to_owned),
            core_dumps: false,
        }
    }

    fn nobody() -> Account {
        Account {
            name: "nobody".into(),
            user: Uid::from_raw(65_534),
            group: Gid::from_raw(65_533),
        }
    }

    #[test]
    fn without_a_user_nothing_is_to_be_become() {
        assert!(Account::find(&Process::default()).is_ok_and(|account| account.is_none()));
    }

    #[test]
    fn who_is_not_there_and_who_is_root_are_refused_with_what_to_do() {
        for (user, group, key, right) in [
            (
                "no-such-user",
                None,
                "user",
                "useradd --system no-such-user",
            ),
            ("root", None, "user", "name a user without them"),
            (
                "nobody",
                Some("no-such-group"),
                "group",
                "groupadd --system no-such-group",
            ),
        ] {
            let said = Account::find(&asks(user, group)).expect_err(user);
            assert!(said.starts_with(&format!("[process].{key}: ")), "{said}");
            assert!(said.contains(right), "{said}");
        }
    }

    #[test]
    fn one_id_of_another_is_seen_in_a_status() {
        let right = "Uid:\t65534\t65534\t65534\t65534\nGid:\t65533\t65533\t65533\t65533\n";
        assert!(nobody().is_all_of(right));
        for place in 0..2 {
            for column in 1..5 {
                let mut lines: Vec<String> = right.lines().map(str::to_owned).collect();
                let mut words: Vec<&str> = lines[place].split('\t').collect();
                words[column] = "0";
                lines[place] = words.join("\t");
                assert!(!nobody().is_all_of(&lines.join("\n")), "{lines:?}");
            }
        }
        assert!(!nobody().is_all_of("Name:\ttributary\n"));
    }

    #[test]
    fn one_capability_is_seen_in_a_status() {
        let none = "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapBnd:\t00000000ff\n";
        assert!(!has_capabilities(none));
        assert!(has_capabilities(&none.replacen(
            "0\nCapPrm",
            "4\nCapPrm",
            1
        )));
        assert!(has_capabilities("CapAmb:\t0000000000000400\n"));
        assert!(
            has_capabilities("Name:\ttributary\n"),
            "silence is no proof"
        );
    }
}
