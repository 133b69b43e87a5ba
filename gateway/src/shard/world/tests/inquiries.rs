//! What a shard shows operators, and when: not before each socket that was asked has answered or
//! closed, and no more than may be looked at in one turn.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use tributary_proto::session::Terms;

use super::bench::{Bench, connect_as, connect_kept, subscribe};
use crate::limits::{INQUIRY_BYTES_PER_TURN, INQUIRY_CLIENTS_PER_TURN};
use crate::mailbox::{Answer, Ask, Inquiry, Reply};
use crate::shard::client::Client;
use crate::shard::inquiries::Inquiries;
use crate::shard::world::{Order, Socket};

/// Asks a shard; also says which sockets must be asked for it where they come from.
fn ask(bench: &mut Bench, inquiries: &mut Inquiries, ask: Ask) -> (Receiver<Answer>, Vec<Socket>) {
    let (tell, told) = channel();
    let reply = Reply::new(move |answer| tell.send(answer).expect("the test listens"));
    bench.world.on_inquiry(Inquiry { ask, reply });
    let orders = bench.world.orders.drain(..);
    let asked = orders.flat_map(|order| match order {
        Order::Show(showing) => inquiries.open(*showing),
        _ => Vec::new(),
    });
    let asked = asked.collect();
    (told, asked)
}

fn address(port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::from(([192, 0, 2, 7], port)))
}

#[test]
fn an_answer_waits_for_all_addresses_and_for_none_of_who_has_gone() {
    let mut bench = Bench::new(Terms::default());
    bench.enter(&connect_as("a", "ada"));
    let leaver = bench.enter(&connect_kept("b", true, 60));
    bench.world.on_bytes(leaver, &subscribe(1, "x/#", 1));
    bench.enter(&connect_as("c", "cleo"));
    let mut inquiries = Inquiries::default();
    let page = Ask::Some { from: 0, count: 10 };
    let (told, sockets) = ask(&mut bench, &mut inquiries, page);
    assert_eq!(sockets.len(), 3);
    let one = |bench: &Bench, place: usize| {
        let client = bench.world.clients.look(place as u32);
        client.map(Client::socket).expect("it is here")
    };
    let (a, b, c) = (one(&bench, 0), one(&bench, 1), one(&bench, 2));
    assert!(inquiries.on_address(c, address(3)));
    assert!(inquiries.on_address(b, None));
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
    assert!(inquiries.on_address(a, address(1)));
    let answer = told.try_recv().expect("all is known");
    let shown = answer.clients.iter();
    let shown = shown.map(|one| (&*one.client_id, one.address, one.subscription_count));
    let wanted = [("a", address(1), 0), ("b", None, 1), ("c", address(3), 0)];
    assert_eq!(shown.collect::<Vec<_>>(), wanted);
    assert_eq!(answer.clients[0].user.as_deref(), Some("ada"));
    assert_eq!(answer.next, None);
    assert!(!inquiries.on_address(a, address(1)), "it was told already");
}

#[test]
fn a_socket_is_asked_once_for_all_who_want_to_know() {
    let mut bench = Bench::new(Terms::default());
    bench.enter(&connect_as("a", "ada"));
    let mut inquiries = Inquiries::default();
    let client_id = || Box::from("a");
    let (page, one) = (
        Ask::Some { from: 0, count: 10 },
        Ask::One {
            client_id: client_id(),
        },
    );
    let (first, sockets) = ask(&mut bench, &mut inquiries, page);
    assert_eq!(sockets.len(), 1);
    let (second, again) = ask(&mut bench, &mut inquiries, one);
    assert_eq!(again, []);
    let end = Ask::End {
        client_id: client_id(),
    };
    let (ended, _) = ask(&mut bench, &mut inquiries, end);
    let ended = ended.try_recv().expect("nothing is to be asked for that");
    assert!(ended.clients[0].is_connected);
    // It lingers until it has read its last words, and may answer meanwhile.
    assert!(inquiries.on_address(sockets[0], address(9)));
    for told in [first, second] {
        let answer = told.try_recv().expect("both are told");
        assert_eq!(answer.clients[0].address, address(9));
    }
    let one = Ask::One {
        client_id: client_id(),
    };
    let (gone, _) = ask(&mut bench, &mut inquiries, one);
    assert_eq!(gone.try_recv(), Ok(Answer::default()));
}

#[test]
fn a_turn_shows_so_many_clients_and_so_many_bytes_and_says_where_to_go_on() {
    let mut bench = Bench::new(Terms::default());
    // The others are as this one in all that is not said of them.
    bench.connect("first", 5, 0);
    let id = |number: usize, bytes: usize| format!("{number:0bytes$}");
    let long_count = 2 * INQUIRY_BYTES_PER_TURN / 60_000;
    let long = (0..long_count).map(|number| id(number, 60_000));
    let short = (0..INQUIRY_CLIENTS_PER_TURN * 2).map(|number| id(number, 8));
    let ids: Vec<String> = ["first".to_owned()]
        .into_iter()
        .chain(long)
        .chain(short)
        .collect();
    for id in &ids[1..] {
        let taken = bench.world.clients.insert(Client::example(id, 0));
        assert!(taken.is_ok());
    }
    let mut inquiries = Inquiries::default();
    let (mut seen, mut turns, mut from) = (Vec::new(), 0, Some(0));
    while let Some(place) = from {
        let count = usize::MAX;
        let page = Ask::Some { from: place, count };
        let (told, sockets) = ask(&mut bench, &mut inquiries, page);
        for socket in sockets {
            assert!(inquiries.on_address(socket, None));
        }
        let answer = told.try_recv().expect("all is known");
        let bytes: usize = answer.clients.iter().map(|one| one.name_bytes()).sum();
        assert!(answer.clients.len() <= INQUIRY_CLIENTS_PER_TURN);
        assert!(bytes < INQUIRY_BYTES_PER_TURN + 60_000, "{bytes}");
        seen.extend(answer.clients.into_iter().map(|one| one.client_id));
        from = answer.next;
        turns += 1;
    }
    let wanted: Vec<Box<str>> = ids.into_iter().map(String::into_boxed_str).collect();
    assert_eq!(seen, wanted);
    assert!(turns >= 4, "{turns}");
}
