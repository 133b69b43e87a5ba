//! `tributary check`: every mistake of a file, and what would move if it replaced another.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::{Value, json};

use super::{Refusal, identity, lanes};
use crate::cli::{CheckArgs, RunArgs};
use crate::config::{self, Settings};
use crate::route::{Moves, RouteError, Tally};

/// Enough that a share of 1 in 100 is told within a tenth of itself.
const MADE_UP_CLIENTS: u64 = 100_000;

/// Says every error of a configuration file, or that there is none; with `--moves` also what share
/// of the clients changes its cluster.
///
/// # Errors
/// All of them, a line each.
pub fn check(args: &CheckArgs) -> Result<(), Refusal> {
    let settings = load(&args.config)?;
    identity::chains(&settings, &identity::proofs()?)?;
    let Some(old) = &args.moves else {
        println!("{}", settings.summary());
        return Ok(());
    };
    let mut moves = Moves::between(&load(old)?.routes, &settings.routes).map_err(sentences)?;
    let clients = match &args.keys {
        Some(keys) => {
            count_given(&mut moves, keys)?;
            format!("the clients of {}", keys.display())
        }
        None => {
            (0..MADE_UP_CLIENTS).for_each(|number| moves.count_client(&made_up(number)));
            format!("{MADE_UP_CLIENTS} made-up client ids")
        }
    };
    if args.json {
        println!("{}", as_json(&moves, args.keys.is_none()));
    } else {
        println!("{}", settings.summary());
        println!(
            "from {} to {}, {clients}:",
            old.display(),
            args.config.display()
        );
        print!("{}", as_text(&moves));
    }
    Ok(())
}

/// The settings of a file, in the environment as it is now.
pub(super) fn load(path: &Path) -> Result<Settings, Refusal> {
    let args = RunArgs {
        config: Some(path.to_owned()),
        ..RunArgs::default()
    };
    config::load(&args, std::env::vars(), lanes::check_routes).map_err(|faults| faults.to_string())
}

fn sentences(errors: Vec<RouteError>) -> Refusal {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn made_up(number: u64) -> String {
    format!("device-{number:06}")
}

/// Counts the clients of a file; its lines are read one by one, so that it may be long.
fn count_given(moves: &mut Moves, path: &Path) -> Result<(), Refusal> {
    let says = |what: String| format!("--keys {}: {what}", path.display());
    let right = "name a file with a client id per line, or CLIENT_ID, a tab and an MQTT topic";
    let file = File::open(path).map_err(|error| says(format!("{error}; {right}")))?;
    let mut seen_any = false;
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|error| says(format!("line {number}: {error}; {right}")))?;
        match line.split_once('\t') {
            _ if line.trim().is_empty() => continue,
            Some((client_id, topic)) => moves.count_publish(client_id, topic),
            None => moves.count_client(&line),
        }
        seen_any = true;
    }
    match seen_any {
        true => Ok(()),
        false => Err(says(format!("has no client id; {right}"))),
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn as_text(moves: &Moves) -> String {
    let mut text = String::new();
    for tally in moves
        .tallies()
        .iter()
        .filter(|tally| tally.client_count > 0)
    {
        text += &tally_as_text(tally);
    }
    if moves.unrouted_count() > 0 {
        text += &format!("no rule takes {} of the topics\n", moves.unrouted_count());
    }
    text
}

fn tally_as_text(tally: &Tally) -> String {
    let (moved, all) = (tally.moved_count(), tally.client_count);
    let mut text = format!("{:?}: ", tally.filter);
    if moved == 0 {
        return text + &format!("none of {all} moves\n");
    }
    text += &format!("{moved} of {all} move, {:.1} %\n", percent(moved, all));
    for ((from, to), count) in &tally.moves {
        let name = |cluster: &Option<String>| cluster.clone().unwrap_or("no Kafka".into());
        let (from, to, share) = (name(from), name(to), percent(*count, all));
        text += &format!("  {from} -> {to}: {count}, {share:.1} %\n");
    }
    text
}

fn as_json(moves: &Moves, made_up: bool) -> Value {
    let tally = |tally: &Tally| {
        let pairs = tally.moves.iter().map(|((from, to), count)| {
            let percent = percent(*count, tally.client_count);
            json!({ "from": from, "to": to, "clients": count, "percent": percent })
        });
        json!({
            "filter": tally.filter,
            "clients": tally.client_count,
            "moved": tally.moved_count(),
            "moves": pairs.collect::<Vec<_>>(),
        })
    };
    json!({
        "made_up": made_up,
        "routes": moves.tallies().iter().map(tally).collect::<Vec<_>>(),
        "unrouted": moves.unrouted_count(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::RouteRule;

    fn counted() -> Moves {
        let old = [
            RouteRule::new("a/#", "east", "t"),
            RouteRule::new("b/#", "east", "t"),
        ];
        let new = [
            RouteRule::new("a/#", "west", "t"),
            RouteRule::new("b/#", "east", "t"),
        ];
        let mut moves = Moves::between(&old, &new).expect("both are right");
        moves.count_client("device-1");
        moves.count_publish("device-1", "b/x");
        moves.count_publish("device-1", "elsewhere");
        moves
    }

    #[test]
    fn what_moves_is_told_rule_by_rule() {
        let expected = "\"a/#\": 1 of 1 move, 100.0 %\n  east -> west: 1, 100.0 %\n\
                        \"b/#\": none of 2 moves\nno rule takes 1 of the topics\n";
        assert_eq!(as_text(&counted()), expected);
    }

    #[test]
    fn json_says_the_same() {
        let told = as_json(&counted(), false);
        let east_to_west = json!({ "from": "east", "to": "west", "clients": 1, "percent": 100.0 });
        assert_eq!(told["routes"][0]["moves"], json!([east_to_west]));
        assert_eq!(told["routes"][1]["moved"], 0);
        assert_eq!(
            (&told["unrouted"], &told["made_up"]),
            (&json!(1), &json!(false))
        );
    }
}
