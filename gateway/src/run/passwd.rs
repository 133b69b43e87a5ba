//! `tributary passwd`: adds a user to a file, gives one a new password, or takes one out.

use std::io::{self, BufRead, IsTerminal, Stdin, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tributary_identity::hash::{PasswordHash, Shape};
use tributary_identity::users::Document;

use super::Refusal;
use crate::cli::PasswdArgs;

/// Changes one line of the file; comments and order stay.
///
/// # Errors
/// Why nothing was changed.
pub fn passwd(args: &PasswdArgs) -> Result<(), Refusal> {
    let path = &args.file;
    let refused = |error: io::Error| format!("{}: {error}", path.display());
    let mut document = Document::open(path).map_err(refused)?;
    let done = if args.delete {
        if !document.remove(&args.name) {
            return Err(format!("{}: has no user {:?}", path.display(), args.name));
        }
        "is taken out"
    } else {
        let password = ask(&args.name)?;
        let hash = PasswordHash::make(password.as_bytes(), Shape::default());
        let put = document.put(&args.name, &hash, args.groups.as_deref());
        match put.map_err(|fault| fault.to_string())? {
            true => "is added",
            false => "has a new password",
        }
    };
    document.save(path).map_err(refused)?;
    println!(
        "{} {done}; SIGHUP makes a running gateway read {}",
        args.name,
        path.display()
    );
    Ok(())
}

/// From a terminal twice and unseen, else the first line of what comes.
fn ask(name: &str) -> Result<String, Refusal> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(&stdin);
    }
    let shown = tcgetattr(&stdin).map_err(|error| format!("the terminal: {error}"))?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    set(&stdin, &hidden)?;
    let typed = prompt(&stdin, &format!("password for {name}: "))
        .and_then(|first| Ok((first, prompt(&stdin, "once more: ")?)));
    set(&stdin, &shown)?;
    match typed? {
        (first, second) if first == second => Ok(first),
        _ => Err("the two are not the same; nothing was changed".to_string()),
    }
}

fn set(stdin: &Stdin, modes: &Termios) -> Result<(), Refusal> {
    tcsetattr(stdin, OptionalActions::Flush, modes)
        .map_err(|error| format!("the terminal: {error}"))
}

fn prompt(stdin: &Stdin, words: &str) -> Result<String, Refusal> {
    eprint!("{words}");
    let _ = io::stderr().flush();
    let typed = line(stdin);
    // The key that ended the line was not shown either.
    eprintln!();
    typed
}

fn line(stdin: &Stdin) -> Result<String, Refusal> {
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    read.map_err(|error| format!("the password cannot be read: {error}"))?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err("the password is empty; nothing was changed".to_string()),
        line => Ok(line.to_string()),
    }
}
