//! The `tributary-loadgen` binary: reads the command line and runs one command.
#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;
use tributary_loadgen::cli::{Cli, Command};
use tributary_loadgen::{connect, deliver, floor, publish, verify};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Connect(args) => connect::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::Deliver(args) => deliver::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Floor(args) => floor::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tributary-loadgen: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
