//! Everything that crosses the wire, proven against rustls clients, forged clients and OpenSSL.

mod support;

mod certificates;
mod differential;
mod handshakes;
mod hostile;
mod layers;
mod openssl;
mod resumption;
