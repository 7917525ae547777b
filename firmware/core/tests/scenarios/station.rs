//! Buttons, light, activity and closing down, through the whole station.

use doorway_core::indicator::{Chime, Indicator};
use doorway_core::{Action, Activity, EndReason, Fault, Input, Station};

use crate::lab::*;

fn lights(actions: &[Action]) -> Vec<Indicator> {
    let light = |action: &Action| match action {
        Action::Indicator(indicator) => Some(*indicator),
        _ => None,
    };
    actions.iter().filter_map(light).collect()
}

fn activities(actions: &[Action]) -> Vec<Activity> {
    let activity = |action: &Action| match action {
        Action::Activity(activity) => Some(*activity),
        _ => None,
    };
    actions.iter().filter_map(activity).collect()
}

#[test]
fn a_new_station_says_that_it_is_ready() {
    let mut station = Station::new(settings()).expect("sound");
    let actions: Vec<Action> = std::iter::from_fn(|| station.poll_action()).collect();
    assert_eq!(actions, [Action::Indicator(Indicator::Ready), Action::Activity(Activity::Idle)]);
    assert_eq!(station.poll_timeout(), None);
}

#[test]
fn light_and_activity_follow_the_call_and_are_told_once() {
    let mut lab = Lab::with(&["a"]);
    let mut actions = lab.press("call");
    actions.extend(lab.accept("a"));
    actions.extend(lab.connected("a"));
    actions.extend(lab.press("call"));
    actions.extend(lab.reconnect("a"));
    actions.extend(lab.connected("a"));
    actions.extend(lab.hang_up("a"));
    use Indicator::{Connecting, Ready, Ringing, Talking};
    assert_eq!(lights(&actions), [Ringing, Talking, Connecting, Talking, Ready]);
    assert_eq!(activities(&actions), [Activity::Ringing, Activity::InCall, Activity::Idle]);
}

#[test]
fn the_light_tells_as_long_as_somebody_watches() {
    let mut lab = Lab::with(&["a"]);
    let mut actions = lab.watch("a");
    assert_eq!(lights(&actions), [], "nothing is seen yet");
    actions.extend(lab.connected("a"));
    actions.extend(lab.hang_up("a"));
    assert_eq!(lights(&actions), [Indicator::Watched, Indicator::Ready]);
}

#[test]
fn the_ring_goes_out_before_anything_else_is_done() {
    let mut lab = Lab::with(&["a", "b"]);
    let actions = lab.press("call");
    let first_chime = actions.iter().position(|action| matches!(action, Action::Chime(_)));
    let last_ring = actions.iter().rposition(|action| matches!(action, Action::Invite { .. }));
    assert!(last_ring < first_chime);
}

#[test]
fn camera_and_sound_are_on_while_a_visitor_waits_and_off_after_the_last_chime() {
    let mut lab = Lab::with(&["a"]);
    assert_eq!(media(&lab.press("call")), ["camera on", "sound on", "Ringing"]);
    let mut actions = lab.connected("a");
    actions.extend(lab.accept("a"));
    assert_eq!(media(&actions), ["Accepted"]);
    assert_eq!(media(&lab.hang_up("a")), ["Ended", "sound off", "camera off"]);
}

#[test]
fn nobody_films_the_door_for_who_is_not_there_and_a_watcher_is_not_heard() {
    let mut lab = Lab::with(&["a", "b"]);
    assert_eq!(media(&lab.watch("a")), [""; 0]);
    assert_eq!(media(&lab.connected("a")), ["camera on"]);
    lab.watch("b");
    assert_eq!(media(&lab.hang_up("a")), ["camera off"], "b has not come yet");
    assert_eq!(media(&lab.connected("b")), ["camera on"]);
    assert_eq!(media(&lab.accept("b")), ["sound on", "Accepted"]);
}

/// What becomes of camera and sound, and which chimes are played.
fn media(actions: &[Action]) -> Vec<String> {
    let one = |action: &Action| match action {
        Action::Video { on } => Some(format!("camera {}", if *on { "on" } else { "off" })),
        Action::Sound { on } => Some(format!("sound {}", if *on { "on" } else { "off" })),
        Action::Chime(chime) => Some(format!("{chime:?}")),
        _ => None,
    };
    actions.iter().filter_map(one).collect()
}

#[test]
fn the_press_is_told_with_the_time_of_its_edge() {
    let mut lab = Lab::with(&[]);
    let at = lab.now;
    assert!(lab.press("call").contains(&Action::PressAccepted { button: "call".into(), at, rings: true }));
}

#[test]
fn noise_on_a_long_wire_rings_nobody() {
    let mut lab = Lab::with(&["a"]);
    for _ in 0..1000 {
        lab.input(Input::ButtonEdge { button: "call".into(), pressed: true, at: lab.now });
        lab.pass(ms(5));
        lab.input(Input::ButtonEdge { button: "call".into(), pressed: false, at: lab.now });
        lab.pass(ms(3));
    }
    lab.pass(secs(60));
    assert_eq!(lab.call(), FIRST_CALL);
    assert_eq!(lab.station.call(), None);
}

#[test]
fn a_button_that_is_held_for_a_minute_rings_once_and_is_reported() {
    let mut lab = Lab::with(&["a"]);
    lab.input(Input::ButtonEdge { button: "call".into(), pressed: true, at: lab.now });
    let actions = lab.pass(secs(60));
    let stuck = |present| Action::Fault { fault: Fault::ButtonStuck("call".into()), present };
    assert_eq!(rung(&actions), ["a"]);
    assert!(actions.contains(&stuck(true)));
    assert_eq!(lights(&actions), [Indicator::Ringing, Indicator::Fault], "it shows once the ring is over");
    lab.input(Input::ButtonEdge { button: "call".into(), pressed: false, at: lab.now });
    let actions = lab.pass(secs(1));
    assert_eq!(actions, [stuck(false), Action::Indicator(Indicator::Ready)]);
    assert_eq!(lab.station.poll_timeout(), None);
}

#[test]
fn an_edge_of_the_future_counts_as_now() {
    let mut lab = Lab::with(&["a"]);
    lab.input(Input::ButtonEdge { button: "call".into(), pressed: true, at: lab.now + secs(3600) });
    assert_eq!(rung(&lab.pass(ms(30))), ["a"]);
}

#[test]
fn a_deadline_that_was_missed_takes_effect_before_the_next_input() {
    let mut lab = Lab::talking("a");
    lab.now += secs(3600);
    let actions = lab.unlock("a", "door");
    assert_eq!(relay_moves(&actions), [], "the call should have been over for long");
    assert_eq!(ended(&actions), [("a", EndReason::MaxDuration)]);
}

#[test]
fn trouble_shows_while_no_visitor_waits() {
    let mut lab = Lab::with(&["a"]);
    assert_eq!(lights(&lab.input(Input::Trouble { present: true })), [Indicator::Fault]);
    assert_eq!(lights(&lab.press("call")), [Indicator::Ringing]);
    assert_eq!(lights(&lab.decline("a")), [Indicator::Fault]);
    assert_eq!(lights(&lab.input(Input::Trouble { present: false })), [Indicator::Ready]);
}

#[test]
fn a_station_that_closes_down_ends_the_call_and_takes_no_other() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    let actions = lab.input(Input::Shutdown);
    assert_eq!(ended(&actions), [("a", EndReason::StationClosing)]);
    assert!(actions.contains(&Action::Chime(Chime::Silent)));
    assert_eq!(lights(&actions), [Indicator::Off]);
    assert!(lab.station.is_finished());
    assert_eq!(rung(&lab.press("call")), [""; 0]);
    assert_eq!(refused(&lab.watch("a")), [("a", EndReason::StationClosing)]);
}

#[test]
fn what_was_not_configured_changes_nothing() {
    let mut lab = Lab::with(&["a"]);
    assert_eq!(lab.press("bell"), []);
    assert_eq!(lab.acted("garage", true), []);
    assert_eq!(lab.failed("garage", false), []);
}
