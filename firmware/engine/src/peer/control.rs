//! Requests and events over the data channel.

use doorway_proto::control::{Event, MAX_CONTROL_BYTES};

use super::{Peer, PeerEvent};

/// How many requests a client may make at once, and how many more each second: far above what a person does.
pub(super) const REQUEST_BURST: f64 = 40.0;
pub(super) const REQUESTS_PER_SECOND: f64 = 20.0;

impl Peer {
    /// Tells the client something over the data channel; false when the channel is not open or full, so that the
    /// caller goes by signaling.
    pub fn send_control(&mut self, event: &Event) -> bool {
        let Some(id) = self.channel.filter(|_| !self.lost) else { return false };
        let text = serde_json::to_vec(event).expect("control events have only string keys");
        let written = self.guarded(|rtc| rtc.channel(id)?.write(false, &text).ok());
        written.flatten().unwrap_or(false)
    }

    /// What a message of the client asks for.
    pub(super) fn read_request(&mut self, data: &[u8]) -> PeerEvent {
        // What is heard now was said at the last datagram.
        if !self.allowance.take(self.last_heard) {
            return PeerEvent::Malformed("too many requests in too short a time".into());
        }
        if data.len() > MAX_CONTROL_BYTES {
            return PeerEvent::Malformed(format!("a message has at most {MAX_CONTROL_BYTES} bytes"));
        }
        match serde_json::from_slice(data) {
            Ok(request) => PeerEvent::Request(request),
            Err(error) => PeerEvent::Malformed(error.to_string()),
        }
    }
}
