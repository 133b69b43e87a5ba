//! Two readers that share a topic, against a mock Kafka.

use super::*;

const HANDOFFS: &str = "handoffs";

fn kafka() -> Embedded {
    Embedded::start(&[("commands", 1), (HANDOFFS, 1)]).expect("a mock cluster")
}

fn start(kafka: &Embedded, shards: &Arc<Shards>, node: &str, latest: bool) -> Downlink {
    let membership = Membership {
        node: node.to_owned(),
        session_timeout: Duration::from_secs(6),
        handoffs: HANDOFFS.to_owned(),
    };
    let mut rule = rule(Some("{key}"));
    rule.terms.several = true;
    rule.terms.latest = latest;
    start_as(kafka, shards, rule, Some(membership))
}

/// Waits until a reader reads its one partition.
fn wait_until_read(downlink: &Downlink) {
    wait_until("the partition", || reading(downlink).partitions == 1);
}

fn ends(mut downlinks: Vec<Downlink>) {
    downlinks.iter_mut().for_each(Downlink::end);
}

#[test]
fn what_one_hands_off_the_other_closes_and_takes_from_its_shard() {
    let (kafka, here, there) = (kafka(), Arc::default(), Arc::default());
    let [a, b] = [(&here, "a"), (&there, "b")].map(|(shards, node)| {
        let downlink = start(&kafka, shards, node, false);
        wait_until_read(&downlink);
        downlink
    });
    write(&kafka, 0..20);
    wait_until("all of it at both", || {
        here.count() == 20 && there.count() == 20
    });
    for (_, command) in here.take() {
        let fate = match command.device.as_deref() {
            Some("3") => Fate::Dropped(Dropped::Queue),
            Some("4") => Fate::Dropped(Dropped::Refused),
            Some("5") => continue,
            _ => Fate::HandedOff,
        };
        command.origin.tell(fate);
    }
    wait_until("what was announced", || reading(&b).elsewhere == 18);
    let at_b = reading(&b);
    assert_eq!((at_b.handed_off, at_b.pending(), at_b.heard), (0, 2, 18));
    let withdrawn = there.withdrawn.lock().expect("nobody panicked").clone();
    assert_eq!(withdrawn.len(), 18);
    assert!(
        !withdrawn
            .iter()
            .any(|device| ["3", "5"].contains(&&**device))
    );
    let at_a = reading(&a);
    assert_eq!(
        (at_a.handed_off, at_a.announced, at_a.pending()),
        (17, 18, 1)
    );
    assert_eq!(at_a.elsewhere, 0, "its own announcements close nothing");
    ends(vec![a, b]);
}

#[test]
fn what_was_announced_is_known_to_whoever_comes_later_and_only_one_owns_the_partition() {
    let (kafka, here, there) = (kafka(), Arc::default(), Arc::default());
    let a = start(&kafka, &here, "a", false);
    wait_until_read(&a);
    write(&kafka, 0..20);
    wait_until("all of it", || here.count() == 20);
    for (_, command) in here.take() {
        if command.device.as_deref() != Some("0") {
            command.origin.tell(Fate::HandedOff);
        }
    }
    wait_until("all announcements", || reading(&a).heard == 19);
    let b = start(&kafka, &there, "b", false);
    wait_until("the one that is open", || there.count() == 1);
    write(&kafka, 20..21);
    wait_until("the next", || there.count() == 2);
    let at_b = reading(&b);
    assert_eq!(at_b.pending(), 2);
    assert_eq!(
        at_b.read - at_b.elsewhere,
        2,
        "the rest it never had in hand"
    );
    let owned = || reading(&a).owned + reading(&b).owned;
    wait_until("one owner", || owned() == 1);
    ends(vec![a, b]);
}

#[test]
fn a_state_that_was_handed_off_elsewhere_still_makes_older_ones_void() {
    let (kafka, here, there) = (kafka(), Arc::default(), Arc::default());
    let a = start(&kafka, &here, "a", true);
    wait_until_read(&a);
    write(&kafka, 0..2);
    wait_until("both states", || here.count() == 2);
    here.take().remove(1).1.origin.tell(Fate::HandedOff);
    wait_until("the announcement", || reading(&a).heard == 1);
    let b = start(&kafka, &there, "b", true);
    wait_until("word of both", || there.count() == 2);
    let said = there.take();
    let said = said
        .iter()
        .map(|(_, one)| (one.device.as_deref(), one.is_tombstone));
    let wanted = [(Some("0"), false), (Some("1"), true)];
    assert_eq!(said.collect::<Vec<_>>(), wanted);
    assert_eq!(reading(&b).pending(), 1);
    ends(vec![a, b]);
}

#[test]
fn a_question_is_answered_once_all_that_was_there_is_left_with_the_shards() {
    let (kafka, shards) = (kafka(), Arc::<Shards>::default());
    let downlink = start(&kafka, &shards, "a", true);
    wait_until_read(&downlink);
    write(&kafka, 0..1);
    wait_until("the state", || shards.count() == 1);
    let desk = shards.take().remove(0).1.origin.desk();
    shards.is_full.store(true, Ordering::SeqCst);
    write(&kafka, 1..3);
    wait_until("a reader with full shards", || {
        shards.refused_count.load(Ordering::SeqCst) > 0
    });
    let asked = desk.ask();
    let refused = shards.refused_count.load(Ordering::SeqCst);
    wait_until("many turns", || {
        shards.refused_count.load(Ordering::SeqCst) > refused + 50
    });
    assert!(
        shards.caught_up.load(Ordering::SeqCst) < asked,
        "two states are missing"
    );
    shards.is_full.store(false, Ordering::SeqCst);
    wait_until("the answer", || {
        shards.caught_up.load(Ordering::SeqCst) == asked
    });
    assert_eq!(shards.count(), 2);
    ends(vec![downlink]);
}
