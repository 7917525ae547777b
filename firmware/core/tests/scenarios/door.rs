//! When a door opens, and that it always shuts.

use doorway_core::{
    Action, Activity, DoorSettings, Fault, Input, Record, Requester, Settings, UnlockOutcome, UnlockRefusal, Way,
};

use crate::lab::*;

const NOT_IN_CALL: UnlockOutcome = UnlockOutcome::Refused(UnlockRefusal::NotInCall);

#[test]
fn the_talker_opens_the_door_and_is_told_after_the_relay_has_acted() {
    let mut lab = Lab::talking("a");
    let actions = lab.unlock("a", "door");
    assert_eq!(relay_moves(&actions), [("door", true)]);
    assert!(outcomes(&actions).is_empty(), "not before");
    let actions = lab.acted("door", true);
    assert_eq!(outcomes(&actions), [&UnlockOutcome::Opened { pulse: secs(3) }]);
    assert!(actions.contains(&Action::DoorMoved { door: "door".into(), open: true }));
}

#[test]
fn the_relay_is_released_when_the_pulse_is_over() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    lab.acted("door", true);
    assert_eq!(relay_moves(&lab.pass(secs(3) - ms(1))), []);
    assert_eq!(relay_moves(&lab.pass(ms(1))), [("door", false)]);
    let actions = lab.acted("door", false);
    assert_eq!(actions, [Action::DoorMoved { door: "door".into(), open: false }]);
    assert_eq!(relay_moves(&lab.unlock("a", "door")), [("door", true)], "it may be opened again");
}

#[test]
fn nobody_but_the_talker_opens_a_door() {
    let mut lab = Lab::with(&["a", "b"]);
    assert_eq!(outcomes(&lab.unlock("a", "door")), [&NOT_IN_CALL], "no call");
    lab.watch("b");
    lab.connected("b");
    assert_eq!(outcomes(&lab.unlock("b", "door")), [&NOT_IN_CALL], "watching");
    lab.press("call");
    lab.connected("a");
    assert_eq!(outcomes(&lab.unlock("a", "door")), [&NOT_IN_CALL], "ringing");
    lab.accept("a");
    assert_eq!(outcomes(&lab.unlock("b", "door")), [&NOT_IN_CALL], "answered elsewhere");
    let requester = Requester::Participant { leg: leg("a", doorway_core::CallId(7)), request: 9 };
    let stale = Input::Unlock { requester, door: "door".into() };
    assert_eq!(outcomes(&lab.input(stale)), [&NOT_IN_CALL], "another call");
    lab.hang_up("a");
    assert_eq!(outcomes(&lab.unlock("a", "door")), [&NOT_IN_CALL], "hung up");
}

#[test]
fn a_talker_whose_media_are_not_up_yet_opens_no_door() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    lab.accept("a");
    assert_eq!(outcomes(&lab.unlock("a", "door")), [&NOT_IN_CALL]);
}

#[test]
fn a_door_opens_only_in_a_call_that_was_rung() {
    let mut lab = Lab::with(&["a"]);
    lab.watch("a");
    lab.connected("a");
    lab.accept("a");
    let actions = lab.unlock("a", "door");
    assert_eq!(outcomes(&actions), [&UnlockOutcome::Refused(UnlockRefusal::NotRung)]);
    assert_eq!(relay_moves(&actions), []);
    lab.press("call");
    lab.connected("a");
    lab.accept("a");
    assert_eq!(relay_moves(&lab.unlock("a", "door")), [("door", true)]);
}

#[test]
fn a_door_that_may_opens_without_a_ring() {
    let free = DoorSettings { open_without_ring: true, ..DoorSettings::new("gate".into()) };
    let doors = vec![DoorSettings::new("door".into()), free];
    let mut lab = Lab::made_from(Settings { doors, ..settings() }, &["a"]);
    lab.watch("a");
    lab.connected("a");
    assert_eq!(outcomes(&lab.unlock("a", "gate")), [&NOT_IN_CALL], "watching alone is not enough");
    lab.accept("a");
    assert_eq!(outcomes(&lab.unlock("a", "door")), [&UnlockOutcome::Refused(UnlockRefusal::NotRung)]);
    assert_eq!(relay_moves(&lab.unlock("a", "gate")), [("gate", true)]);
    assert_eq!(opened(&lab.acted("gate", true)), [("a", Way::CallWithoutRing)]);
}

#[test]
fn each_opening_is_recorded_with_who_and_in_which_call_once_the_relay_has_acted() {
    let mut lab = Lab::talking("a");
    assert_eq!(opened(&lab.unlock("a", "door")), []);
    let record = Record::DoorOpened {
        door: "door".into(),
        requester: Requester::Participant { leg: leg("a", FIRST_CALL), request: 1 },
        name: "a".into(),
        way: Way::RungCall,
    };
    assert!(lab.acted("door", true).contains(&Action::Record(record)));
    assert_eq!(opened(&lab.pass(secs(3))), []);
}

fn opened(actions: &[Action]) -> Vec<(&str, Way)> {
    let one = |action| match action {
        &Action::Record(Record::DoorOpened { ref name, way, .. }) => Some((name.as_ref(), way)),
        _ => None,
    };
    actions.iter().filter_map(one).collect()
}

#[test]
fn the_exit_button_opens_its_door_and_no_other_though_nobody_is_there() {
    let mut lab = Lab::with(&[]);
    assert_eq!(relay_moves(&lab.press("exit")), [("door", true)]);
    assert_eq!(opened(&lab.acted("door", true)), [("exit", Way::ExitButton)]);
    assert_eq!(lab.activity(), Activity::Idle, "it rings nobody");
    assert_eq!(relay_moves(&lab.pass(secs(3))), [("door", false)]);
}

#[test]
fn nobody_is_kept_from_leaving_however_often_the_door_was_opened() {
    let mut lab = Lab::talking("a");
    let mut opened = 0;
    while !relay_moves(&lab.unlock("a", "door")).is_empty() {
        opened += 1;
        lab.acted("door", true);
        lab.pass(secs(3));
        lab.acted("door", false);
    }
    assert_eq!(opened, 10);
    for _ in 0..20 {
        assert_eq!(relay_moves(&lab.press("exit")), [("door", true)]);
        lab.acted("door", true);
        lab.pass(secs(3));
        lab.acted("door", false);
    }
    lab.pass(secs(30));
    assert_eq!(relay_moves(&lab.unlock("a", "door")), [("door", true)], "and who leaves takes nothing from who opens");
}

#[test]
fn who_leaves_while_the_pulse_ends_gets_a_whole_one_behind_it() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    lab.acted("door", true);
    assert_eq!(
        outcomes(&lab.press("exit")),
        [&UnlockOutcome::Refused(UnlockRefusal::AlreadyOpen)],
        "it is open for long"
    );
    lab.pass(ms(1500));
    lab.press("exit");
    assert_eq!(relay_moves(&lab.pass(ms(500))), [("door", false)]);
    assert_eq!(relay_moves(&lab.acted("door", false)), [("door", true)]);
    assert_eq!(opened(&lab.acted("door", true)), [("exit", Way::ExitButton)]);
    assert_eq!(relay_moves(&lab.pass(secs(3))), [("door", false)]);
    lab.press("exit");
    assert_eq!(
        relay_moves(&lab.acted("door", false)),
        [("door", true)],
        "pressed before the relay was said to be released"
    );
}

#[test]
fn who_left_long_ago_finds_no_door_that_opens_by_itself() {
    let mut lab = Lab::with(&[]);
    lab.press("exit");
    lab.acted("door", true);
    lab.pass(secs(3));
    lab.press("exit");
    lab.failed("door", false);
    lab.pass(secs(20));
    let actions = lab.acted("door", false);
    assert_eq!(relay_moves(&actions), [], "the relay was stuck, and nobody waits there any more");
    assert!(matches!(outcomes(&actions)[..], [UnlockOutcome::Failed { .. }]));
}

#[test]
fn an_exit_button_that_is_stuck_opens_once_and_is_reported() {
    let mut lab = Lab::with(&[]);
    let mut actions = lab.input(Input::ButtonEdge { button: "exit".into(), pressed: true, at: lab.now });
    actions.extend(lab.pass(ms(100)));
    assert_eq!(relay_moves(&actions), [("door", true)]);
    lab.acted("door", true);
    lab.pass(secs(3));
    lab.acted("door", false);
    let actions = lab.pass(secs(120));
    assert_eq!(relay_moves(&actions), []);
    assert!(actions.contains(&Action::Fault { fault: Fault::ButtonStuck("exit".into()), present: true }));
}

#[test]
fn a_station_that_closes_down_opens_no_door_from_the_inside() {
    let mut lab = Lab::with(&[]);
    lab.input(Input::Shutdown);
    let actions = lab.press("exit");
    assert_eq!(outcomes(&actions), [&UnlockOutcome::Refused(UnlockRefusal::Closing)]);
    assert_eq!(relay_moves(&actions), []);
}

#[test]
fn codes_and_programs_open_only_the_doors_that_say_so() {
    let code = || Requester::Keypad { name: "Postman".into() };
    let program = || Requester::Automation { name: "Home Assistant".into() };
    let doors = vec![
        DoorSettings::new("door".into()),
        DoorSettings { open_by_keypad: true, ..DoorSettings::new("gate".into()) },
        DoorSettings { open_by_automation: true, ..DoorSettings::new("garage".into()) },
    ];
    let mut lab = Lab::made_from(Settings { doors, ..settings() }, &[]);
    let mut unlock = |requester, door: &str| {
        let actions = lab.input(Input::Unlock { requester, door: door.into() });
        let mut granted = relay_moves(&actions).contains(&(door, true));
        if granted {
            granted = opened(&lab.acted(door, true)).len() == 1;
            lab.pass(secs(3));
            lab.acted(door, false);
        } else {
            assert_eq!(outcomes(&actions), [&UnlockOutcome::Refused(UnlockRefusal::NotAllowed)]);
        }
        granted
    };
    let doors = ["door", "gate", "garage"];
    assert_eq!(doors.map(|door| unlock(code(), door)), [false, true, false]);
    assert_eq!(doors.map(|door| unlock(program(), door)), [false, false, true]);
    assert_eq!(doors.map(|door| unlock(Requester::ExitButton("exit".into()), door)), [false; 3]);
}

#[test]
fn a_door_that_stays_shut_is_recorded_with_who_wanted_it_open() {
    let mut lab = Lab::with(&["a"]);
    let requester = Requester::Participant { leg: leg("a", FIRST_CALL), request: 1 };
    let record = Record::DoorRefused { door: "door".into(), requester, reason: UnlockRefusal::NotInCall };
    assert!(lab.unlock("a", "door").contains(&Action::Record(record)));
}

#[test]
fn a_door_that_the_station_does_not_have_stays_shut() {
    let mut lab = Lab::talking("a");
    let actions = lab.unlock("a", "garage");
    assert_eq!(outcomes(&actions), [&UnlockOutcome::Refused(UnlockRefusal::NoSuchDoor)]);
    assert_eq!(relay_moves(&actions), []);
}

#[test]
fn a_door_that_is_open_is_not_opened_again() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    let already = UnlockOutcome::Refused(UnlockRefusal::AlreadyOpen);
    assert_eq!(outcomes(&lab.unlock("a", "door")), [&already], "on its way");
    lab.acted("door", true);
    assert_eq!(outcomes(&lab.unlock("a", "door")), [&already], "open");
    assert_eq!(relay_moves(&lab.unlock("a", "gate")), [("gate", true)], "another door is its own");
    lab.pass(secs(3));
    assert_eq!(outcomes(&lab.unlock("a", "door")), [&already], "not yet released");
}

#[test]
fn a_door_is_not_opened_too_often() {
    let mut lab = Lab::talking("a");
    for _ in 0..10 {
        assert_eq!(relay_moves(&lab.unlock("a", "door")), [("door", true)]);
        lab.acted("door", true);
        lab.pass(secs(3));
        lab.acted("door", false);
    }
    let actions = lab.unlock("a", "door");
    assert_eq!(outcomes(&actions), [&UnlockOutcome::Refused(UnlockRefusal::TooOften)]);
    assert_eq!(relay_moves(&actions), []);
    lab.pass(secs(30));
    assert_eq!(relay_moves(&lab.unlock("a", "door")), [("door", true)]);
}

#[test]
fn a_pulse_is_never_longer_than_the_cap() {
    let door = DoorSettings { pulse: secs(3600), ..DoorSettings::new("door".into()) };
    let mut lab = Lab::made_from(Settings { doors: vec![door], ..settings() }, &["a"]);
    lab.press("call");
    lab.connected("a");
    lab.accept("a");
    lab.unlock("a", "door");
    lab.pass(secs(1));
    assert_eq!(outcomes(&lab.acted("door", true)), [&UnlockOutcome::Opened { pulse: secs(29) }]);
    assert_eq!(relay_moves(&lab.pass(secs(29))), [("door", false)]);
}

#[test]
fn the_pulse_completes_by_itself_when_the_call_ends() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    lab.acted("door", true);
    lab.hang_up("a");
    assert_eq!(lab.activity(), Activity::Idle);
    assert_eq!(relay_moves(&lab.pass(secs(2))), []);
    assert_eq!(relay_moves(&lab.pass(secs(1))), [("door", false)]);
}

#[test]
fn a_relay_that_cannot_be_moved_is_a_failure_and_is_released_to_be_sure() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    let actions = lab.failed("door", true);
    assert_eq!(outcomes(&actions), [&UnlockOutcome::Failed { message: "no current".to_owned() }]);
    assert_eq!(relay_moves(&actions), [("door", false)]);
    lab.acted("door", false);
    assert_eq!(lab.station.faults().next(), None);
}

#[test]
fn a_relay_that_does_not_report_is_a_failure_and_is_released_to_be_sure() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    let actions = lab.pass(secs(2));
    assert!(matches!(outcomes(&actions)[..], [UnlockOutcome::Failed { .. }]));
    assert_eq!(relay_moves(&actions), [("door", false)]);
    let late = lab.acted("door", true);
    assert!(outcomes(&late).is_empty(), "one answer is enough");
    lab.acted("door", false);
    assert!(lab.station.doors().all(|(_, open)| !open));
}

#[test]
fn a_relay_that_does_not_release_is_told_again_and_reported() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    lab.acted("door", true);
    lab.pass(secs(3));
    let stuck = |present| Action::Fault { fault: Fault::RelayStuck("door".into()), present };
    assert_eq!(lab.failed("door", false), [stuck(true)]);
    assert_eq!(relay_moves(&lab.pass(secs(1))), [("door", false)]);
    assert_eq!(lab.failed("door", false), [], "reported once");
    assert_eq!(relay_moves(&lab.pass(secs(1))), [("door", false)]);
    assert_eq!(relay_moves(&lab.pass(secs(2))), [("door", false)], "silence counts as failure");
    assert!(lab.acted("door", false).contains(&stuck(false)));
    assert_eq!(lab.station.faults().next(), None);
}

#[test]
fn a_relay_that_is_energised_though_nobody_asked_is_released() {
    let mut lab = Lab::with(&[]);
    assert_eq!(relay_moves(&lab.acted("door", true)), [("door", false)]);
}

#[test]
fn a_relay_that_says_it_released_by_itself_is_told_to_all_the_same() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    lab.acted("door", true);
    assert_eq!(relay_moves(&lab.acted("door", false)), [("door", false)]);
    lab.acted("door", false);
    assert_eq!(relay_moves(&lab.pass(secs(10))), []);
    assert_eq!(relay_moves(&lab.unlock("a", "door")), [("door", true)]);
}

#[test]
fn a_release_that_fails_after_the_door_was_said_to_be_shut_is_tried_again() {
    let mut lab = Lab::with(&[]);
    assert_eq!(relay_moves(&lab.failed("door", false)), [("door", false)]);
    lab.acted("door", false);
    assert_eq!(lab.station.poll_timeout(), None);
}

#[test]
fn failures_that_are_reported_again_and_again_do_not_put_the_next_attempt_off() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    lab.acted("door", true);
    lab.pass(secs(3));
    let mut moves = 0;
    for _ in 0..10 {
        lab.failed("door", false);
        moves += relay_moves(&lab.pass(ms(500))).len();
    }
    assert_eq!(moves, 5);
}

#[test]
fn closing_down_releases_every_door_at_once() {
    let mut lab = Lab::talking("a");
    lab.unlock("a", "door");
    lab.acted("door", true);
    lab.unlock("a", "gate");
    let actions = lab.input(Input::Shutdown);
    assert_eq!(relay_moves(&actions), [("door", false), ("gate", false)]);
    assert!(matches!(outcomes(&actions)[..], [UnlockOutcome::Failed { .. }]), "whoever waits is told");
    assert!(!lab.station.is_finished());
    lab.acted("door", false);
    lab.acted("gate", false);
    assert!(lab.station.is_finished());
}
