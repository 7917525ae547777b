//! Who is rung, who sees, who talks, and when it is over.

use doorway_core::indicator::{Chime, Indicator};
use doorway_core::{
    Action, Activity, CallSettings, EndReason, Input, Record, Ring, Settings, UnlockOutcome, UnlockRefusal,
};

use crate::lab::*;

#[test]
fn a_press_invites_everybody_at_once() {
    let mut lab = Lab::with(&["a", "b", "c"]);
    let actions = lab.press("call");
    assert_eq!(rung(&actions), ["a", "b", "c"]);
    assert_eq!(lab.activity(), Activity::Ringing);
    let ring = Ring { button: "call".into(), timeout: secs(45) };
    assert!(actions.contains(&Action::Invite { leg: leg("a", FIRST_CALL), ring: Some(ring) }));
    assert!(actions.contains(&Action::Chime(Chime::Ringing)));
}

#[test]
fn a_button_rings_its_group_only() {
    let mut lab = Lab::with(&["Attic", "Hall", "Kitchen"]);
    assert_eq!(rung(&lab.press("flat")), ["Hall", "Kitchen"]);
}

#[test]
fn a_client_that_comes_while_it_rings_is_rung_for_the_time_that_remains() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    lab.pass(secs(10));
    let actions = lab.here("b");
    assert_eq!(rung(&actions), ["b"]);
    let remaining = actions.iter().find_map(|action| match action {
        Action::Invite { ring: Some(ring), .. } => Some(ring.timeout),
        _ => None,
    });
    // The press took 470 ms after it was accepted.
    assert_eq!(remaining, Some(secs(35) - ms(470)));
}

#[test]
fn second_press_while_ringing_does_not_ring_again() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    let deadline = lab.station.poll_timeout();
    let actions = lab.press("call");
    assert_eq!(rung(&actions), [""; 0]);
    assert_eq!(rung_without_offer(&actions), [""; 0]);
    assert!(actions.contains(&Action::Chime(Chime::PressAcknowledged)));
    assert_eq!(lab.station.poll_timeout(), deadline, "it rings no longer than before");
}

#[test]
fn another_button_while_ringing_adds_those_whom_it_rings() {
    let mut lab = Lab::with(&["Attic", "Kitchen"]);
    assert_eq!(rung(&lab.press("flat")), ["Kitchen"]);
    assert_eq!(rung(&lab.press("call")), ["Attic"]);
    assert_eq!(rung(&lab.here("Cellar")), ["Cellar"]);
}

#[test]
fn first_accept_wins_and_the_others_are_told() {
    let mut lab = Lab::with(&["a", "b", "c"]);
    lab.press("call");
    lab.connected("a");
    lab.connected("b");
    let actions = lab.accept("b");
    assert_eq!(accepted(&actions), ["b"]);
    assert_eq!(ended(&actions), [("a", EndReason::AnsweredElsewhere), ("c", EndReason::AnsweredElsewhere)]);
    assert_eq!(closed(&actions), ["a", "c"]);
    assert_eq!(audio(&actions), [("b", true)]);
    assert!(actions.contains(&Action::Chime(Chime::Accepted)));
    assert_eq!(lab.accept("a"), [], "the second accept is too late");
    assert_eq!(lab.activity(), Activity::InCall);
}

#[test]
fn the_talker_who_did_not_hear_that_it_was_accepted_is_told_again() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    lab.connected("a");
    lab.accept("a");
    assert_eq!(lab.accept("a"), [Action::Accepted(leg("a", FIRST_CALL))]);
    assert_eq!(lab.accept("b"), []);
}

#[test]
fn a_talker_whose_connection_broke_off_gets_another_and_talks_on() {
    let mut lab = Lab::talking("a");
    let actions = lab.reconnect("a");
    assert_eq!(audio(&actions), [("a", false)]);
    assert_eq!(closed(&actions), ["a"]);
    assert_eq!(offered(&actions), ["a"]);
    assert_eq!(outcomes(&lab.unlock("a", "door")), [&UnlockOutcome::Refused(UnlockRefusal::NotInCall)]);
    assert_eq!(audio(&lab.connected("a")), [("a", true)]);
    assert_eq!(lab.activity(), Activity::InCall);
}

#[test]
fn a_talker_who_asks_for_connections_for_ever_is_lost_all_the_same() {
    let mut lab = Lab::talking("a");
    let mut actions = lab.reconnect("a");
    for _ in 0..5 {
        actions.extend(lab.pass(secs(3)));
        actions.extend(lab.reconnect("a"));
    }
    assert_eq!(ended(&actions), [("a", EndReason::ConnectionLost)]);
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn who_is_rung_gets_another_picture_and_rings_on() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    lab.connected("a");
    let actions = lab.reconnect("a");
    assert_eq!((closed(&actions), offered(&actions)), (vec!["a"], vec!["a"]));
    assert_eq!(ended(&lab.pass(secs(30))), []);
    lab.connected("a");
    assert_eq!(accepted(&lab.accept("a")), ["a"]);
}

#[test]
fn a_stranger_or_another_call_gets_no_connection() {
    let mut lab = Lab::talking("a");
    lab.here("b");
    assert_eq!(lab.reconnect("b"), []);
    let other = Input::Reconnect(leg("a", doorway_core::CallId(1)));
    assert_eq!(lab.input(other), []);
}

#[test]
fn nobody_hears_the_house_before_somebody_accepts() {
    let mut lab = Lab::with(&["a"]);
    let mut actions = lab.press("call");
    actions.extend(lab.connected("a"));
    actions.extend(lab.pass(secs(20)));
    assert_eq!(audio(&actions), []);
}

#[test]
fn an_accept_before_the_media_are_up_talks_as_soon_as_they_are() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    assert_eq!(lab.accept("a"), []);
    lab.pass(secs(9));
    let actions = lab.connected("a");
    assert_eq!(accepted(&actions), ["a"]);
    assert_eq!(audio(&actions), [("a", true)]);
    lab.pass(secs(60));
    assert_eq!(lab.activity(), Activity::InCall);
}

#[test]
fn an_accept_takes_the_call_from_nobody_before_its_media_are_up() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    lab.connected("b");
    let mut actions = lab.accept("a");
    actions.extend(lab.pass(secs(3)));
    assert_eq!((ended(&actions), accepted(&actions)), (vec![], vec![]), "b rings on, and the visitor hears it ring");
    assert_eq!(lab.activity(), Activity::Ringing);
    let actions = lab.accept("b");
    assert_eq!(accepted(&actions), ["b"]);
    assert_eq!(ended(&actions), [("a", EndReason::AnsweredElsewhere)]);
}

#[test]
fn an_accept_whose_media_never_come_up_had_its_turn() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    lab.accept("a");
    lab.pass(secs(5));
    lab.accept("a");
    assert_eq!(ended(&lab.pass(secs(5) - ms(1))), []);
    assert_eq!(ended(&lab.pass(ms(1))), [("a", EndReason::ConnectionLost)]);
    assert_eq!(lab.activity(), Activity::Ringing, "b still rings");
    assert_eq!(lab.here("a"), [], "it is not rung again in this call");
    lab.pass(secs(60));
    assert_eq!(rung(&lab.press("call")), ["a", "b"], "but in the next");
}

#[test]
fn who_accepts_at_the_last_moment_may_still_connect() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    lab.pass(secs(44));
    lab.accept("a");
    assert_eq!(ended(&lab.pass(secs(5))), []);
    assert_eq!(lab.here("c"), [], "nobody else is rung after the time");
    assert_eq!(accepted(&lab.connected("a")), ["a"]);
}

#[test]
fn a_client_that_accepts_without_media_again_and_again_keeps_no_press_from_the_household() {
    let mut lab = Lab::with(&["bad", "good"]);
    for _ in 0..14 {
        lab.watch("bad");
        lab.accept("bad");
        let actions = lab.press("call");
        assert!(rung(&actions).contains(&"good"), "{actions:?}");
        lab.accept("bad");
        lab.pass(secs(2));
        assert_eq!(lab.activity(), Activity::Ringing);
        lab.decline("good");
        lab.hang_up("bad");
        assert_eq!(lab.activity(), Activity::Idle);
    }
}

#[test]
fn a_press_while_somebody_talks_without_having_been_rung_rings_the_household() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.watch("a");
    lab.connected("a");
    lab.accept("a");
    assert_eq!(lab.activity(), Activity::InCall);
    let actions = lab.press("call");
    assert_eq!(audio(&actions), [("a", false)]);
    assert_eq!(ended(&actions), [("a", EndReason::HungUp)]);
    assert_eq!(rung(&actions), ["a", "b"]);
    assert_ne!(lab.call(), FIRST_CALL, "it is a call of its own");
}

#[test]
fn a_press_while_the_talker_is_cut_off_rings_the_household() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    lab.connected("a");
    lab.accept("a");
    lab.lost("a");
    let actions = lab.press("call");
    assert_eq!(ended(&actions), [("a", EndReason::ConnectionLost)]);
    assert_eq!(rung(&actions), ["a", "b"]);
}

#[test]
fn a_client_above_the_companion_s_cap_is_a_fault_until_a_place_is_free() {
    let few = Settings { call: CallSettings { max_clients: 2, ..CallSettings::default() }, ..settings() };
    let mut lab = Lab::made_from(few, &["a", "b"]);
    let fault = |present| Action::Fault { fault: doorway_core::Fault::TooManyClients, present };
    assert_eq!(lab.here("c"), [fault(true), Action::Indicator(Indicator::Fault)]);
    assert_eq!(lab.here("c"), []);
    assert_eq!(lab.here("a"), [], "who is known is no further one");
    assert_eq!(lab.gone("a"), [fault(false), Action::Indicator(Indicator::Ready)]);
    lab.here("c");
    assert_eq!(rung(&lab.press("call")), ["b", "c"]);
}

#[test]
fn a_client_that_declines_is_out_and_the_others_ring_on() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    let actions = lab.decline("a");
    assert_eq!(ended(&actions), [("a", EndReason::Declined)]);
    assert_eq!(closed(&actions), ["a"]);
    assert_eq!(lab.activity(), Activity::Ringing);
    assert_eq!(lab.here("a"), [], "it is not rung again in this call");
    lab.connected("b");
    assert_eq!(accepted(&lab.accept("b")), ["b"]);
}

#[test]
fn when_all_have_declined_the_visitor_is_told() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    lab.decline("a");
    let actions = lab.decline("b");
    assert!(actions.contains(&Action::Chime(Chime::Refused)));
    assert!(actions.iter().any(|a| matches!(a, Action::Record(Record::Ended { reason: EndReason::Declined, .. }))));
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn nobody_answers_in_time() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    lab.input(Input::Rang(leg("a", FIRST_CALL)));
    lab.input(Input::Rang(leg("a", FIRST_CALL)));
    assert_eq!(ended(&lab.pass(secs(44))), []);
    let actions = lab.pass(secs(1));
    assert_eq!(ended(&actions), [("a", EndReason::RingTimeout), ("b", EndReason::RingTimeout)]);
    assert_eq!(closed(&actions), ["a", "b"]);
    let missed = Record::Missed {
        call: FIRST_CALL,
        button: "call".into(),
        reason: EndReason::RingTimeout,
        rang: secs(45),
        receipts: 1,
    };
    assert!(actions.contains(&Action::Record(missed)));
    assert!(actions.contains(&Action::Chime(Chime::Refused)));
    assert_eq!(lab.activity(), Activity::Idle);
    assert_eq!(lab.station.poll_timeout(), None);
}

#[test]
fn with_nobody_to_ring_it_rings_only_as_long_as_a_page_takes_to_come_back() {
    let mut lab = Lab::with(&[]);
    lab.press("call");
    assert_eq!(lab.activity(), Activity::Ringing);
    assert_eq!(rung(&lab.here("a")), ["a"]);
    lab.pass(secs(20));
    assert_eq!(lab.activity(), Activity::Ringing, "somebody is rung now");
    lab.gone("a");
    lab.pass(secs(9));
    assert_eq!(lab.activity(), Activity::Ringing);
    lab.pass(secs(1));
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn a_further_press_gives_who_is_not_there_the_whole_time_again_to_come_back() {
    let mut lab = Lab::with(&[]);
    lab.press("call");
    lab.pass(secs(9));
    lab.press("call");
    lab.pass(secs(9));
    assert_eq!(rung(&lab.here("a")), ["a"]);
}

#[test]
fn a_call_ends_at_the_longest_duration() {
    let mut lab = Lab::talking("a");
    lab.pass(secs(599));
    assert_eq!(lab.activity(), Activity::InCall);
    let actions = lab.pass(secs(1));
    assert_eq!(ended(&actions), [("a", EndReason::MaxDuration)]);
    assert_eq!(audio(&actions), [("a", false)]);
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn the_talker_hangs_up() {
    let mut lab = Lab::talking("a");
    lab.pass(secs(20));
    let actions = lab.hang_up("a");
    assert_eq!(audio(&actions), [("a", false)]);
    assert_eq!(ended(&actions), [("a", EndReason::HungUp)]);
    assert_eq!(closed(&actions), ["a"]);
    assert!(actions.contains(&Action::Chime(Chime::Ended)));
    assert!(actions.iter().any(|action| matches!(
        action,
        Action::Record(Record::Ended { talked: Some(talked), lasted, .. }) if *talked == secs(20) && *lasted > *talked
    )));
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn the_visitor_hangs_up_by_the_button() {
    let mut lab = Lab::talking("a");
    assert_eq!(ended(&lab.press("hang-up")), [("a", EndReason::HungUp)]);
    assert_eq!(lab.activity(), Activity::Idle);
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    let actions = lab.press("hang-up");
    assert_eq!(ended(&actions), [("a", EndReason::HungUp)]);
    assert!(actions.iter().any(|a| matches!(a, Action::Record(Record::Missed { reason: EndReason::HungUp, .. }))));
}

#[test]
fn a_press_during_the_talk_is_told_to_the_talker_and_rings_nobody() {
    let mut lab = Lab::talking("a");
    lab.here("b");
    let actions = lab.press("call");
    assert!(actions.contains(&Action::PressedAgain(leg("a", FIRST_CALL))));
    assert_eq!(rung(&actions), [""; 0]);
}

#[test]
fn a_call_is_watched_without_a_ring() {
    let mut lab = Lab::with(&["a", "b"]);
    let actions = lab.watch("a");
    assert_eq!(offered(&actions), ["a"]);
    assert_eq!(lab.activity(), Activity::Watched);
    assert!(!actions.iter().any(|action| matches!(action, Action::Chime(_))), "the visitor hears nothing of it");
    lab.connected("a");
    assert_eq!(offered(&lab.watch("b")), ["b"]);
    lab.hang_up("a");
    assert_eq!(lab.activity(), Activity::Watched);
    lab.hang_up("b");
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn each_watcher_has_its_own_limit() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.watch("a");
    lab.connected("a");
    lab.pass(secs(200));
    lab.watch("b");
    lab.connected("b");
    assert_eq!(ended(&lab.pass(secs(100))), [("a", EndReason::MaxDuration)]);
    assert_eq!(ended(&lab.pass(secs(200))), [("b", EndReason::MaxDuration)]);
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn a_watcher_whose_media_never_come_up_is_told() {
    let mut lab = Lab::with(&["a"]);
    lab.watch("a");
    assert_eq!(ended(&lab.pass(secs(10))), [("a", EndReason::ConnectionLost)]);
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn a_press_after_it_rang_out_rings_everybody_though_somebody_is_about_to_answer() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    lab.pass(secs(42));
    lab.accept("a");
    lab.pass(secs(4));
    assert_eq!(lab.activity(), Activity::Ringing);
    let before = lab.call();
    let actions = lab.press("call");
    assert_eq!(ended(&actions), [("a", EndReason::RingTimeout), ("b", EndReason::RingTimeout)]);
    assert_eq!(rung(&actions), ["a", "b"], "b's ring was over, and a may accept once more");
    assert!(actions.iter().any(|action| matches!(action, Action::PressAccepted { rings: true, .. })));
    assert_ne!(lab.call(), before, "a page does not ring twice in a call");
    lab.connected("b");
    lab.accept("b");
    assert_eq!(lab.activity(), Activity::InCall);
}

#[test]
fn a_watcher_whose_handshake_fails_is_told_at_once() {
    let mut lab = Lab::with(&["a"]);
    lab.watch("a");
    assert_eq!(ended(&lab.handshake_failed("a")), [("a", EndReason::HandshakeFailed)]);
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn who_is_rung_and_has_no_handshake_rings_on_and_is_told_when_it_answers() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    let actions = lab.handshake_failed("a");
    assert_eq!((ended(&actions), closed(&actions)), (vec![], vec!["a"]), "somebody at the door is worth knowing");
    assert_eq!(rung(&lab.accept("a")), ["a"], "it is tried once more");
    assert_eq!(ended(&lab.handshake_failed("a")), [("a", EndReason::HandshakeFailed)]);
    assert_eq!(lab.activity(), Activity::Ringing, "the others ring on");
    assert_eq!(rung(&lab.pass(secs(1))), Vec::<&str>::new(), "it had its turn");
}

#[test]
fn a_talker_whose_new_connection_has_no_handshake_is_told_so() {
    let mut lab = Lab::talking("a");
    lab.reconnect("a");
    assert_eq!(ended(&lab.handshake_failed("a")), [("a", EndReason::HandshakeFailed)]);
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn a_press_while_watched_rings_the_watcher_without_a_new_offer() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.watch("a");
    lab.connected("a");
    let actions = lab.press("call");
    assert_eq!(rung_without_offer(&actions), ["a"]);
    assert_eq!(rung(&actions), ["b"]);
    assert_eq!(lab.call(), FIRST_CALL, "it is the same call");
    assert_eq!(audio(&lab.accept("a")), [("a", true)]);
}

#[test]
fn a_watcher_who_starts_to_talk_is_alone_with_the_visitor() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.watch("a");
    lab.connected("a");
    lab.watch("b");
    let actions = lab.accept("a");
    assert_eq!(accepted(&actions), ["a"]);
    assert_eq!(audio(&actions), [("a", true)]);
    assert_eq!(ended(&actions), [("b", EndReason::AnsweredElsewhere)]);
}

#[test]
fn nobody_may_watch_while_two_talk() {
    let mut lab = Lab::talking("a");
    lab.here("b");
    let actions = lab.watch("b");
    assert_eq!(refused(&actions), [("b", EndReason::Busy)]);
    assert_eq!(actions.len(), 1);
    assert_eq!(lab.watch("a"), [], "the talker sees the visitor already");
}

#[test]
fn a_talker_who_is_lost_and_does_not_come_back_ends_the_call() {
    let mut lab = Lab::talking("a");
    let actions = lab.lost("a");
    assert_eq!(audio(&actions), [("a", false)]);
    assert_eq!((ended(&actions), closed(&actions)), (vec![], vec!["a"]));
    assert_eq!(ended(&lab.pass(secs(6))), [("a", EndReason::ConnectionLost)]);
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn a_talker_whom_the_companion_has_lost_too_ends_the_call_at_once() {
    let mut lab = Lab::talking("a");
    lab.gone("a");
    assert_eq!(ended(&lab.lost("a")), [("a", EndReason::ConnectionLost)]);
    let mut lab = Lab::talking("a");
    lab.lost("a");
    lab.gone("a");
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn a_talker_who_is_lost_and_comes_back_talks_on() {
    let mut lab = Lab::talking("a");
    lab.lost("a");
    lab.pass(secs(5));
    assert_eq!(offered(&lab.reconnect("a")), ["a"]);
    assert_eq!(audio(&lab.connected("a")), [("a", true)]);
    assert_eq!(lab.activity(), Activity::InCall);
    lab.lost("a");
    assert_eq!(offered(&lab.here("a")), ["a"], "a page that comes by another network is offered at once");
}

#[test]
fn media_go_on_while_the_companion_is_away() {
    let mut lab = Lab::talking("a");
    assert_eq!(lab.input(Input::CompanionLost), []);
    assert_eq!(lab.activity(), Activity::InCall);
    assert_eq!(lab.here("a"), []);
    assert_eq!(lab.activity(), Activity::InCall);
}

#[test]
fn a_client_that_leaves_before_its_media_are_up_is_out() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    let actions = lab.gone("a");
    assert_eq!(closed(&actions), ["a"]);
    assert_eq!(ended(&actions), [], "nobody is there to be told");
    assert_eq!(lab.accept("a"), []);
    assert_eq!(lab.activity(), Activity::Ringing);
}

#[test]
fn clients_that_come_back_after_the_companion_restarted_are_rung_again() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    lab.connected("b");
    assert_eq!(closed(&lab.input(Input::CompanionLost)), ["a"]);
    lab.pass(secs(2));
    assert_eq!(rung(&lab.here("a")), ["a"]);
    assert_eq!(
        rung_without_offer(&lab.here("b")),
        ["b"],
        "its picture never stopped, and it may be a page loaded anew"
    );
}

#[test]
fn a_ringing_client_that_loses_its_picture_rings_on_and_may_answer() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    lab.connected("a");
    let actions = lab.lost("a");
    assert_eq!(closed(&actions), ["a"]);
    assert_eq!(ended(&actions), []);
    let actions = lab.accept("a");
    assert_eq!(rung(&actions), ["a"], "it needs a new offer to talk");
    let actions = lab.connected("a");
    assert_eq!((accepted(&actions), audio(&actions)), (vec!["a"], vec![("a", true)]));
}

#[test]
fn a_ringing_client_that_comes_back_is_offered_the_picture_again() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    let actions = lab.here("a");
    assert_eq!(closed(&actions), ["a"], "the first offer may be lost");
    assert_eq!(rung(&actions), ["a"]);
    lab.connected("a");
    lab.lost("a");
    let actions = lab.here("a");
    assert_eq!((closed(&actions), rung(&actions)), (vec![], vec!["a"]));
}

#[test]
fn messages_of_other_calls_change_nothing() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    lab.decline("a");
    lab.press("call");
    let old = FIRST_CALL;
    assert_ne!(lab.call(), old);
    let a = || leg("a", old);
    for input in [
        Input::Accept(a()),
        Input::Decline(a()),
        Input::HangUp(a()),
        Input::Malformed(a()),
        Input::PeerConnected(a()),
        Input::PeerLost(a()),
        Input::Rang(a()),
    ] {
        assert_eq!(lab.input(input.clone()), [], "{input:?}");
    }
    assert_eq!(lab.activity(), Activity::Ringing);
}

#[test]
fn a_client_that_was_not_invited_cannot_answer() {
    let mut lab = Lab::with(&["Attic", "Kitchen"]);
    lab.press("flat");
    assert_eq!(lab.accept("Attic"), []);
    assert_eq!(lab.accept("stranger"), []);
    assert_eq!(lab.watch("stranger"), []);
}

#[test]
fn a_client_that_sends_nonsense_is_dropped_and_the_others_go_on() {
    let mut lab = Lab::with(&["a", "b"]);
    lab.press("call");
    let actions = lab.input(Input::Malformed(leg("a", FIRST_CALL)));
    assert_eq!(ended(&actions), [("a", EndReason::Malformed)]);
    assert_eq!(lab.activity(), Activity::Ringing);
    lab.connected("b");
    lab.accept("b");
    let actions = lab.input(Input::Malformed(leg("b", FIRST_CALL)));
    assert_eq!(audio(&actions), [("b", false)]);
    assert_eq!(ended(&actions), [("b", EndReason::Malformed)]);
    assert_eq!(lab.activity(), Activity::Idle);
}

fn small() -> Settings {
    Settings { call: CallSettings { max_peers: 2, ..CallSettings::default() }, ..settings() }
}

#[test]
fn no_more_peers_than_allowed_and_a_free_place_is_used() {
    let mut lab = Lab::made_from(small(), &["a", "b", "c"]);
    let actions = lab.press("call");
    assert_eq!(rung(&actions), ["a", "b"]);
    assert_eq!(rung_without_offer(&actions), ["c"]);
    assert_eq!(offered(&lab.watch("c")), [] as [&str; 0]);
    assert_eq!(offered(&lab.decline("a")), ["c"]);
}

#[test]
fn who_is_rung_without_a_picture_can_answer_and_gets_the_place_of_the_others() {
    let mut lab = Lab::made_from(small(), &["a", "b", "c"]);
    lab.press("call");
    lab.connected("a");
    let actions = lab.accept("c");
    assert_eq!((offered(&actions), ended(&actions)), (vec!["c"], vec![]));
    let actions = lab.connected("c");
    assert_eq!(accepted(&actions), ["c"]);
    assert_eq!(ended(&actions), [("a", EndReason::AnsweredElsewhere), ("b", EndReason::AnsweredElsewhere)]);
    assert_eq!(audio(&actions), [("c", true)]);
}

#[test]
fn whoever_accepts_without_a_picture_finds_a_place_and_they_are_bounded() {
    let mut lab = Lab::made_from(small(), &["a", "b", "c", "d", "e"]);
    lab.press("call");
    assert_eq!(offered(&lab.accept("c")), ["c"]);
    assert_eq!(offered(&lab.accept("d")), ["d"]);
    assert_eq!(lab.accept("e"), [], "as many places again, and no more");
    assert_eq!(offered(&lab.decline("d")), ["e"]);
    assert_eq!(accepted(&lab.connected("e")), ["e"]);
}

#[test]
fn who_is_rung_without_a_picture_and_comes_back_is_rung_again() {
    let mut lab = Lab::made_from(small(), &["a", "b", "c"]);
    lab.press("call");
    assert_eq!(rung_without_offer(&lab.here("c")), ["c"]);
    assert_eq!(ended(&lab.gone("c")), []);
    lab.decline("a");
    assert_eq!(offered(&lab.decline("b")), [] as [&str; 0]);
    assert_eq!(lab.activity(), Activity::Idle);
}

#[test]
fn a_ring_takes_the_place_of_those_who_only_watch() {
    let mut lab = Lab::made_from(small(), &["Attic", "Cellar", "Hall", "Kitchen"]);
    lab.watch("Attic");
    lab.watch("Cellar");
    assert_eq!(refused(&lab.watch("Hall")), [("Hall", EndReason::Busy)]);
    let actions = lab.press("flat");
    assert_eq!(ended(&actions), [("Attic", EndReason::Busy), ("Cellar", EndReason::Busy)]);
    assert_eq!(rung(&actions), ["Hall", "Kitchen"]);
}

#[test]
fn every_call_has_its_own_number() {
    let mut lab = Lab::with(&["a"]);
    lab.press("call");
    lab.decline("a");
    lab.press("call");
    assert_eq!(lab.call(), doorway_core::CallId(41));
}
