//! Groups of clusters: both ways to write them, what a route gets, and every mistake.

use super::{faults, good};
use crate::config::Kafka;
use crate::route::{GroupBy, GroupRule};

/// Two clusters, up to and with line 4.
const CLUSTERS: &str = "[kafka.east]\nbrokers = [\"e:1\"]\n[kafka.west]\nbrokers = [\"w:1\"]\n";

fn with_clusters(text: &str) -> String {
    format!("{CLUSTERS}{text}")
}

fn rule(name: &str, clusters: [(&str, u32); 2], by: GroupBy) -> GroupRule {
    GroupRule {
        name: name.into(),
        clusters: clusters.map(|(name, weight)| (name.into(), weight)).into(),
        by,
    }
}

#[test]
fn a_group_is_a_table_of_weights_or_a_list() {
    let text = "[group.a]\nclusters = { west = 2, east = 1 }\nby = \"topic\"\n\
                [group.b]\nclusters = [\"west\", \"east\"]\n\
                [[route]]\nfilter = \"a\"\ntopic = \"t\"\ngroup = \"a\"\n\
                [[route]]\nfilter = \"#\"\ntopic = \"t\"\ngroup = \"b\"\n";
    let settings = good(&with_clusters(text), &[]);
    let expected = [
        rule("a", [("east", 1), ("west", 2)], GroupBy::Topic),
        rule("b", [("west", 1), ("east", 1)], GroupBy::Client),
    ];
    assert_eq!(settings.groups, expected);
    for (route, group) in settings.routes.iter().zip(expected) {
        assert_eq!((&*route.cluster, route.group.as_ref()), ("", Some(&group)));
    }
    assert_eq!(settings.kafka, Kafka::Named);
    assert_eq!(
        settings.summary(),
        "ok: 1 listener, 2 routes, 2 clusters, 2 groups"
    );
}

#[test]
fn the_environment_writes_groups_with_commas() {
    let text = with_clusters(
        "[group.b]\nclusters = { east = 1, west = 1 }\n\
         [[route]]\nfilter = \"#\"\ntopic = \"t\"\ngroup = \"a\"\n",
    );
    let env = [
        ("TRIBUTARY_GROUP__A__CLUSTERS", "east=3, west=4"),
        ("TRIBUTARY_GROUP__A__BY", "topic"),
        ("TRIBUTARY_GROUP__B__CLUSTERS__EAST", "9"),
        ("TRIBUTARY_GROUP__C__CLUSTERS", "east,west"),
    ];
    let expected = [
        rule("a", [("east", 3), ("west", 4)], GroupBy::Topic),
        rule("b", [("east", 9), ("west", 1)], GroupBy::Client),
        rule("c", [("east", 1), ("west", 1)], GroupBy::Client),
    ];
    assert_eq!(good(&text, &env).groups, expected);
    let wrong = [("TRIBUTARY_GROUP__A__CLUSTERS", "east=many")];
    let said = faults(&text, &wrong).join("\n");
    let start = "TRIBUTARY_GROUP__A__CLUSTERS: [group.a].clusters: gives \"east\" the weight";
    assert!(said.starts_with(start), "{said}");
}

#[test]
fn a_group_may_hold_the_only_cluster_there_is() {
    let text = "[group.g]\nclusters = [\"main\"]\n\
                [[route]]\nfilter = \"#\"\ntopic = \"t\"\ngroup = \"g\"\n";
    let settings = good(text, &[]);
    assert_eq!(settings.kafka, Kafka::Embedded);
    let [group] = &settings.groups[..] else {
        panic!("{:?}", settings.groups)
    };
    assert_eq!(group.clusters, [("main".to_owned(), 1)]);
}

/// What follows `CLUSTERS` from line 5 on, and for each fault its line, its key and a part of what
/// is said.
type Mistake = (&'static str, &'static [(usize, &'static str, &'static str)]);

const MISTAKES: &[Mistake] = &[
    (
        "[group.g]\nclusters = { east = 1, wset = 1 }\n",
        &[(
            6,
            "[group.g].clusters",
            "no [kafka.wset]; did you mean \"west\"?",
        )],
    ),
    (
        "[group.g]\nclusters = [\n  \"east\",\n  \"north\",\n]\n",
        &[(
            8,
            "[group.g].clusters",
            "no [kafka.north]; there is: east, west",
        )],
    ),
    (
        "[group.g]\nclusters = {}\n[group.h]\nclusters = []\n",
        &[
            (6, "[group.g].clusters", "is empty; name clusters"),
            (8, "[group.h].clusters", "is empty; name clusters"),
        ],
    ),
    (
        "[group.g]\n",
        &[(5, "[group.g].clusters", "is missing; name clusters")],
    ),
    (
        "[group.g.clusters]\neast = 0\nwest = -1\n",
        &[
            (
                6,
                "[group.g].clusters",
                "\"east\" the weight 0; write a whole",
            ),
            (
                7,
                "[group.g].clusters",
                "\"west\" the weight -1; write a whole",
            ),
        ],
    ),
    (
        "[group.g.clusters]\neast = 1.5\nwest = \"2\"\n",
        &[
            (
                6,
                "[group.g].clusters",
                "\"east\" a float for a weight; write",
            ),
            (7, "[group.g].clusters", "\"west\" the weight \"2\"; write"),
        ],
    ),
    (
        "[group.g]\nclusters = { east = 1_000_001, west = 1 }\n",
        &[(6, "[group.g].clusters", "from 1 to 1000000")],
    ),
    (
        "[group.g]\nclusters = [\"east\", \"east\", 7]\n",
        &[
            (6, "[group.g].clusters", "has an integer in its list"),
            (
                6,
                "[group.g].clusters",
                "names \"east\" twice; give it the sum",
            ),
        ],
    ),
    (
        "[group.g]\nclusters = \"east\"\nby = \"clint\"\nweights = 1\n",
        &[
            (6, "[group.g].clusters", "is a string; name clusters"),
            (7, "[group.g].by", "did you mean \"client\"?"),
            (8, "[group.g].weights", "unknown key"),
        ],
    ),
    (
        "[group.east]\nclusters = [\"east\", \"west\"]\n",
        &[(
            5,
            "[group.east]",
            "there is a [kafka.east], too; give the group",
        )],
    ),
    (
        "[group]\ng = 1\n[[route]]\nfilter = \"#\"\ntopic = \"t\"\ngroup = \"g\"\n",
        &[(6, "[group.g]", "is an integer, not a table")],
    ),
    (
        "[group.g]\nclusters = [\"east\"]\n\
         [[route]]\nfilter = \"#\"\ntopic = \"t\"\ncluster = \"west\"\ngroup = \"g\"\n",
        &[(11, "[[route]].group", "stands beside cluster; leave one")],
    ),
    (
        "[group.fleet]\nclusters = [\"east\"]\n\
         [[route]]\nfilter = \"a\"\ntopic = \"t\"\ngroup = \"flet\"\n\
         [[route]]\nfilter = \"b\"\ntopic = \"t\"\ngroup = \"east\"\n\
         [[route]]\nfilter = \"c\"\ntopic = \"t\"\ncluster = \"fleet\"\n",
        &[
            (
                10,
                "[[route]].group",
                "no [group.flet]; did you mean \"fleet\"?",
            ),
            (
                14,
                "[[route]].group",
                "no [group.east]; write cluster = \"east\"",
            ),
            (
                18,
                "[[route]].cluster",
                "no [kafka.fleet]; write group = \"fleet\"",
            ),
        ],
    ),
    (
        "[[route]]\nfilter = \"#\"\ntopic = \"t\"\ngroup = \"g\"\n",
        &[(8, "[[route]].group", "no [group.g]; add a table [group.g]")],
    ),
];

#[test]
fn every_mistake_about_a_group_is_named_with_its_line_and_what_would_be_right() {
    for (text, expected) in MISTAKES {
        let routed = text.contains("[[route]]");
        let default = "[[route]]\nfilter = \"#\"\ntopic = \"t\"\ncluster = \"east\"\n";
        let text = format!(
            "{}{}",
            with_clusters(text),
            if routed { "" } else { default }
        );
        let said = faults(&text, &[]);
        let lines = said.join("\n");
        assert_eq!(said.len(), expected.len(), "for {text:?}:\n{lines}");
        for (said, (line, key, part)) in said.iter().zip(*expected) {
            let place = format!("{line}: {key}: ");
            let right = said.starts_with(&place) && said.contains(part);
            assert!(right, "{place}{part}:\n{lines}");
        }
    }
}
