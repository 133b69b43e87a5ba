//! Who may come in: names with their keys, and a mask that makes strangers look like them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use subtle::Choice;

use super::keys::{KEY_BYTES, Keys, hmac};
use super::message::saslprep;
use super::{ITERATIONS_MIN, NAME_BYTES_MAX, SALT_BYTES_MAX};

/// Salt made for a password given as it is.
const SALT_BYTES: usize = 16;

/// Shortest salt taken from outside: a shorter one is a mistake in the file.
const SALT_BYTES_MIN: usize = 8;

/// One user as the configuration names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScramUser {
    pub name: String,
    pub credential: Credential,
}

/// What a user is known by. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Keys are derived at start, about a millisecond each; a fleet belongs into `Keys`.
    Password(String),
    /// What is left of a password that this machine need not know.
    Keys {
        salt: Vec<u8>,
        iterations: u32,
        stored_key: [u8; KEY_BYTES],
        server_key: [u8; KEY_BYTES],
    },
}

/// Everyone who may come in; built once and shared by all shards.
pub struct Users {
    accounts: HashMap<Box<str>, Account>,
    mask: Mask,
}

/// A user that cannot be taken, in a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserFault {
    pub name: String,
    pub what: &'static str,
}

/// Whom a client-first message speaks of, and what is needed to check its proof.
pub(super) struct Claim {
    pub(super) user: Arc<str>,
    pub(super) salt: Salt,
    pub(super) iterations: u32,
    pub(super) keys: Keys,
    /// False when the keys are made up.
    pub(super) is_known: Choice,
}

#[derive(Clone)]
struct Account {
    user: Arc<str>,
    salt: Salt,
    iterations: u32,
    keys: Keys,
}

/// A salt in its own bytes, so that known and made-up ones cost the same.
#[derive(Clone, Copy)]
pub(super) struct Salt {
    bytes: [u8; SALT_BYTES_MAX],
    length: u8,
}

/// Makes up the same account for the same unknown name each time, shaped like one of the known.
struct Mask {
    secret: [u8; KEY_BYTES],
    /// Salt length and iterations of each known user.
    shapes: Vec<(u8, u32)>,
}

impl Credential {
    /// The keys that belong to a password, for a file that shall not hold it.
    pub fn from_password(
        password: &str,
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, &'static str> {
        let password = saslprep(password).map_err(|_| WRONG_PASSWORD)?;
        let keys = Keys::derive(&password, salt, iterations);
        Ok(Self::Keys {
            salt: salt.to_vec(),
            iterations,
            stored_key: keys.stored_key,
            server_key: keys.server_key,
        })
    }
}

const WRONG_PASSWORD: &str = "its password is empty or has characters that SASLprep forbids";

impl Users {
    /// Takes all, or names the first that is wrong.
    pub fn new(users: Vec<ScramUser>) -> Result<Self, UserFault> {
        let mut accounts = HashMap::with_capacity(users.len());
        for ScramUser { name, credential } in users {
            let fault = |what| UserFault {
                name: name.clone(),
                what,
            };
            let account = Account::new(&name, credential).map_err(fault)?;
            if accounts
                .insert(Box::from(&*account.user), account)
                .is_some()
            {
                return Err(fault("it is named twice"));
            }
        }
        let shape = |account: &Account| (account.salt.length, account.iterations);
        let mask = Mask {
            secret: random(),
            shapes: accounts.values().map(shape).collect(),
        };
        Ok(Self { accounts, mask })
    }

    /// Nobody is known, so nobody can come in this way.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    pub fn count(&self) -> usize {
        self.accounts.len()
    }

    /// The account of `name`, or a made-up one. Both are worked out each time, so that the time it
    /// takes says nothing about whether the name is known.
    pub(super) fn claim(&self, name: &str) -> Claim {
        let made_up = self.mask.make_up(name);
        let found = self.accounts.get(name);
        let account = found.unwrap_or(&made_up);
        Claim {
            user: Arc::clone(&account.user),
            salt: account.salt,
            iterations: account.iterations,
            keys: account.keys.clone(),
            is_known: Choice::from(u8::from(found.is_some())),
        }
    }
}

impl Account {
    fn new(name: &str, credential: Credential) -> Result<Self, &'static str> {
        if name.len() > NAME_BYTES_MAX {
            return Err("its name is longer than 255 bytes");
        }
        let user = saslprep(name).map_err(|_| "its name is empty or has what SASLprep forbids")?;
        let credential = match credential {
            Credential::Password(password) => {
                Credential::from_password(&password, &random::<SALT_BYTES>(), ITERATIONS_MIN)?
            }
            keys => keys,
        };
        let Credential::Keys {
            salt,
            iterations,
            stored_key,
            server_key,
        } = credential
        else {
            unreachable!("a password has become keys above")
        };
        if iterations < ITERATIONS_MIN {
            return Err("its keys have fewer than 4096 iterations");
        }
        Ok(Self {
            user: Arc::from(user),
            salt: Salt::new(&salt).ok_or("its salt is not of 8 to 64 bytes")?,
            iterations,
            keys: Keys {
                stored_key,
                server_key,
            },
        })
    }
}

impl Salt {
    fn new(salt: &[u8]) -> Option<Self> {
        if !(SALT_BYTES_MIN..=SALT_BYTES_MAX).contains(&salt.len()) {
            return None;
        }
        let mut bytes = [0; SALT_BYTES_MAX];
        bytes[..salt.len()].copy_from_slice(salt);
        Some(Self {
            bytes,
            length: salt.len() as u8,
        })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl Mask {
    fn make_up(&self, name: &str) -> Account {
        let block = |label: &[u8]| hmac(&self.secret, &[label, name.as_bytes()]);
        let chooser = block(b"shape,");
        let number = u64::from_le_bytes(chooser[..8].try_into().expect("32 bytes have 8"));
        let (length, iterations) = match self.shapes.len() {
            0 => (SALT_BYTES as u8, ITERATIONS_MIN),
            count => self.shapes[(number % count as u64) as usize],
        };
        let mut bytes = [0; SALT_BYTES_MAX];
        bytes[..KEY_BYTES].copy_from_slice(&block(b"salt,"));
        bytes[KEY_BYTES..].copy_from_slice(&block(b"more salt,"));
        Account {
            user: Arc::from(name),
            salt: Salt { bytes, length },
            iterations,
            keys: Keys {
                stored_key: block(b"stored key,"),
                server_key: block(b"server key,"),
            },
        }
    }
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("Linux gives random bytes");
    bytes
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password(..)",
            Self::Keys { .. } => "Keys(..)",
        })
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.count())
    }
}

impl fmt::Display for UserFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {:?}: {}", self.name, self.what)
    }
}

impl std::error::Error for UserFault {}
