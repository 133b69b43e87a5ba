//! The command line, and the help that teaches it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tributary_access::rule::Action;

const EXAMPLES: &str = "\
Examples:
  tributary                                  MQTT on 127.0.0.1:1883, everything to the topic `mqtt`
                                             of an embedded Kafka (gone when the program ends)
  tributary --kafka 10.0.0.5:9092            the same, to a Kafka of your own
  tributary --config gw.toml --listen 0.0.0.0:1883
  tributary check --config gw.toml           say every error in the file, change nothing
  tributary check --config new.toml --moves gw.toml
                                             which share of the devices changes its cluster
  tributary doctor --connections 1000000     say which limits of this host are in the way
  tributary passwd /etc/tributary/passwd ann add a user, or give one a new password
  tributary acl test --config gw.toml --user ann --client dev1 publish dev/dev1/state
                                             whether the rules of [access] allow it, and which

Settings come from, first wins: the command line, the environment (TRIBUTARY_SECTION__KEY, as in
TRIBUTARY_LISTEN__MQTT__ADDRESS=0.0.0.0:1883), the file, the defaults.
TRIBUTARY_LOG=tributary=debug,rdkafka=warn chooses what is logged, per module.

SIGTERM and SIGINT drain: no new clients, wait for Kafka's acknowledgements, flush, exit 0.

Exit codes:
  0  fine
  1  refused to start, with a sentence that says why and what to do; `acl test`: denied
  2  wrong usage; `acl test`: also when the file is wrong
  3  a service objective was missed (tributary-loadgen only)";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Run(RunArgs),
    Check(CheckArgs),
    Doctor(DoctorArgs),
    AclTest(AclTestArgs),
    Passwd(PasswdArgs),
}

/// What the command line says about a run; whatever it leaves open the environment, the file and
/// the defaults decide.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct RunArgs {
    /// The TOML file with listeners, clusters and routes
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Take MQTT here [default: 127.0.0.1:1883]; may be given again; replaces every [listen.*]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Vec<SocketAddr>,
    /// Let everybody in who shows neither user name nor password, also from other machines;
    /// replaces the chain of `auth`
    #[arg(long)]
    pub anonymous: bool,
    /// Brokers of the cluster `main` [default: an embedded Kafka]
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    pub kafka: Vec<String>,
    /// Metrics, health and dashboard [default: 127.0.0.1:9883]
    #[arg(long, value_name = "ADDR:PORT")]
    pub control: Option<SocketAddr>,
    /// Shard threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub shards: Option<u64>,
    /// Clients at the same time [default: what the descriptor limit allows]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<u64>,
    /// When the descriptor limit is too low for --max-connections: refuse to start, or fit as many
    /// as it allows [default: refuse]
    #[arg(long, value_name = "refuse|fit", value_parser = descriptors)]
    pub descriptors: Option<Descriptors>,
}

fn descriptors(word: &str) -> Result<Descriptors, String> {
    match word {
        "refuse" => Ok(Descriptors::Refuse),
        "fit" => Ok(Descriptors::Fit),
        _ => Err("write refuse or fit".into()),
    }
}

/// What to do when the descriptor limit is too low for the connections that were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Descriptors {
    /// Do not start.
    #[default]
    Refuse,
    /// Start for as many as fit, and say so.
    Fit,
}

/// What to check.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct CheckArgs {
    /// The TOML file to check, with the environment as it is now
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Say as well which share of the clients changes its Kafka cluster when --config replaces this
    /// file
    #[arg(long, value_name = "OLD")]
    pub moves: Option<PathBuf>,
    /// The clients to look at, one client id per line, an MQTT topic behind a tab if need be
    /// [default: 100,000 made-up client ids]
    #[arg(long, value_name = "FILE", requires = "moves")]
    pub keys: Option<PathBuf>,
    /// Print the moves as JSON
    #[arg(long, requires = "moves")]
    pub json: bool,
}

/// What to look at a host for.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct DoctorArgs {
    /// Clients to hold at the same time [default: what the descriptor limit allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub connections: Option<u64>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// What to ask the rules.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct AclTestArgs {
    /// The TOML file with the rules, with the environment as it is now
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The user name that the client has proven [default: it has none]
    #[arg(long, value_name = "U")]
    pub user: Option<String>,
    /// The client id
    #[arg(long, value_name = "C")]
    pub client: String,
    /// A group that it is in; may be given again
    #[arg(long, value_name = "G")]
    pub group: Vec<String>,
    /// A claim that it has shown; may be given again
    #[arg(long, value_name = "NAME=VALUE", value_parser = claim)]
    pub claim: Vec<(String, String)>,
    /// Rules that its token brings, as JSON, or @FILE with them
    #[arg(long, value_name = "JSON")]
    pub rules: Option<String>,
    /// Where it comes from [default: that is not known]
    #[arg(long, value_name = "A")]
    pub address: Option<IpAddr>,
    /// The QoS of the message, or that is asked for
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: u8,
    /// The message is to be retained
    #[arg(long)]
    pub retain: bool,
    /// What it wants to do: publish, subscribe, receive or retain
    #[arg(value_name = "ACTION", value_parser = action)]
    pub action: Action,
    /// The topic; for subscribe a filter, shared or not
    #[arg(value_name = "TOPIC")]
    pub topic: String,
}

/// What to change in a file of users.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct PasswdArgs {
    /// The file that [auth.users] names; it is made if it is not there
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The user
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The groups that the user is in from now on, for rules to speak of [default: as they are]
    #[arg(long, value_name = "GROUP[,..]")]
    pub groups: Option<String>,
    /// Take the user out
    #[arg(long, conflicts_with = "groups")]
    pub delete: bool,
}

fn claim(pair: &str) -> Result<(String, String), String> {
    let (name, value) = pair.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_string(), value.to_string()))
}

fn action(word: &str) -> Result<Action, String> {
    Action::from_word(word).ok_or_else(|| "write publish, subscribe, receive or retain".into())
}

/// Carries MQTT from very many devices into Kafka, and acknowledges only what Kafka has
#[derive(Parser)]
#[command(name = "tributary", version, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Named>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Named {
    /// Take MQTT and carry it into Kafka (what happens without a command, too)
    #[command(after_help = EXAMPLES)]
    Run(RunArgs),
    /// Say every error of a configuration file with line, key and what would be right
    ///
    /// Prints `ok: ...` and exits 0, or the errors to stderr and exits 1. With --moves it is a dry
    /// run of a change to clusters and groups; nothing is started, and no Kafka is asked.
    Check(CheckArgs),
    /// Say what this host's limits allow, knob by knob, and what to change
    ///
    /// Changes nothing. Looks at the limits of the shell or the unit it runs in, so run it where
    /// the gateway will run. Exits 1 when so many connections do not fit.
    Doctor(DoctorArgs),
    /// Add a user to a file of users, or give one a new password
    ///
    /// Asks for the password, or takes the first line of stdin where that is no terminal. Comments
    /// and order of the file stay.
    Passwd(PasswdArgs),
    /// Ask the rules of [access]
    #[command(subcommand)]
    Acl(Acl),
}

#[derive(Subcommand)]
enum Acl {
    /// Say whether a client may do something, and which rule says so
    ///
    /// Exits 0 when it may, 1 when it may not, 2 when there is no answer. Starts nothing.
    Test(AclTestArgs),
}

impl From<Cli> for Command {
    fn from(cli: Cli) -> Self {
        match cli.command {
            None => Command::Run(cli.run),
            Some(Named::Run(args)) => Command::Run(args),
            Some(Named::Check(args)) => Command::Check(args),
            Some(Named::Doctor(args)) => Command::Doctor(args),
            Some(Named::Passwd(args)) => Command::Passwd(args),
            Some(Named::Acl(Acl::Test(args))) => Command::AclTest(args),
        }
    }
}

/// Reads the process's arguments. On `--help` and `--version` it prints and exits 0, on wrong usage
/// it says what is wrong and exits 2.
pub fn parse() -> Command {
    Cli::parse().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Result<Command, clap::Error> {
        let words = std::iter::once("tributary").chain(line.split_whitespace());
        Cli::try_parse_from(words).map(Command::from)
    }

    #[test]
    fn no_command_means_run() {
        let flags = "--listen 127.0.0.1:0 --listen [::1]:1884 --kafka a:1,b:2 --shards 2";
        let bare = command(flags).unwrap();
        assert_eq!(bare, command(&format!("run {flags}")).unwrap());
        let Command::Run(args) = bare else {
            panic!("{bare:?}")
        };
        assert_eq!(
            args.listen,
            [
                "127.0.0.1:0".parse().unwrap(),
                "[::1]:1884".parse().unwrap()
            ]
        );
        assert_eq!(args.kafka, ["a:1", "b:2"]);
        assert_eq!(args.shards, Some(2));
        assert_eq!(command("").unwrap(), Command::Run(RunArgs::default()));
    }

    #[test]
    fn check_needs_a_file() {
        assert!(command("check").is_err());
        let asked = |moves: Option<&str>, keys: Option<&str>, json| {
            Command::Check(CheckArgs {
                config: "gw.toml".into(),
                moves: moves.map(PathBuf::from),
                keys: keys.map(PathBuf::from),
                json,
            })
        };
        let plain = command("check --config gw.toml").unwrap();
        assert_eq!(plain, asked(None, None, false));
        let dry_run = command("check --config gw.toml --moves old.toml --keys ids --json").unwrap();
        assert_eq!(dry_run, asked(Some("old.toml"), Some("ids"), true));
    }

    #[test]
    fn what_only_a_dry_run_needs_asks_for_one() {
        for flag in ["--keys ids", "--json"] {
            let line = format!("check --config gw.toml {flag}");
            assert_eq!(command(&line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn doctor_takes_a_number_of_connections_or_none() {
        let asked = |connections, json| Command::Doctor(DoctorArgs { connections, json });
        assert_eq!(command("doctor").unwrap(), asked(None, false));
        let line = "doctor --connections 1000000 --json";
        assert_eq!(command(line).unwrap(), asked(Some(1_000_000), true));
        assert!(command("doctor --connections 0").is_err());
    }

    #[test]
    fn wrong_usage_exits_with_2_and_help_with_0() {
        for line in [
            "--lisen 127.0.0.1:1",
            "--listen 1883",
            "walk",
            "--shards many",
        ] {
            assert_eq!(command(line).unwrap_err().exit_code(), 2, "{line}");
        }
        assert_eq!(command("--help").unwrap_err().exit_code(), 0);
    }
}
