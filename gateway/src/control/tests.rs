//! What the control plane promises.
