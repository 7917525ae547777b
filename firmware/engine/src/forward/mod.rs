//! What goes to whom: the visitor's picture, at one bitrate and with keyframes for everybody, and sound between the visitor and whoever talks.

mod routes;

use std::time::Instant;

use doorway_core::ClientId;
use doorway_core::congestion::{KeyframeGate, Steering, SteeringSettings};

use self::routes::Routes;

/// Steers the one encoder and knows the routes of the sound.
#[derive(Debug)]
pub(crate) struct Forward {
    routes: Routes,
    steering: Steering,
    keyframes: KeyframeGate,
    max_bitrate_bps: u32,
    /// The encoder is to be asked for a keyframe.
    asks: bool,
}

impl Forward {
    pub(crate) fn new(max_bitrate_bps: u32) -> Self {
        let most = u64::from(max_bitrate_bps);
        let settings = SteeringSettings { start_bps: most, most_bps: most, ..SteeringSettings::default() };
        Self {
            routes: Routes::default(),
            steering: Steering::new(settings),
            keyframes: KeyframeGate::new(),
            max_bitrate_bps,
            asks: false,
        }
    }

    /// The visitor and this client hear each other from now on.
    pub(crate) fn handle_talk(&mut self, client: ClientId) {
        self.routes.open(client);
        self.steer_by_talker();
    }

    /// They do no longer.
    pub(crate) fn handle_silence(&mut self, client: &ClientId) {
        self.routes.shut(client);
        self.steer_by_talker();
    }

    /// The first who began to talk decides alone about the picture.
    fn steer_by_talker(&mut self) {
        self.steering.handle_talker(self.routes.talkers().first().cloned());
    }

    pub(crate) fn handle_estimate(&mut self, client: &ClientId, bps: u64) {
        self.steering.handle_estimate(client, bps);
    }

    pub(crate) fn handle_closed(&mut self, client: &ClientId) {
        self.steering.handle_closed(client);
    }

    /// Somebody has no picture yet.
    pub(crate) fn handle_join(&mut self, now: Instant) {
        self.asks |= self.keyframes.handle_join(now);
    }

    /// Somebody has missed something.
    pub(crate) fn handle_keyframe_request(&mut self, now: Instant) {
        self.asks |= self.keyframes.handle_request(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.asks |= self.keyframes.handle_timeout(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.keyframes.poll_timeout()
    }

    /// Whether to ask the encoder for a keyframe now.
    pub(crate) fn poll_keyframe(&mut self) -> bool {
        std::mem::take(&mut self.asks)
    }

    /// A bitrate that the encoder is to be told.
    pub(crate) fn poll_bitrate(&mut self) -> Option<u32> {
        self.steering.poll_bitrate().map(|bps| u32::try_from(bps).unwrap_or(self.max_bitrate_bps))
    }

    /// Whether the way between the visitor and somebody is open.
    pub(crate) fn is_open(&self) -> bool {
        !self.routes.talkers().is_empty()
    }

    /// Whether this client is heard at the door.
    pub(crate) fn is_heard(&self, client: &ClientId) -> bool {
        self.routes.talkers().contains(client)
    }

    /// Whoever hears the visitor.
    pub(crate) fn listeners(&self) -> &[ClientId] {
        self.routes.talkers()
    }
}
