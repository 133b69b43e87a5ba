//! What the loader promises.
