//! What a household goes through, each a sentence.

use std::time::Duration;

use doorway_core::indicator::{Chime, Indicator};
use doorway_core::{Activity, Record, Way};
use doorway_proto::signaling::EndReason;

use crate::net::Weather;
use crate::page::Phase;
use crate::station::PULSE;
use crate::world::World;

const SOON: Duration = Duration::from_secs(5);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The first page was rung, sees the visitor and talks.
fn talking(world: &mut World) {
    world.press(0, "call");
    world.until("the page is connected", secs(30), |world| world.pages[0].is_connected());
    let now = world.now;
    world.pages[0].accept(now);
    world.until("it talks", SOON, |world| world.pages[0].phase() == Some(Phase::Talking));
}

fn comes_to_rest(world: &mut World, within: Duration) {
    world.until("everything is at rest", within, World::is_at_rest);
}

#[test]
fn a_press_rings_shows_is_answered_is_heard_opens_and_leaves_nothing() {
    let mut world = World::with(&["hall"]);
    world.press(0, "call");
    assert_eq!(world.stations[0].light, Indicator::Ringing);
    world.until("the visitor is seen while it rings", secs(1), |world| world.pages[0].seen.pictures > 3);
    assert_eq!((world.pages[0].phase(), world.pages[0].seen.rings), (Some(Phase::Ringing), 1));
    assert_eq!(world.pages[0].seen.packets, 0, "nobody is heard before the answer");
    let now = world.now;
    world.pages[0].accept(now);
    world.until("both are heard", secs(1), |world| world.pages[0].seen.packets > 10 && world.stations[0].played > 10);
    assert_eq!(world.stations[0].light, Indicator::Talking);
    world.pages[0].unlock();
    world.until("the door opens", secs(1), |world| world.stations[0].relay.energised);
    world.pass(PULSE + Duration::from_millis(100));
    assert!(!world.stations[0].relay.energised && world.pages[0].seen.opened == 1);
    world.pages[0].hang_up();
    comes_to_rest(&mut world, secs(3));
    let station = &world.stations[0];
    assert_eq!(station.light, Indicator::Ready);
    assert_eq!(station.chimes, [Chime::Ringing, Chime::Accepted, Chime::Ended]);
    let opened = station.records.iter().any(|record| matches!(record, Record::DoorOpened { way: Way::RungCall, .. }));
    assert!(opened && station.records.iter().any(|record| matches!(record, Record::Rang { receipts: 1, .. })));
}

#[test]
fn of_two_pages_that_ring_the_first_that_answers_talks_and_the_other_is_told() {
    let mut world = World::with(&["hall", "kitchen"]);
    world.press(0, "call");
    world.until("both are connected", SOON, |world| world.pages.iter().all(|page| page.is_connected()));
    let now = world.now;
    world.pages[1].accept(now);
    world.pages[0].accept(now);
    world.until("one talks", SOON, |world| world.pages.iter().any(|page| page.phase() == Some(Phase::Talking)));
    world.pass(secs(1));
    let talking = world.pages.iter().filter(|page| page.phase() == Some(Phase::Talking)).count();
    let told = world.pages.iter().filter(|page| page.seen.ended == [EndReason::AnsweredElsewhere]).count();
    assert_eq!((talking, told), (1, 1));
}

#[test]
fn the_visitor_is_seen_and_heard_though_datagrams_are_lost() {
    for (loss, at_least) in [(0.0, 99), (2.0, 97), (5.0, 96), (10.0, 93), (20.0, 75)] {
        let mut world = World::in_weather(Weather::losing(loss), 7, &["hall"]);
        talking(&mut world);
        let (sent, seen) = (world.stations[0].pictures, world.pages[0].seen.pictures);
        world.pass(secs(30));
        let sent = (world.stations[0].pictures - sent) as usize;
        let seen = (world.pages[0].seen.pictures - seen) * 100 / sent;
        assert!(seen >= at_least, "{seen} % of the pictures at {loss} % loss");
        assert_eq!(world.stations[0].engine.activity(), Activity::InCall);
    }
}

#[test]
fn the_companion_may_go_and_come_back_in_every_state() {
    for state in ["idle", "watching", "ringing", "talking"] {
        let mut world = World::with(&["hall", "kitchen"]);
        match state {
            "watching" => {
                let (id, now) = (world.stations[0].id.clone(), world.now);
                world.pages[0].watch(&id, now);
                world.until("it watches", SOON, |world| world.pages[0].is_connected());
            }
            "ringing" => {
                world.press(0, "call");
                world.until("it is connected", SOON, |world| world.pages[0].is_connected());
            }
            "talking" => talking(&mut world),
            _ => {}
        }
        world.pass(Duration::from_millis(200));
        let activity = world.stations[0].engine.activity();
        world.companion(false);
        world.pass(secs(3));
        assert_eq!(world.stations[0].engine.activity(), activity, "{state}: media do not need it");
        world.companion(true);
        world.pass(secs(2));
        if state == "talking" {
            let heard = world.pages[0].seen.packets;
            world.pass(secs(1));
            assert!(world.pages[0].seen.packets > heard + 40, "the visitor is heard on");
            world.pages[0].hang_up();
        } else {
            let rings = world.pages[1].seen.rings;
            world.press(0, "call");
            let rung = rings + usize::from(state != "ringing");
            assert!(world.pages[1].seen.rings >= rung, "{state}: a press rings");
            for page in &mut world.pages {
                page.decline();
                page.hang_up();
            }
        }
        comes_to_rest(&mut world, secs(60));
    }
}

#[test]
fn a_press_while_the_companion_is_away_rings_who_comes_back_in_time() {
    let mut world = World::with(&["hall"]);
    world.companion(false);
    world.pass(secs(1));
    world.press(0, "call");
    world.companion(true);
    world.until("it rings", secs(3), |world| world.pages[0].phase() == Some(Phase::Ringing));
}

#[test]
fn a_page_that_reconnects_talks_on() {
    let mut world = World::with(&["hall"]);
    talking(&mut world);
    world.move_page(0);
    world.until("it has another connection", secs(15), |world| {
        world.pages[0].is_connected() && world.pages[0].seen.connections == 2
    });
    let (played, packets) = (world.stations[0].played, world.pages[0].seen.packets);
    world.pass(secs(1));
    assert!(world.stations[0].played > played + 40 && world.pages[0].seen.packets > packets + 40);
    assert_eq!(world.stations[0].engine.activity(), Activity::InCall);
}

#[test]
fn a_station_that_gets_another_address_talks_on() {
    let mut world = World::with(&["hall"]);
    talking(&mut world);
    world.move_station(0);
    world.pass(secs(6));
    let (played, pictures) = (world.stations[0].played, world.pages[0].seen.pictures);
    world.pass(secs(1));
    assert!(world.stations[0].played > played + 40, "the household is heard");
    assert!(world.pages[0].seen.pictures > pictures + 5, "the visitor is seen");
}

#[test]
fn a_page_that_stops_without_a_word_ends_the_call_in_seconds() {
    let mut world = World::with(&["hall"]);
    talking(&mut world);
    world.pages[0].frozen = true;
    world.until("the station is idle", secs(13), |world| world.stations[0].is_at_rest());
}

#[test]
fn a_page_that_is_closed_while_it_rings_is_rung_when_it_is_opened_again() {
    let mut world = World::with(&["hall"]);
    world.press(0, "call");
    world.close_page(0);
    world.pass(secs(2));
    world.open_page(0);
    world.until("it rings again", secs(2), |world| world.pages[0].phase() == Some(Phase::Ringing));
    world.until("it sees the visitor", secs(2), |world| world.pages[0].seen.pictures > 3);
}

#[test]
fn nobody_answers_and_everything_is_as_before() {
    let mut world = World::with(&["hall", "kitchen"]);
    world.press(0, "call");
    world.pass(secs(44));
    assert_eq!(world.stations[0].engine.activity(), Activity::Ringing);
    comes_to_rest(&mut world, secs(3));
    assert!(world.stations[0].records.iter().any(|record| matches!(record, Record::Missed { receipts: 2, .. })));
    assert!(world.pages.iter().all(|page| page.seen.ended == [EndReason::RingTimeout]));
}

#[test]
fn a_page_sees_two_doors_one_after_the_other() {
    let mut world = World::made_of(Weather::FINE, 3, &["front-door", "gate"], &["hall"], 1);
    world.press(0, "call");
    world.until("the first rings", SOON, |world| world.pages[0].seen.pictures > 0);
    world.pages[0].decline();
    comes_to_rest(&mut world, secs(3));
    world.press(1, "call");
    world.until("the second rings", SOON, |world| world.stations[1].engine.activity() == Activity::Ringing);
    world.until("it is seen", SOON, |world| world.pages[0].is_connected());
    assert!(world.stations[0].is_at_rest());
}

#[test]
fn eight_pages_see_the_visitor_at_once_beside_a_flood_of_datagrams() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut world = World::with(&names);
    let (stranger, door) = (world.address(), world.stations[0].address);
    world.press(0, "call");
    let began = world.now;
    while !world.pages.iter().all(|page| page.seen.pictures > 0) {
        assert!(world.now < began + secs(2), "all eight see the visitor");
        for number in 0..50_u8 {
            // As if it were RTP, DTLS and STUN in turn.
            let data = vec![[0x80, 0x16, 0x00][usize::from(number % 3)], number, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
            world.net.put(stranger, door, data, world.now);
        }
        world.pass(Duration::from_millis(10));
    }
    assert_eq!(world.stations[0].engine.peers(), 8);
    for page in &mut world.pages {
        page.decline();
    }
    comes_to_rest(&mut world, secs(5));
}

#[test]
fn who_is_inside_leaves_by_the_exit_button_in_any_state() {
    let mut world = World::with(&["hall"]);
    world.companion(false);
    world.press(0, "exit");
    assert_eq!(world.stations[0].relay.openings, 1);
    world.pass(PULSE);
    world.companion(true);
    world.pass(secs(1));
    talking(&mut world);
    world.press(0, "exit");
    assert_eq!(world.stations[0].relay.openings, 2);
    assert_eq!(world.stations[0].engine.activity(), Activity::InCall);
}

#[test]
fn where_three_may_talk_each_hears_the_visitor() {
    let mut world = World::made_of(Weather::FINE, 5, &["front-door"], &["hall", "kitchen"], 3);
    talking(&mut world);
    let (id, now) = (world.stations[0].id.clone(), world.now);
    world.pass(secs(1));
    assert_eq!(world.pages[1].call.as_ref().map(|call| call.phase), None, "who did not answer was told");
    world.pages[1].watch(&id, now);
    world.until("it looks on", SOON, |world| world.pages[1].is_connected());
    let now = world.now;
    world.pages[1].accept(now);
    world.until("both hear the visitor", secs(2), |world| world.pages.iter().all(|page| page.seen.packets > 10));
    world.pages[0].hang_up();
    world.pass(secs(1));
    let packets = world.pages[1].seen.packets;
    world.pass(secs(1));
    assert!(world.pages[1].seen.packets > packets + 40, "the other goes on");
}
