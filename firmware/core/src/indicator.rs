//! What the visitor sees and hears of the station's state.

use crate::messages::{Activity, EndReason};

/// What the light at the door shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Indicator {
    /// The station is closed down.
    Off,
    /// A press would ring, and nobody sees the visitor.
    Ready,
    /// Somebody sees the visitor although nobody pressed. A press would ring.
    Watched,
    /// It rings.
    Ringing,
    /// Somebody answered and is about to be heard.
    Connecting,
    /// Two talk.
    Talking,
    /// Something is wrong; a press may still ring.
    Fault,
}

/// What the speaker at the door plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chime {
    /// Nothing.
    Silent,
    /// The ring tone, again and again until another chime than `PressAcknowledged`.
    Ringing,
    /// Somebody answered: once, then silence.
    Accepted,
    /// The call is over: once, then silence.
    Ended,
    /// Nobody comes: once, then silence.
    Refused,
    /// A press while it rings: the ring tone starts anew.
    PressAcknowledged,
}

/// What the light depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene {
    /// What the station does.
    pub activity: Activity,
    /// Whether the one who talks is connected.
    pub connected: bool,
    /// Whether somebody sees the visitor.
    pub seen: bool,
    /// Whether something is wrong.
    pub fault: bool,
    /// Whether the station closes down.
    pub closing: bool,
}

/// The light for a scene. A fault shows only while no visitor waits or talks: they have nothing to do about it. Nor does it
/// hide that somebody watches.
pub fn indicator(scene: Scene) -> Indicator {
    if scene.closing {
        return Indicator::Off;
    }
    match scene.activity {
        Activity::Ringing => Indicator::Ringing,
        Activity::InCall if scene.connected => Indicator::Talking,
        Activity::InCall => Indicator::Connecting,
        Activity::Watched if scene.seen => Indicator::Watched,
        Activity::Idle | Activity::Watched if scene.fault => Indicator::Fault,
        Activity::Idle | Activity::Watched => Indicator::Ready,
    }
}

/// What a visitor may want to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A press started the ring.
    RingStarted,
    /// A press came while it rang.
    PressedAgain,
    /// Somebody answered.
    Answered,
    /// The call is over.
    Over {
        /// What the station was doing.
        was: Activity,
        /// Why it ended.
        reason: EndReason,
    },
}

/// The chime for a moment. The end of a watch makes no sound, as its beginning made none.
pub fn chime(moment: Moment) -> Option<Chime> {
    match moment {
        Moment::RingStarted => Some(Chime::Ringing),
        Moment::PressedAgain => Some(Chime::PressAcknowledged),
        Moment::Answered => Some(Chime::Accepted),
        Moment::Over { was: Activity::Idle | Activity::Watched, .. } => None,
        Moment::Over { reason: EndReason::StationClosing, .. } => Some(Chime::Silent),
        Moment::Over { was: Activity::InCall, .. } => Some(Chime::Ended),
        Moment::Over { was: Activity::Ringing, reason } => match reason {
            EndReason::HungUp => Some(Chime::Ended),
            EndReason::AnsweredElsewhere
            | EndReason::Declined
            | EndReason::RingTimeout
            | EndReason::MaxDuration
            | EndReason::ConnectionLost
            | EndReason::HandshakeFailed
            | EndReason::Busy
            | EndReason::StationClosing
            | EndReason::Malformed => Some(Chime::Refused),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Scene = Scene { activity: Activity::Idle, connected: false, seen: false, fault: false, closing: false };

    #[test]
    fn the_light_follows_the_call() {
        let shown = |activity, connected| indicator(Scene { activity, connected, ..IDLE });
        assert_eq!(shown(Activity::Idle, false), Indicator::Ready);
        assert_eq!(shown(Activity::Ringing, false), Indicator::Ringing);
        assert_eq!(shown(Activity::InCall, false), Indicator::Connecting);
        assert_eq!(shown(Activity::InCall, true), Indicator::Talking);
    }

    #[test]
    fn who_is_watched_can_see_it_and_nobody_is_told_so_for_nothing() {
        let watched = |seen, fault| indicator(Scene { activity: Activity::Watched, seen, fault, ..IDLE });
        assert_eq!(watched(false, false), Indicator::Ready);
        assert_eq!(watched(true, false), Indicator::Watched);
        assert_eq!(watched(true, true), Indicator::Watched);
    }

    #[test]
    fn a_fault_shows_only_while_no_visitor_waits() {
        let shown = |activity| indicator(Scene { activity, fault: true, ..IDLE });
        assert_eq!(shown(Activity::Idle), Indicator::Fault);
        assert_eq!(shown(Activity::Watched), Indicator::Fault);
        assert_eq!(shown(Activity::Ringing), Indicator::Ringing);
        assert_eq!(shown(Activity::InCall), Indicator::Connecting);
    }

    #[test]
    fn a_station_that_closes_down_is_dark_and_silent() {
        assert_eq!(indicator(Scene { closing: true, fault: true, ..IDLE }), Indicator::Off);
        for was in [Activity::Ringing, Activity::InCall] {
            assert_eq!(chime(Moment::Over { was, reason: EndReason::StationClosing }), Some(Chime::Silent));
        }
    }

    #[test]
    fn a_visitor_hears_whether_somebody_comes() {
        assert_eq!(chime(Moment::RingStarted), Some(Chime::Ringing));
        assert_eq!(chime(Moment::Answered), Some(Chime::Accepted));
        let over = |was, reason| chime(Moment::Over { was, reason });
        assert_eq!(over(Activity::Ringing, EndReason::RingTimeout), Some(Chime::Refused));
        assert_eq!(over(Activity::Ringing, EndReason::Declined), Some(Chime::Refused));
        assert_eq!(over(Activity::Ringing, EndReason::HungUp), Some(Chime::Ended));
        assert_eq!(over(Activity::InCall, EndReason::ConnectionLost), Some(Chime::Ended));
        assert_eq!(over(Activity::Watched, EndReason::HungUp), None);
    }
}
