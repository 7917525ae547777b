//! Where more than one may talk with the visitor.

use doorway_core::{Action, Activity, CallSettings, EndReason, Record, Settings};

use crate::lab::*;

/// A station with which three may talk, in a ring that reached all of these, over media that are up.
fn ringing(clients: &[&str]) -> Lab {
    let settings = Settings { call: CallSettings { max_talkers: 3, ..CallSettings::default() }, ..settings() };
    let mut lab = Lab::made_from(settings, clients);
    lab.press("call");
    for client in clients {
        lab.connected(client);
    }
    lab
}

#[test]
fn who_accepts_while_somebody_is_about_to_talk_joins() {
    let mut lab = ringing(&["a", "b"]);
    lab.here("c");
    assert_eq!(accepted(&lab.accept("c")), [""; 0], "its media are not up yet");
    let actions = lab.accept("a");
    assert_eq!(accepted(&actions), ["a"]);
    assert_eq!(ended(&actions), [("b", EndReason::AnsweredElsewhere)], "c accepted and stays");
    let actions = lab.connected("c");
    assert_eq!((accepted(&actions), audio(&actions)), (vec!["c"], vec![("c", true)]));
    assert!(actions.contains(&Action::Record(Record::Joined { leg: lab.leg("c") })));
}

#[test]
fn who_watches_a_talk_joins_it_and_the_fourth_finds_no_room() {
    let mut lab = ringing(&["a"]);
    lab.accept("a");
    for client in ["b", "c", "d"] {
        lab.here(client);
    }
    for joins in ["b", "c"] {
        assert_eq!(offered(&lab.watch(joins)), [joins]);
        lab.connected(joins);
        assert_eq!(audio(&lab.accept(joins)), [(joins, true)]);
    }
    assert_eq!(refused(&lab.watch("d")), [("d", EndReason::Busy)]);
    let view = lab.station.call().expect("they talk");
    assert_eq!(view.talkers, ["a", "b", "c"].map(client));
}

#[test]
fn who_only_looks_on_at_a_talk_does_so_no_longer_than_a_watcher() {
    let mut lab = ringing(&["a"]);
    lab.accept("a");
    lab.here("b");
    lab.watch("b");
    lab.connected("b");
    assert_eq!(ended(&lab.pass(secs(300))), [("b", EndReason::MaxDuration)]);
    assert_eq!(lab.activity(), Activity::InCall);
}

#[test]
fn the_call_goes_on_until_the_last_of_them_has_left() {
    let mut lab = ringing(&["a", "b"]);
    lab.accept("a");
    lab.here("b");
    lab.watch("b");
    lab.connected("b");
    lab.accept("b");
    let actions = lab.hang_up("a");
    assert_eq!((ended(&actions), audio(&actions)), (vec![("a", EndReason::HungUp)], vec![("a", false)]));
    assert_eq!(lab.activity(), Activity::InCall);
    let actions = lab.hang_up("b");
    assert_eq!((ended(&actions), audio(&actions)), (vec![("b", EndReason::HungUp)], vec![("b", false)]));
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn one_who_is_lost_takes_the_call_from_nobody_else() {
    let mut lab = ringing(&["a"]);
    lab.accept("a");
    lab.here("b");
    lab.watch("b");
    lab.connected("b");
    lab.accept("b");
    lab.lost("a");
    let actions = lab.press("call");
    assert!(actions.contains(&Action::PressedAgain(lab.leg("b"))), "b is told, and a is not there to be");
    assert_eq!(rung(&actions), [""; 0]);
    assert_eq!(ended(&lab.pass(secs(6))), [("a", EndReason::ConnectionLost)]);
    assert_eq!(lab.activity(), Activity::InCall);
}

#[test]
fn each_of_them_opens_the_door() {
    let mut lab = ringing(&["a"]);
    lab.accept("a");
    lab.here("b");
    lab.watch("b");
    lab.connected("b");
    assert_eq!(relay_moves(&lab.unlock("b", "door")), [], "looking on is not enough");
    lab.accept("b");
    assert_eq!(relay_moves(&lab.unlock("b", "door")), [("door", true)]);
    assert_eq!(relay_moves(&lab.unlock("a", "gate")), [("gate", true)]);
}
