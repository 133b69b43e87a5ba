//! Every bound of identity, proven against each other.

use tributary_access::limits::OWN_RULES_BYTES_MAX;

/// Bytes of a user's name in a users file.
pub const NAME_BYTES_MAX: usize = 1 << 10;
/// Users of one file.
pub const USERS_MAX: usize = 1 << 22;
/// Groups of one user.
pub const GROUPS_MAX: usize = 1 << 6;
/// Claims that one client brings.
pub const CLAIMS_MAX: usize = 1 << 6;
/// Bytes of a group's name or of a claim's value.
pub const VALUE_BYTES_MAX: usize = 1 << 10;

/// KiB that checking one password may take: argon2's m.
pub const HASH_KIBIBYTES_MAX: u32 = 256 << 10;
/// Passes over that memory: argon2's t.
pub const HASH_PASSES_MAX: u32 = 10;
/// Lanes: argon2's p. They run one after the other, on the worker's own thread.
pub const HASH_LANES_MAX: u32 = 4;
/// Bytes of a hash's salt, and of what it comes to.
pub const SALT_BYTES_MAX: usize = 64;
pub const SALT_BYTES_MIN: usize = 8;
pub const HASH_BYTES_MAX: usize = 64;
pub const HASH_BYTES_MIN: usize = 16;
/// Threads that check passwords and tokens. Together they take this times the largest hash.
pub const WORKERS_MAX: usize = 64;

/// Questions that one service has in hand, those over the network among them.
pub const QUESTIONS_MAX: usize = 1 << 16;
/// Passwords that wait for a worker, unless said otherwise: some 30 s of one worker.
pub const HASHES_WAITING: usize = 1 << 10;
/// How long a question may wait for a worker. By then the client has given up, or its CONNECT
/// deadline has passed; its password need not be checked any more.
pub const WAIT_MILLIS_MAX: u64 = 10_000;
/// Passwords remembered as right, at most.
pub const PROOFS_MAX: usize = 1 << 22;
/// Bytes of a token: what is longer is refused unread.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;
/// Keys of one source of keys.
pub const TOKEN_KEYS_MAX: usize = 1 << 6;
/// Keys tried for one token that does not name its key; each costs a signature.
pub const TOKEN_KEYS_TRIED_MAX: usize = 4;
/// Bytes of a key set that is fetched.
pub const KEY_SET_BYTES_MAX: usize = 1 << 20;
/// Bytes of a web service's answer, and of the head of any answer.
pub const HOOK_ANSWER_BYTES_MAX: usize = 64 << 10;
pub const HTTP_HEAD_BYTES_MAX: usize = 16 << 10;
/// Answers of a web service kept, at most.
pub const ANSWERS_MAX: usize = 1 << 20;
/// Requests or queries on their way at once to one that is asked.
pub const AT_ONCE_MAX: usize = 1 << 10;
/// Bytes of one packet from a MySQL server: a row about a user is short.
pub const MYSQL_PACKET_BYTES_MAX: usize = 1 << 20;
/// The longest time-out of one that is asked.
pub const TIME_OUT_MILLIS_MAX: u32 = 60_000;
/// Bytes of a pattern for client ids or for names from certificates.
pub const TEMPLATE_BYTES_MAX: usize = 1 << 8;
/// Bytes of a client id that is compared with a pattern. A comparison costs at most this squared.
pub const BOUND_ID_BYTES_MAX: usize = 1 << 10;

const _: () = assert!(HASHES_WAITING <= QUESTIONS_MAX);
const _: () = assert!(TEMPLATE_BYTES_MAX <= BOUND_ID_BYTES_MAX);
const _: () = assert!(OWN_RULES_BYTES_MAX < TOKEN_BYTES_MAX);
// hyper takes no smaller buffer than this for an answer's head.
const _: () = assert!(HTTP_HEAD_BYTES_MAX >= 8 << 10);
