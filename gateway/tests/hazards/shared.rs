//! Shared subscriptions over all shards: each message once, fairly, and past members that are gone
//! or have enough to do.

use crate::support::client::Client;
use crate::support::gateway::{Gateway, Launch};
use crate::support::property::*;
use crate::support::subscriber::LOCAL_ONLY;
use crate::support::wire::*;
use crate::support::{DEADLINE, ask_until};
use std::collections::BTreeMap;
use std::thread;

const FILTER: &str = "$share/crew/jobs/#";
/// Fewer than wait for one client that does not read.
const MESSAGES: u64 = 1000;
const MEMBERS: usize = 8;

fn start() -> Gateway {
    Launch::default().config(LOCAL_ONLY).start()
}

fn member(gateway: &Gateway, number: usize) -> Client {
    Client::connect(gateway, V5, &format!("member{number}")).subscribed(FILTER, 1)
}

/// Publishes so many numbered messages, in turn by as many clients as there are members.
fn publish_work(gateway: &Gateway, numbers: std::ops::Range<u64>) {
    let connect = |number| Client::connect(gateway, V5, &format!("publisher{number}"));
    let mut publishers: Vec<_> = (0..MEMBERS).map(connect).collect();
    for number in numbers {
        let publisher = &mut publishers[number as usize % MEMBERS];
        let reason = publisher.announce(Publish::qos1(0, "jobs/do", number.to_string().as_bytes()));
        assert_eq!(reason, 0, "somebody is there for {number}");
    }
}

/// Ends a member's work by a message of its own, and returns what it got.
fn finish(member: &mut Client, number: usize) -> Vec<u64> {
    let own = format!("own/{number}");
    assert_eq!(member.subscribe(&own, 1), 1);
    member.announce(Publish::qos1(0, &own, b"last"));
    let work = member.receive_until(b"last");
    work.iter().map(|delivery| delivery.number()).collect()
}

/// Each number once; says how many times each was missed.
fn assert_once(shares: &[Vec<u64>], wanted: std::ops::Range<u64>) {
    let mut times = BTreeMap::<u64, u32>::new();
    for number in shares.iter().flatten() {
        *times.entry(*number).or_default() += 1;
    }
    let wrong: Vec<_> = wanted
        .clone()
        .filter(|number| times.get(number) != Some(&1))
        .collect();
    assert!(wrong.is_empty(), "not once: {wrong:?}");
    assert_eq!(
        times.len() as u64,
        wanted.end - wanted.start,
        "and no others"
    );
}

#[test]
fn each_message_goes_to_one_member_and_each_member_has_its_share() {
    let gateway = start();
    let mut members: Vec<_> = (0..MEMBERS)
        .map(|number| member(&gateway, number))
        .collect();
    let mut outsider = Client::connect(&gateway, V5, "outsider").subscribed("jobs/#", 1);
    publish_work(&gateway, 0..MESSAGES);
    let shares: Vec<_> = members
        .iter_mut()
        .enumerate()
        .map(|(number, m)| finish(m, number))
        .collect();
    assert_once(&shares, 0..MESSAGES);
    let fair = MESSAGES as usize / MEMBERS;
    for share in &shares {
        assert!(
            (fair / 2..=fair * 2).contains(&share.len()),
            "{} of {MESSAGES}",
            share.len()
        );
    }
    // Who subscribes without a group gets all of it beside them.
    assert_eq!(finish(&mut outsider, MEMBERS).len() as u64, MESSAGES);
}

#[test]
fn two_groups_on_one_filter_get_each_message_once_each() {
    let gateway = start();
    let mut crews: Vec<_> = ["$share/one/jobs/#", "$share/two/jobs/#"]
        .into_iter()
        .flat_map(|filter| (0..3).map(move |number| (filter, number)))
        .map(|(filter, number)| {
            Client::connect(
                &gateway,
                V5,
                &format!("{number}{filter}").replace(['/', '#', '$'], "-"),
            )
            .subscribed(filter, 1)
        })
        .collect();
    publish_work(&gateway, 0..300);
    let shares: Vec<_> = crews
        .iter_mut()
        .enumerate()
        .map(|(number, m)| finish(m, number))
        .collect();
    for crew in shares.chunks(3) {
        assert_once(crew, 0..300);
    }
}

#[test]
fn members_that_leave_leave_their_share_to_the_others() {
    let gateway = start();
    let mut members: Vec<_> = (0..MEMBERS)
        .map(|number| member(&gateway, number))
        .collect();
    for number in (1..MEMBERS).rev() {
        let mut leaving = members.pop().expect("there are more");
        match number % 3 {
            0 => leaving.leave(0, &[]),
            1 => leaving.reset(),
            _ => leaving.unsubscribe(FILTER),
        }
    }
    gateway.wait_for_connections(1);
    publish_work(&gateway, 0..200);
    let share = finish(&mut members[0], 0);
    for publisher in 0..MEMBERS as u64 {
        let of_one = (0..200).filter(|number| number % MEMBERS as u64 == publisher);
        let there = share.iter().copied();
        let there = there.filter(|number| number % MEMBERS as u64 == publisher);
        // [MQTT-4.6.0-5]: in order from any given client.
        assert_eq!(Vec::from_iter(there), Vec::from_iter(of_one));
    }
}

#[test]
fn a_member_that_has_enough_to_do_is_passed_over() {
    /// Fewer than the diligent one may have in flight.
    const COUNT: u64 = 200;
    let gateway = start();
    let one_at_a_time = two(RECEIVE_MAXIMUM, 1);
    let lazy: Vec<_> = (0..MEMBERS)
        .map(|number| {
            let client_id = format!("lazy{number}");
            let connect = Connect {
                properties: &one_at_a_time,
                ..Connect::new(V5, &client_id)
            };
            let (client, _) = Client::connect_to(gateway.mqtt(), connect);
            client.subscribed(FILTER, 1)
        })
        .collect();
    let mut diligent = member(&gateway, 0);
    publish_work(&gateway, 0..COUNT);
    // One for each of the others is with it and not acknowledged; the rest need not wait. What a
    // member of another shard gives back is offered again after its publisher was answered.
    let mut held = COUNT as usize;
    let enough = || {
        held -= finish(&mut diligent, 0).len();
        (held <= MEMBERS).then_some(())
    };
    assert!(
        ask_until(DEADLINE, enough).is_some(),
        "{held} messages wait for members with a receive maximum of 1"
    );
    drop(lazy);
}

#[test]
fn work_goes_on_while_members_come_and_go_and_what_is_acknowledged_is_not_lost() {
    const STEADY: usize = 4;
    let gateway = start();
    let mut steady: Vec<_> = (0..STEADY).map(|number| member(&gateway, number)).collect();
    let (passing, published) = thread::scope(|scope| {
        let publishing = scope.spawn(|| publish_work(&gateway, 0..MESSAGES));
        let mut passing = Vec::new();
        for number in 0..50 {
            let mut member = member(&gateway, STEADY + number);
            // It takes no new work and ends what it has, so that none is lost by its leaving.
            member.unsubscribe(FILTER);
            passing.push(finish(&mut member, STEADY + number));
            member.leave(0, &[]);
        }
        (passing, publishing.join())
    });
    published.expect("each publish was taken");
    let mut shares = passing;
    shares.extend(
        steady
            .iter_mut()
            .enumerate()
            .map(|(number, m)| finish(m, number)),
    );
    assert_once(&shares, 0..MESSAGES);
}

#[test]
fn a_session_that_is_away_keeps_its_qos_2_work_and_the_others_keep_working() {
    let gateway = start();
    let (mut away, _) = Client::resume(&gateway, V5, "away");
    assert_eq!(away.subscribe(FILTER, 2), 2);
    let mut publisher = Client::connect(&gateway, V5, "publisher");
    publisher.send(&Publish::qos2(1, "jobs/do", b"0").encode(V5));
    publisher.expect(PUBREC);
    publisher.send(&pubrel(1));
    publisher.expect(PUBCOMP);
    let first = away.receive_in_silence();
    assert_eq!((first.qos, &first.payload[..]), (2, &b"0"[..]));
    away.reset();
    gateway.wait_for_connections(1);
    let mut other = member(&gateway, 0);
    publish_work(&gateway, 1..101);
    // [MQTT-4.8.2-4]: its exchange is completed with it when it comes back, and with nobody else.
    let (mut back, present) = Client::resume(&gateway, V5, "away");
    assert!(present);
    let again = back.receive();
    assert_eq!(
        (again.qos, again.dup, again.packet_id),
        (2, true, first.packet_id)
    );
    assert_eq!(again.payload, b"0");
    back.unsubscribe(FILTER);
    let shares = [vec![0], finish(&mut back, 1), finish(&mut other, 0)];
    assert_once(&shares, 0..101);
}
