//! The binary: reads the command line, runs what was asked, and says why when it cannot.

use std::process::ExitCode;

use tributary::cli::{self, Command};
use tributary::{doctor, run};

/// Gives memory back to the system after a mass disconnect, and counts live bytes for
/// `tributary_user_bytes`; librdkafka's memory is in it too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Refused to start, with a sentence that says why.
const EXIT_REFUSED: u8 = 1;

fn main() -> ExitCode {
    let result = match cli::parse() {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => run::check(&args),
        Command::Doctor(args) => doctor::run(args.connections, args.json),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            eprintln!("tributary: {refusal}");
            ExitCode::from(EXIT_REFUSED)
        }
    }
}
