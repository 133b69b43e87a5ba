//! Every kind of mistake in a file, with what must be said of it.

use super::faults;

/// Text of a file, and for each fault its line, its key and a part of what is said.
type Mistake = (&'static str, &'static [(usize, &'static str, &'static str)]);

const MISTAKES: &[Mistake] = &[
    (
        "[lisen.mqtt]\n",
        &[(1, "[lisen]", "did you mean \"listen\"?")],
    ),
    ("port = 1883\n", &[(1, "port", "unknown key")]),
    (
        "[listen.mqtt]\nadress = \"127.0.0.1:1\"\n",
        &[
            (1, "[listen.mqtt].address", "is missing"),
            (2, "[listen.mqtt].adress", "did you mean \"address\"?"),
        ],
    ),
    (
        "[listen.mqtt]\naddress = \"1883\"\n",
        &[(2, "[listen.mqtt].address", "not an address")],
    ),
    (
        "[listen.mqtt]\naddress = 1883\n",
        &[(2, "[listen.mqtt].address", "is an integer")],
    ),
    (
        "[listen.a]\naddress = \"1.1.1.1:1\"\n[listen.b]\naddress = \"1.1.1.1:1\"\n",
        &[(4, "[listen.b].address", "taken by [listen.a]")],
    ),
    (
        "[listen.tls]\naddress = \"127.0.0.1:1\"\nprotocol = \"mqtts\"\n",
        &[(3, "[listen.tls].protocol", "not yet in this version")],
    ),
    (
        "[listen.x]\naddress = \"127.0.0.1:1\"\nprotocol = \"mqt\"\n",
        &[(3, "[listen.x].protocol", "did you mean \"mqtt\"?")],
    ),
    (
        "listen = 1\n",
        &[(1, "listen", "is an integer; write a table")],
    ),
    (
        "[listen]\nmqtt = 1\n",
        &[(2, "[listen.mqtt]", "is an integer, not a table")],
    ),
    (
        "[kafka.main]\n",
        &[(1, "[kafka.main].brokers", "is missing")],
    ),
    (
        "[kafka.main]\nbrokers = \"a:1\"\n",
        &[(2, "[kafka.main].brokers", "write a list")],
    ),
    (
        "[kafka.main]\nbrokers = [\n  \"a:1\",\n  7,\n]\n",
        &[(4, "[kafka.main].brokers", "is an integer")],
    ),
    (
        "[kafka.main]\nbrokers = [\"a\"]\n",
        &[(2, "[kafka.main].brokers", "not HOST:PORT")],
    ),
    (
        "[kafka.main]\nbrokers = [\"a:1\"]\n[kafka.main.properties]\nacks = 1\n\"a.b\" = 1.5\n",
        &[
            (
                4,
                "[kafka.main].properties",
                "\"acks\" cannot be set to \"1\"",
            ),
            (5, "[kafka.main].properties", "\"a.b\" is a float"),
        ],
    ),
    (
        "[kafka.main]\nbrokers = [\"a:1\"]\npending_records_max = 0\n",
        &[(
            3,
            "[kafka.main].pending_records_max",
            "is 0; a number from 1",
        )],
    ),
    ("route = 1\n", &[(1, "route", "write [[route]]")]),
    (
        "[[route]]\ncluster = \"main\"\n",
        &[
            (1, "[[route]].filter", "is missing"),
            (1, "[[route]].topic", "is missing"),
        ],
    ),
    (
        "[[route]]\nfilter = \"#\"\ntopic = \"t\"\nack = \"spool\"\non_outage = \"reject\"\n",
        &[
            (4, "[[route]].ack", "not yet"),
            (5, "[[route]].on_outage", "not yet"),
        ],
    ),
    (
        "[[route]]\nfilter = \"#\"\ntopic = \"t\"\nlocal = \"no\"\n",
        &[(4, "[[route]].local", "write true or false")],
    ),
    (
        "[[route]]\nfilter = \"#\"\ntopic = \"t\"\ncluster = \"mian\"\n\
         [kafka.main]\nbrokers = [\"a:1\"]\n",
        &[(4, "[[route]].cluster", "did you mean \"main\"?")],
    ),
    (
        "[[route]]\nfilter = \"#\"\ntopic = \"t\"\n\
         [kafka.a]\nbrokers = [\"a:1\"]\n[kafka.b]\nbrokers = [\"b:1\"]\n",
        &[(1, "[[route]].cluster", "name one of: a, b")],
    ),
    (
        "[[route]]\nfilter = \"a/+\"\ntopic = \"t\"\nkey = \"{3}\"\n\
         [[route]]\nfilter = \"+x\"\ntopic = \"t\"\n",
        &[
            (4, "[[route]].key", "use {1}"),
            (6, "[[route]].filter", "write it alone"),
        ],
    ),
    (
        "[mqtt]\npacket_bytes_max = 268435461\nreceive_max = 0\nreceve_max = 1\n",
        &[
            (2, "[mqtt].packet_bytes_max", "from 512 to 268435460"),
            (3, "[mqtt].receive_max", "is 0"),
            (4, "[mqtt].receve_max", "did you mean \"receive_max\"?"),
        ],
    ),
    (
        "[mqtt]\nreceive_max = -1\n",
        &[(2, "[mqtt].receive_max", "is -1")],
    ),
    (
        "[mqtt]\nreceive_max = \"9\"\n",
        &[(2, "[mqtt].receive_max", "without quotes")],
    ),
    (
        "[shards]\ncount = 257\n",
        &[(2, "[shards].count", "from 1 to 256")],
    ),
    (
        "[control]\naddress = \"0.0.0.0:9883\"\n",
        &[(2, "[control].address", "set [control].token")],
    ),
    (
        "[control]\ntoken = \"a b\"\n",
        &[(2, "[control].token", "cannot stand in a header")],
    ),
    (
        "[drain]\ntimeout_secs = 1.5\n",
        &[(2, "[drain].timeout_secs", "is a float")],
    ),
    (
        "[log]\nformat = \"xml\"\nlevel = \"wran\"\n",
        &[
            (2, "[log].format", "there is: auto"),
            (3, "[log].level", "did you mean \"warn\"?"),
        ],
    ),
    ("[mqtt\nreceive_max = 1\n", &[(1, "", "not TOML")]),
    (
        "[mqtt]\nreceive_max = 1\nreceive_max = 2\n",
        &[(3, "", "not TOML")],
    ),
];

#[test]
fn every_mistake_is_named_with_its_line_and_key_and_what_would_be_right() {
    for (text, expected) in MISTAKES {
        let said = faults(text, &[]);
        let lines = said.join("\n");
        assert_eq!(said.len(), expected.len(), "for {text:?}:\n{lines}");
        for (said, (line, key, part)) in said.iter().zip(*expected) {
            let key = if key.is_empty() {
                String::new()
            } else {
                format!("{key}: ")
            };
            let place = format!("{line}: {key}");
            assert!(
                said.starts_with(&place) && said.contains(part),
                "{place}{part}:\n{lines}"
            );
            assert!(
                said.contains("; "),
                "says nothing of what would be right: {said}"
            );
        }
    }
}
