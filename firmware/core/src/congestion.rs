//! Steers the one encoder that serves all peers: its bitrate by what their networks carry, its keyframes by what they
//! miss.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::ClientId;

/// How the bitrate follows the estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SteeringSettings {
    /// The encoder's bitrate while there is no estimate.
    pub start_bps: u64,
    /// The lowest bitrate: below it a picture of a face is no use.
    pub least_bps: u64,
    /// The highest bitrate.
    pub most_bps: u64,
    /// While nobody talks, a watcher whose estimate is lower than this does not slow the others down.
    pub floor_bps: u64,
}

impl Default for SteeringSettings {
    fn default() -> Self {
        Self { start_bps: 1_000_000, least_bps: 150_000, most_bps: 2_000_000, floor_bps: 300_000 }
    }
}

/// The share of an estimate that the video may use, in percent. The rest is for sound, repeats and the encoder's
/// bursts: above about three quarters the pacer's queue, and with it the latency, was measured to grow.
const VIDEO_SHARE_PERCENT: u64 = 70;

/// The estimate at which the video may use `video_bps`.
pub fn estimate_for(video_bps: u64) -> u64 {
    video_bps.saturating_mul(100).div_ceil(VIDEO_SHARE_PERCENT)
}

/// A change smaller than this, in percent of the present bitrate, is not worth telling the encoder.
const NOTABLE_PERCENT: u64 = 5;

/// Chooses the encoder's bitrate from the bandwidth estimates of the peers.
#[derive(Debug)]
pub struct Steering {
    settings: SteeringSettings,
    estimates: BTreeMap<ClientId, u64>,
    talker: Option<ClientId>,
    told_bps: Option<u64>,
}

impl Steering {
    /// Without peers.
    pub fn new(settings: SteeringSettings) -> Self {
        Self { settings, estimates: BTreeMap::new(), talker: None, told_bps: None }
    }

    /// A new estimate of what the network carries to a peer. One is kept for each peer until
    /// [`handle_closed`](Self::handle_closed).
    pub fn handle_estimate(&mut self, client: &ClientId, estimate_bps: u64) {
        self.estimates.insert(client.clone(), estimate_bps);
    }

    /// A peer was closed. After the last one the next call starts as the first did.
    pub fn handle_closed(&mut self, client: &ClientId) {
        self.estimates.remove(client);
        if self.talker.as_ref() == Some(client) {
            self.talker = None;
        }
    }

    /// Who talks: from now on this peer alone decides.
    pub fn handle_talker(&mut self, talker: Option<ClientId>) {
        self.talker = talker;
    }

    /// The bitrate that fits now.
    pub fn bitrate_bps(&self) -> u64 {
        let decisive = match &self.talker {
            Some(talker) => self.estimates.get(talker).copied(),
            None => self.slowest_above_floor().or_else(|| self.estimates.values().copied().max()),
        };
        let Some(estimate) = decisive else {
            return self.settings.start_bps.clamp(self.settings.least_bps, self.settings.most_bps);
        };
        (estimate.saturating_mul(VIDEO_SHARE_PERCENT) / 100).clamp(self.settings.least_bps, self.settings.most_bps)
    }

    /// The bitrate, when it has changed enough to tell the encoder. The first one is always told.
    pub fn poll_bitrate(&mut self) -> Option<u64> {
        let fits = self.bitrate_bps();
        let notable = self.told_bps.is_none_or(|told| {
            let at_an_end = fits == self.settings.least_bps || fits == self.settings.most_bps;
            fits != told && (at_an_end || fits.abs_diff(told) * 100 >= told * NOTABLE_PERCENT)
        });
        if !notable {
            return None;
        }
        self.told_bps = Some(fits);
        Some(fits)
    }

    fn slowest_above_floor(&self) -> Option<u64> {
        self.estimates.values().copied().filter(|bps| *bps >= self.settings.floor_bps).min()
    }
}

/// The shortest time between two keyframes on request: several peers that lose packets at once need one, not several.
pub const KEYFRAME_GAP: Duration = Duration::from_millis(300);

/// The same while somebody has no picture at all. Those who are rung connect within some tens of milliseconds of each
/// other, and each is to see the visitor at once; they are few, and none of them asks for long.
pub const FIRST_KEYFRAME_GAP: Duration = Duration::from_millis(70);

/// Limits keyframe requests, shared by all peers: the first goes through at once, those within the gap become one at
/// its end.
#[derive(Debug, Default)]
pub struct KeyframeGate {
    latest: Option<Instant>,
    /// How long after the latest keyframe the next is asked for, if one is wanted.
    pending: Option<Duration>,
}

impl KeyframeGate {
    /// An open gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// A peer that has missed something needs a keyframe. Returns whether to ask the encoder now.
    pub fn handle_request(&mut self, now: Instant) -> bool {
        self.want_after(KEYFRAME_GAP, now)
    }

    /// A peer that has no picture yet needs its first keyframe. Returns whether to ask the encoder now.
    pub fn handle_join(&mut self, now: Instant) -> bool {
        self.want_after(FIRST_KEYFRAME_GAP, now)
    }

    fn want_after(&mut self, gap: Duration, now: Instant) -> bool {
        self.pending = Some(self.pending.map_or(gap, |pending| pending.min(gap)));
        self.handle_timeout(now)
    }

    /// Returns whether to ask the encoder now.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let Some(gap) = self.pending else { return false };
        if self.latest.is_some_and(|latest| now < latest + gap) {
            return false;
        }
        self.pending = None;
        self.latest = Some(now);
        true
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        Some((self.latest? + self.pending?, "keyframe: pending request"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steering(estimates: &[(&str, u64)]) -> Steering {
        let mut steering = Steering::new(SteeringSettings::default());
        for (client, bps) in estimates {
            steering.handle_estimate(&ClientId::from(*client), *bps);
        }
        steering
    }

    #[test]
    fn the_video_takes_seven_tenths_of_the_estimate() {
        assert_eq!(steering(&[("a", 1_000_000)]).bitrate_bps(), 700_000);
    }

    #[test]
    fn the_bitrate_stays_between_its_bounds() {
        assert_eq!(steering(&[("a", 10_000)]).bitrate_bps(), 150_000);
        assert_eq!(steering(&[("a", u64::MAX)]).bitrate_bps(), 2_000_000);
    }

    #[test]
    fn without_estimates_it_starts_anew() {
        let mut steering = steering(&[("a", 400_000)]);
        steering.handle_closed(&"a".into());
        assert_eq!(steering.bitrate_bps(), 1_000_000);
    }

    #[test]
    fn a_slow_watcher_does_not_starve_the_one_who_talks() {
        let mut steering = steering(&[("talker", 2_000_000), ("watcher", 400_000)]);
        steering.handle_talker(Some("talker".into()));
        assert_eq!(steering.bitrate_bps(), 1_400_000);
    }

    #[test]
    fn while_nobody_talks_the_slowest_decides_unless_it_is_hopeless() {
        assert_eq!(steering(&[("a", 2_000_000), ("b", 500_000)]).bitrate_bps(), 350_000);
        assert_eq!(steering(&[("a", 2_000_000), ("b", 500_000), ("c", 50_000)]).bitrate_bps(), 350_000);
        assert_eq!(steering(&[("c", 50_000), ("d", 290_000)]).bitrate_bps(), 203_000, "all of them are slow");
    }

    #[test]
    fn a_talker_without_an_estimate_starts_as_a_call_does() {
        let mut steering = steering(&[("watcher", 400_000)]);
        steering.handle_talker(Some("talker".into()));
        assert_eq!(steering.bitrate_bps(), 1_000_000);
    }

    #[test]
    fn the_encoder_is_told_of_notable_changes_only() {
        let mut steering = steering(&[("a", 1_000_000)]);
        assert_eq!(steering.poll_bitrate(), Some(700_000));
        assert_eq!(steering.poll_bitrate(), None);
        steering.handle_estimate(&"a".into(), 1_020_000);
        assert_eq!(steering.poll_bitrate(), None);
        steering.handle_estimate(&"a".into(), 1_100_000);
        assert_eq!(steering.poll_bitrate(), Some(770_000));
        steering.handle_estimate(&"a".into(), 2_800_000);
        assert_eq!(steering.poll_bitrate(), Some(1_960_000));
        steering.handle_estimate(&"a".into(), 9_000_000);
        assert_eq!(steering.poll_bitrate(), Some(2_000_000), "an end is always reached");
    }

    #[test]
    fn the_first_keyframe_request_goes_through_at_once() {
        assert!(KeyframeGate::new().handle_request(Instant::now()));
    }

    #[test]
    fn requests_within_the_gap_become_one_at_its_end() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut gate = KeyframeGate::new();
        assert!(gate.handle_request(ms(0)));
        assert_eq!(gate.poll_timeout(), None);
        assert!(!gate.handle_request(ms(10)));
        assert!(!gate.handle_request(ms(200)));
        assert_eq!(gate.poll_timeout(), Some((ms(300), "keyframe: pending request")));
        assert!(!gate.handle_timeout(ms(299)));
        assert!(gate.handle_timeout(ms(300)));
        assert_eq!(gate.poll_timeout(), None);
        assert!(!gate.handle_timeout(ms(900)), "nobody asked");
        assert!(gate.handle_request(ms(900)));
    }

    #[test]
    fn who_has_no_picture_yet_waits_less_than_who_missed_something() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut gate = KeyframeGate::new();
        assert!(gate.handle_join(ms(0)));
        assert!(!gate.handle_request(ms(10)));
        assert_eq!(gate.poll_timeout(), Some((ms(300), "keyframe: pending request")));
        assert!(!gate.handle_join(ms(20)));
        assert_eq!(gate.poll_timeout(), Some((ms(70), "keyframe: pending request")));
        assert!(gate.handle_timeout(ms(70)), "one keyframe for both");
        assert_eq!(gate.poll_timeout(), None);
        assert!(gate.handle_join(ms(140)));
    }

    #[test]
    fn a_storm_of_requests_gives_at_most_one_keyframe_per_gap() {
        let start = Instant::now();
        let mut gate = KeyframeGate::new();
        let asked = (0..3000).filter(|ms| gate.handle_request(start + Duration::from_millis(*ms))).count();
        assert_eq!(asked, 10);
    }
}
