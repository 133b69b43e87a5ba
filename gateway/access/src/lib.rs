//! Who may do what, and how much of it: rules and quotas as pure functions.
//!
//! Permission: a [`rulebook::Rulebook`] is compiled once per reload, [`own::OwnRules`] are what a
//! client brings itself, [`profiles::Profiles`] gives each client the part of both that concerns
//! its kind, and answers. Quotas: [`bucket::Bucket`] for one owner, [`meters::Meters`] by key for
//! messages and bytes at once,
//! [`accounts::Accounts`] for connections too, [`holdoffs::Holdoffs`] for those who come too often
//! or fail too often, [`address::Grouping`] for what counts as one address. Time is milliseconds
//! since some moment of the caller's, the same for all. A file uses only the files listed below it
//! here.

#![forbid(unsafe_code)]

pub mod explanation;

pub mod profiles;

pub mod own;

mod lists;

pub mod rulebook;

mod request;

pub mod decision;

mod pattern;

pub mod fault;

pub mod subject;

mod glob;

pub mod rule;

pub mod accounts;

pub mod meters;

pub mod holdoffs;

mod table;

mod keyhash;

pub mod meter;

pub mod bucket;

pub mod rate;

pub mod address;

pub mod limits;

#[cfg(test)]
mod draw;
