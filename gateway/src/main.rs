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
/// The same where 1 is an answer.
const EXIT_NO_ANSWER: u8 = 2;

fn main() -> ExitCode {
    let result = match cli::parse() {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => run::check(&args),
        Command::Doctor(args) => doctor::run(args.connections, args.json),
        Command::Passwd(args) => run::passwd(&args),
        Command::AclTest(args) => return answer(run::acl_test(&args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            eprintln!("tributary: {refusal}");
            ExitCode::from(EXIT_REFUSED)
        }
    }
}

/// 0 for yes, 1 for no.
fn answer(answer: Result<bool, run::Refusal>) -> ExitCode {
    match answer {
        Ok(is_allowed) => ExitCode::from(u8::from(!is_allowed)),
        Err(refusal) => {
            eprintln!("tributary: {refusal}");
            ExitCode::from(EXIT_NO_ANSWER)
        }
    }
}
