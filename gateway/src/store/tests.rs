//! Tests of the store, on real files in a folder of their own.

mod ground;

mod clearing;
mod damage;
mod disk;
mod kill;
mod model;
mod room;
mod round_trip;
