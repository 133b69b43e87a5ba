//! `[auth]` but for SCRAM: by which methods clients prove who they are, and what each needs.
//!
//! ```text
//! [auth] chain ---- for every listener without ----> [listen.NAME] auth
//!   none of both: everybody, unproven, where no other machine can come; elsewhere a mistake
//! ```

use std::path::PathBuf;

use tributary_access::holdoffs;
use tributary_identity::certificate::UserTemplate;
use tributary_identity::jwt::{Algorithm, TokenFrom};

use super::databases::{Mysql, Redis, mysql, redis};
use super::faults::{Place, suggest};
use super::hold_offs;
use super::hook::{Hook, hook};
use super::section::Section;
use super::settings::{Address, Listener, Token};

/// The user in a certificate, unless said otherwise.
const CERTIFICATE_USER: &str = "%{cn}";
const CHAIN_RIGHT: &str = "write a list, as in [\"users\", \"anonymous\"]";

/// One way to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// None: whoever shows neither user name nor password is let in.
    Anonymous,
    /// A certificate that was verified here, or by a balancer.
    Certificate,
    /// A file of users.
    Users,
    /// A signed token.
    Jwt,
    /// A web service that is asked.
    Http,
    /// A Redis that knows users.
    Redis,
    /// A MySQL or MariaDB that knows users.
    Mysql,
}

/// What the methods need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What listeners ask that do not say; `None`: nothing was said.
    pub chain: Option<Vec<Method>>,
    /// Threads that check passwords and tokens.
    pub workers: u16,
    /// From when on an address that shows wrong passwords is turned away, and for how long.
    pub failures: holdoffs::Terms,
    pub users_file: Option<PathBuf>,
    /// How the user is made of the names in a certificate.
    pub certificate_user: String,
    pub jwt: Option<Jwt>,
    pub http: Option<Hook>,
    pub redis: Option<Redis>,
    pub mysql: Option<Mysql>,
}

/// How tokens are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    pub secret: Option<Token>,
    /// Files with public keys in PEM.
    pub public_keys: Vec<PathBuf>,
    /// A file with a JSON Web Key Set.
    pub jwks: Option<PathBuf>,
    /// Where such a set is fetched, and how old it may get.
    pub jwks_url: Option<String>,
    pub jwks_refresh_secs: u32,
    pub algorithms: Vec<Algorithm>,
    pub from: TokenFrom,
    pub issuer: Option<String>,
    pub audiences: Vec<String>,
    pub leeway_secs: u32,
    pub needs_expiry: bool,
    pub user_claim: String,
    pub user_must_match: bool,
    pub groups_claim: Option<String>,
    pub claims: Vec<String>,
    /// The claim with rules of the client's own.
    pub rules_claim: Option<String>,
}

impl Method {
    const WORDS: [(&'static str, Method); 7] = [
        ("anonymous", Method::Anonymous),
        ("certificate", Method::Certificate),
        ("users", Method::Users),
        ("jwt", Method::Jwt),
        ("http", Method::Http),
        ("redis", Method::Redis),
        ("mysql", Method::Mysql),
    ];

    /// Its word in a configuration.
    pub fn word(self) -> &'static str {
        let mut words = Method::WORDS.iter();
        let found = words.find(|(_, method)| *method == self);
        found.map_or("", |(word, _)| word)
    }
}

/// Reads what `[auth]` says of methods; `--anonymous` is `chain = ["anonymous"]`. Whether there is
/// `[access]` says whether clients may bring rules.
pub(super) fn identity(auth: &mut Section<'_>, is_anonymous: bool, has_access: bool) -> Identity {
    let chain = methods(auth, "chain");
    let workers = auth.number("workers", 1..=64).unwrap_or(1);
    let failures = hold_offs::failures(auth);
    let users_file = named(auth, "users", |section| {
        section.require("file", "name a file that `tributary passwd` writes");
        section.text("file").map(|(path, _)| PathBuf::from(path))
    });
    let certificate_user = named(auth, "certificate", certificate_user);
    let jwt = named(auth, "jwt", |section| Some(jwt(section, has_access)));
    let http = named(auth, "http", |section| Some(hook(section)));
    let redis = named(auth, "redis", |section| Some(redis(section)));
    let mysql = named(auth, "mysql", |section| Some(mysql(section)));
    Identity {
        chain: match is_anonymous {
            true => Some(vec![Method::Anonymous]),
            false => chain.map(|(chain, _)| chain),
        },
        workers: workers as u16,
        failures,
        users_file,
        certificate_user: certificate_user.unwrap_or_else(|| CERTIFICATE_USER.to_string()),
        jwt,
        http,
        redis,
        mysql,
    }
}

/// The methods under a key, each once.
pub(super) fn methods(
    section: &mut Section<'_>,
    key: &'static str,
) -> Option<(Vec<Method>, Place)> {
    let (words, place) = section.texts(key)?;
    let known = Method::WORDS.map(|(word, _)| word);
    let mut methods = Vec::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        match Method::WORDS.iter().find(|(known, _)| known == word) {
            Some((_, method)) if methods.contains(method) => {
                let wrong = format!("\"{word}\" is named twice");
                section.fault(place.clone(), key, wrong, CHAIN_RIGHT);
            }
            Some((_, method)) => methods.push(*method),
            None => {
                let wrong = format!("\"{word}\" is unknown");
                section.fault(place.clone(), key, wrong, suggest(word, &known));
            }
        }
    }
    Some((methods, place))
}

/// Gives every listener its methods, and says where others could come in and nothing says who may.
pub(super) fn settle(
    listeners: &mut [Listener],
    places: &[Place],
    identity: &Identity,
    top: &mut Section<'_>,
) {
    for (listener, place) in listeners.iter_mut().zip(places) {
        if listener.auth.is_none() {
            listener.auth = identity.chain.clone();
        }
        let is_flag = matches!(place, Place::Flag(_));
        let key = match is_flag {
            true => String::new(),
            false => format!("[listen.{}]", listener.name),
        };
        for method in listener.auth.iter().flatten() {
            if let Some((wrong, right)) = missing(*method, identity) {
                top.fault(place.clone(), &key, wrong, right);
            }
        }
        if listener.auth.is_none() && !is_own(&listener.address) {
            let right = match is_flag {
                true => {
                    "name methods in [auth] chain of a --config, or add --anonymous to let \
                     everybody in"
                }
                false => {
                    "add auth = [\"users\"] or another method to it, or auth = [\"anonymous\"] to \
                     let everybody in"
                }
            };
            let wrong = format!(
                "other machines can come in by {}, and nothing says who may",
                listener.address
            );
            top.fault(place.clone(), &key, wrong, right);
        }
    }
}

/// What a method lacks.
fn missing(method: Method, identity: &Identity) -> Option<(&'static str, &'static str)> {
    match method {
        Method::Users if identity.users_file.is_none() => Some((
            "asks for users, and there is no file of them",
            "write [auth.users] with file = \"/etc/tributary/passwd\"",
        )),
        Method::Jwt if identity.jwt.is_none() => Some((
            "asks for tokens, and nothing says how to read them",
            "write [auth.jwt] with keys and algorithms",
        )),
        Method::Http if identity.http.is_none() => Some((
            "asks a web service, and nothing says which",
            "write [auth.http] with url = \"https://HOST/PATH\"",
        )),
        Method::Redis if identity.redis.is_none() => Some((
            "asks a Redis, and nothing says which",
            "write [auth.redis] with url = \"redis://HOST\"",
        )),
        Method::Mysql if identity.mysql.is_none() => Some((
            "asks a MySQL, and nothing says which",
            "write [auth.mysql] with host, user, password and database",
        )),
        _ => None,
    }
}

/// Whether nobody can come by it from another machine.
fn is_own(address: &Address) -> bool {
    match address {
        Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
        Address::Unix { .. } => true,
    }
}

/// What is read from the table `[auth.NAME]`; nothing when there is none.
fn named<T>(
    auth: &mut Section<'_>,
    name: &'static str,
    read: impl FnOnce(&mut Section<'_>) -> Option<T>,
) -> Option<T> {
    let entry = auth.entry(name)?;
    let mut section = auth.child_of(format!("[auth.{name}]"), entry)?;
    let value = read(&mut section);
    section.close();
    value
}

fn certificate_user(section: &mut Section<'_>) -> Option<String> {
    let (user, place) = section.text("user")?;
    if let Err(fault) = UserTemplate::new(&user) {
        section.fault(place, "user", fault.wrong, fault.right);
    }
    Some(user)
}

fn jwt(section: &mut Section<'_>, has_access: bool) -> Jwt {
    if !has_access {
        section.forbid(
            "rules_claim",
            "names rules that would stand before those of [access], which is missing",
            "add [access] with default = \"deny\", or take it away",
        );
    }
    let paths = |texts: Option<(Vec<String>, Place)>| -> Vec<PathBuf> {
        let texts = texts.map_or(Vec::new(), |(texts, _)| texts);
        texts.into_iter().map(PathBuf::from).collect()
    };
    let words = [
        ("password", TokenFrom::Password),
        ("user", TokenFrom::UserName),
    ];
    section.require("algorithms", &right_algorithms());
    let secret = section.secret("secret").map(|(secret, _)| secret);
    let public_keys = paths(section.texts("public_keys"));
    let algorithms = algorithms(section);
    let from = section.choice("from", &words, &[]);
    let mut text = |key| section.text(key).map(|(text, _)| text);
    let jwks_url = text("jwks_url");
    let (jwks, issuer) = (text("jwks"), text("issuer"));
    let (user_claim, groups_claim) = (text("user_claim"), text("groups_claim"));
    let rules_claim = text("rules_claim");
    let mut texts = |key| section.texts(key).map_or(Vec::new(), |(texts, _)| texts);
    let (audiences, claims) = (texts("audiences"), texts("claims"));
    let refresh_secs = section.number("jwks_refresh_secs", 10..=604_800);
    let leeway_secs = section.number("leeway_secs", 0..=600).unwrap_or(30);
    Jwt {
        secret: secret.map(Token),
        public_keys,
        jwks: jwks.map(PathBuf::from),
        jwks_url,
        jwks_refresh_secs: refresh_secs.unwrap_or(3_600) as u32,
        algorithms,
        from: from.unwrap_or(TokenFrom::Password),
        issuer,
        audiences,
        leeway_secs: leeway_secs as u32,
        needs_expiry: section.boolean("needs_expiry").unwrap_or(true),
        user_claim: user_claim.unwrap_or_else(|| "sub".to_string()),
        user_must_match: section.boolean("user_must_match").unwrap_or(false),
        groups_claim,
        claims,
        rules_claim,
    }
}

fn algorithms(section: &mut Section<'_>) -> Vec<Algorithm> {
    let Some((names, place)) = section.texts("algorithms") else {
        return Vec::new();
    };
    let mut algorithms = Vec::new();
    for name in &names {
        match Algorithm::from_name(name) {
            Some(algorithm) => algorithms.push(algorithm),
            None => {
                let wrong = format!("\"{name}\" is unknown");
                section.fault(place.clone(), "algorithms", wrong, right_algorithms());
            }
        }
    }
    algorithms
}

fn right_algorithms() -> String {
    format!("list the ones in use, of {}", Algorithm::names())
}
