//! Every bound of what a peer may send before and under MQTT, and of what a key may seal.

/// The header of a record: type, version, length [RFC 8446 5.1].
pub const HEADER_BYTES: usize = 5;

/// Longest plaintext of one record [RFC 8446 5.1].
pub const PLAIN_BYTES_MAX: usize = 1 << 14;

/// Longest body of one record: content type, padding and tag included [RFC 8446 5.2].
pub const BODY_BYTES_MAX: usize = PLAIN_BYTES_MAX + 256;

/// Longest record on the wire.
pub const RECORD_BYTES_MAX: usize = HEADER_BYTES + BODY_BYTES_MAX;

/// What sealing adds to the plaintext of one record: header, content type and tag [RFC 8446 5.2].
pub const SEAL_BYTES: usize = HEADER_BYTES + 1 + 16;

/// Bytes a client may send until its Finished. A ClientHello with a post-quantum key share and a
/// ticket with a client's chain in it stays under 4 KB.
pub const HANDSHAKE_BYTES_MAX: usize = 16 << 10;

/// The same where a client may send a certificate chain.
pub const HANDSHAKE_BYTES_WITH_CERTIFICATE_MAX: usize = 24 << 10;

/// Records in a row that carry no data: empty ones, KeyUpdates, parts of one. BoringSSL and rustls
/// draw the line for each kind at 32; stock clients send one.
pub const HOLLOW_RECORDS_MAX: u8 = 32;

/// Records sealed under one key before it is updated. AES-GCM stays within its bound up to 2^24.5
/// full records [RFC 8446 5.5].
pub const RECORDS_PER_KEY_MAX: u32 = 1 << 23;

/// Bytes of the rustls layer that wait for the rest of a split KeyUpdate.
pub const HELD_BYTES_MAX: usize = 4 * RECORD_BYTES_MAX;

/// How long the current key for tickets is used unless configured; a ticket is accepted for at
/// most twice this.
pub const TICKET_ROTATION_SECS: u64 = 6 * 3600;

/// A ticket may be used for a week at most [RFC 8446 4.6.1].
pub const TICKET_SECS_MAX: u64 = 7 * 24 * 3600;

const _: () = assert!(2 * TICKET_ROTATION_SECS <= TICKET_SECS_MAX);
const _: () = assert!((RECORDS_PER_KEY_MAX as u64) < (1 << 24));
// One certificate message must fit the bound beside everything else.
const _: () = assert!(HANDSHAKE_BYTES_MAX < HANDSHAKE_BYTES_WITH_CERTIFICATE_MAX);
