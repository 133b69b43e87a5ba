//! The spool against disks that fail in every way that can be staged, and against a model.

mod damage;
mod faults;
mod folder;
mod ground;
mod model;
mod platter;
mod room;
