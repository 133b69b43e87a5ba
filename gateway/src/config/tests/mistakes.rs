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
        "[overload]\nconnects_per_sec = 0\nmemory_bytes_max = 1_000\n",
        &[
            (2, "[overload].connects_per_sec", "a number from 1 to"),
            (
                3,
                "[overload].memory_bytes_max",
                "a number from 67108864 to",
            ),
        ],
    ),
    (
        "[overload]\nevent_delay_max = 5\nlane_full_secs_max = \"long\"\n",
        &[
            (
                2,
                "[overload].event_delay_max",
                "did you mean \"event_delay_millis_max\"?",
            ),
            (3, "[overload].lane_full_secs_max", "is the string \"long\""),
        ],
    ),
    (
        "[shards]\ndescriptors = \"fits\"\n",
        &[(2, "[shards].descriptors", "did you mean \"fit\"?")],
    ),
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
        "[listen.a]\naddress = \"127.1.1.1:1\"\n[listen.b]\naddress = \"127.1.1.1:1\"\n",
        &[(4, "[listen.b].address", "taken by [listen.a]")],
    ),
    (
        "[listen.tls]\naddress = \"127.0.0.1:1\"\nprotocol = \"mqtts\"\n",
        &[(
            1,
            "[listen.tls].certificates",
            "is missing; write [{ chain = ",
        )],
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
        "[[route]]\nfilter = \"#\"\ntopic = \"t\"\nack = \"acept\"\non_outage = \"drop\"\n",
        &[
            (4, "[[route]].ack", "did you mean \"accept\""),
            (5, "[[route]].on_outage", "is unknown"),
        ],
    ),
    (
        "[[route]]\nfilter = \"#\"\ntopic = \"t\"\nack = \"spool\"\non_outage = \"reject\"\n",
        &[
            (
                4,
                "[[route]].ack",
                "add spool = \"/var/lib/tributary/spool-main\"",
            ),
            (5, "[[route]].on_outage", "leave it out"),
        ],
    ),
    (
        "[kafka.main]\nbrokers = [\"k:1\"]\nspool_bytes_max = 5000000\n\n\
         [[route]]\nfilter = \"#\"\ntopic = \"t\"\non_outage = \"spool\"\n",
        &[
            (
                3,
                "[kafka.main].spool_bytes_max",
                "no meaning without spool",
            ),
            (8, "[[route]].on_outage", "[kafka.main] has none"),
        ],
    ),
    (
        "[[route]]\nfilter = \"#\"\ntopic = \"t\"\nlocal = \"no\"\n",
        &[(
            4,
            "[[route]].local",
            "write true or false without quotes, or \"after-kafka\"",
        )],
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
        "[[route]]\nfilter = \"#\"\ntopic = \"t\"\nlocal = 1\nkafka = \"no\"\n",
        &[
            (4, "[[route]].local", "is an integer"),
            (5, "[[route]].kafka", "write true or false"),
        ],
    ),
    (
        "[[route]]\nfilter = \"#\"\nkafka = false\ntopic = \"t\"\ncluster = \"main\"\nkey = \"k\"\n\
         headers = {}\nack = \"kafka\"\non_outage = \"withhold\"\ngroup = \"g\"\n",
        &[
            (4, "[[route]].topic", "no meaning beside kafka = false"),
            (5, "[[route]].cluster", "no meaning beside kafka = false"),
            (6, "[[route]].key", "no meaning beside kafka = false"),
            (7, "[[route]].headers", "no meaning beside kafka = false"),
            (8, "[[route]].ack", "no meaning beside kafka = false"),
            (9, "[[route]].on_outage", "no meaning beside kafka = false"),
            (10, "[[route]].group", "no meaning beside kafka = false"),
        ],
    ),
    (
        "[mqtt]\nmaximum_qos = 3\nresponse_information = \"a/+\"\nqueue_drop = \"old\"\n\
         subscriptions_per_client_max = 0\nsys_interval_secs = 65_536\n",
        &[
            (2, "[mqtt].maximum_qos", "from 0 to 2"),
            (3, "[mqtt].response_information", "cannot be told"),
            (4, "[mqtt].queue_drop", "there is: oldest, newest"),
            (5, "[mqtt].subscriptions_per_client_max", "from 1 to 100000"),
            (6, "[mqtt].sys_interval_secs", "from 0 to 65535"),
        ],
    ),
    (
        "[mqtt]\nsession_expiry_secs_max = 4_294_967_296\nwill_delay_secs_max = -1\n\
         queue_messages_max = 1_000_001\nqueue_bytes_max = 1.5\nqueued_bytes_max = \"1\"\n\
         retained_count_max = 4_294_967_296\nretained_bytes_max = 1_099_511_627_777\n",
        &[
            (2, "[mqtt].session_expiry_secs_max", "from 0 to 4294967295"),
            (3, "[mqtt].will_delay_secs_max", "is -1"),
            (4, "[mqtt].queue_messages_max", "from 0 to 1000000"),
            (5, "[mqtt].queue_bytes_max", "is a float"),
            (6, "[mqtt].queued_bytes_max", "without quotes"),
            (7, "[mqtt].retained_count_max", "from 0 to 4294967295"),
            (8, "[mqtt].retained_bytes_max", "from 0 to 1099511627776"),
        ],
    ),
    (
        "[mqtt]\nqueue_bytes_max = 2_000\nqueued_bytes_max = 1_000\n",
        &[(2, "[mqtt].queue_bytes_max", "let all have at least")],
    ),
    (
        "[mqtt]\nqueued_bytes_max = 1_000\n",
        &[(1, "[mqtt].queue_bytes_max", "of one client is 1048576")],
    ),
    (
        "[store]\nkind = \"local\"\n",
        &[(1, "[store].path", "is missing; name a directory")],
    ),
    (
        "[store]\nkind = \"local\"\npath = \"\"\n",
        &[(3, "[store].path", "is empty; name a directory")],
    ),
    (
        "[store]\npath = \"x\"\n",
        &[(2, "[store].path", "write kind = \"local\"")],
    ),
    (
        "[store]\nkind = \"memory\"\npath = \"x\"\n",
        &[(3, "[store].path", "or leave the path out")],
    ),
    (
        "[store]\nkind = \"redis\"\npath = \"x\"\n",
        &[(2, "[store].kind", "not yet in this version")],
    ),
    (
        "[store]\nkind = \"locale\"\npath = 1\n",
        &[
            (2, "[store].kind", "did you mean \"local\"?"),
            (3, "[store].path", "is an integer"),
        ],
    ),
    (
        "[auth]\nscram_users = { a = \"\", \"\" = \"b\" }\nscram_file = \"no/such/file\"\n",
        &[
            (2, "[auth].scram_users", "\"\" is no name"),
            (2, "[auth].scram_users", "\"a\": has an empty password"),
            (3, "[auth].scram_file", "no/such/file cannot be read"),
        ],
    ),
    (
        "[auth]\nscram_users = [\"a\"]\n",
        &[(2, "[auth].scram_users", "write a table")],
    ),
    (
        "[drain]\nserver_reference = \"a  b\"\n",
        &[(2, "[drain].server_reference", "with one space between")],
    ),
    (
        "[shards]\ncount = 257\n",
        &[(2, "[shards].count", "from 1 to 256")],
    ),
    (
        "[control]\naddress = \"0.0.0.0:9883\"\n",
        &[(
            2,
            "[control].address",
            "set [control].token, [control].certificate and",
        )],
    ),
    (
        "[control]\ntoken = \"secret\"\naddress = \"10.0.0.1:9883\"\n",
        &[(
            3,
            "[control].address",
            "no TLS is set; set [control].certificate",
        )],
    ),
    (
        "[control]\ncertificate = \"/no/such.pem\"\nkey = \"/no/such.pem\"\n",
        &[(2, "[control].certificate", "/no/such.pem cannot be read")],
    ),
    (
        "[control]\ncertificate = \"/no/such.pem\"\n",
        &[(2, "[control].key", "name the key of the certificate")],
    ),
    (
        "[control]\nkey = \"/no/such.pem\"\n",
        &[(
            2,
            "[control].certificate",
            "name the certificate of the key",
        )],
    ),
    (
        "[control]\ntoken = { file = \"/no/such/secret\" }\n",
        &[(2, "[control].token", "which cannot be read")],
    ),
    (
        "[control]\ntoken = 5\n",
        &[(2, "[control].token", "write { file = ")],
    ),
    (
        "[process]\ngroup = \"devices\"\n",
        &[(2, "[process].group", "name a user too")],
    ),
    (
        "[process]\nuser = \"a:b\"\n",
        &[(2, "[process].user", "write a name as in /etc/passwd")],
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
