//! Everything that crosses the wire, proven against rustls clients, forged clients and OpenSSL, and
//! what connections keep.

mod support;

mod certificates;
mod differential;
mod handshakes;
mod hostile;
mod layers;
mod memory;
mod openssl;
mod resumption;

/// It counts by thread what each of them holds.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
