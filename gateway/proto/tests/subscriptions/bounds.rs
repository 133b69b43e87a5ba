//! What is over a bound is refused, and leaves everything as it was.

use tributary_proto::subscriptions::{Added, Bounds, Grant, limits};

use crate::model::Shard;

#[test]
fn a_client_may_hold_so_many_filters_and_change_those_it_holds() {
    let bounds = Bounds {
        filters_per_client: 3,
        ..Bounds::default()
    };
    let mut shard = Shard::new(&["a", "b"], bounds);
    for filter in ["x", "y/+", "$share/g/z"] {
        assert_eq!(shard.subscribe(0, filter, Grant::default()), Added::New);
    }
    assert_eq!(shard.subscribe(0, "w", Grant::default()), Added::Full);
    assert_eq!(shard.subscribe(0, "x", Grant::default()), Added::Replaced);
    assert_eq!(shard.subscribe(1, "w", Grant::default()), Added::New);
    shard.unsubscribe(0, "x");
    assert_eq!(shard.subscribe(0, "w", Grant::default()), Added::New);
    shard.check_lists();
}

#[test]
fn a_shard_may_hold_so_many_filters_and_any_number_of_subscribers_to_them() {
    let bounds = Bounds {
        filters_per_shard: 2,
        ..Bounds::default()
    };
    let mut shard = Shard::new(&["a", "b"], bounds);
    for filter in ["x", "y/+"] {
        assert_eq!(shard.subscribe(0, filter, Grant::default()), Added::New);
        assert_eq!(shard.subscribe(1, filter, Grant::default()), Added::New);
    }
    for filter in ["z", "z/#", "$share/g/z"] {
        assert_eq!(shard.subscribe(0, filter, Grant::default()), Added::Full);
    }
    shard.check_lists();
    assert_eq!(shard.find("z").0.len(), 0);
}

#[test]
fn a_pattern_may_have_so_many_levels_and_an_exact_filter_any_number() {
    let mut shard = Shard::new(&["a"], Bounds::default());
    let name = vec!["x"; limits::LEVELS_MAX + 10].join("/");
    let pattern = format!("{name}/+");
    assert_eq!(shard.subscribe(0, &pattern, Grant::default()), Added::Full);
    assert_eq!(shard.subscribe(0, &name, Grant::default()), Added::New);
    let deepest = format!("{}/#", vec!["+"; limits::LEVELS_MAX - 1].join("/"));
    assert_eq!(shard.subscribe(0, &deepest, Grant::default()), Added::New);
    assert_eq!(shard.find(&name).0.len(), 1);
    assert_eq!(shard.find(&name), shard.find_slowly(&name));
}
