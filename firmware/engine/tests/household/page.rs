//! A client with a page's behaviour: it answers each offer while it rings, says `rang`, asks for another connection when its own
//! breaks off, and gives up what does not come back.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use doorway_proto::control::{Event as ControlEvent, Request};
use doorway_proto::ids::{CallId, DoorId, EndpointId};
use doorway_proto::signaling::{ClientMessage, ClientSignal, EndReason, StationSignal, ToClient};
use str0m::change::SdpOffer;
use str0m::channel::ChannelId;
use str0m::media::{Frequency, MediaKind, MediaTime, Mid, Pt};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// Media that were silent for so long are broken, as a browser sees it.
const SILENCE: Duration = Duration::from_secs(5);
/// What does not come back within this is over.
const LOST: Duration = Duration::from_secs(8);
const RING_GRACE: Duration = Duration::from_secs(3);
const PACKET: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It asked to watch.
    Requested,
    Ringing,
    /// It said `accept`.
    Answering,
    Watching,
    Talking,
}

struct Connection {
    rtc: Rtc,
    channel: Option<ChannelId>,
    sound: Option<(Mid, Pt)>,
    connected: bool,
    heard_at: Instant,
    timeout: Instant,
}

pub(crate) struct Call {
    pub(crate) station: EndpointId,
    pub(crate) id: Option<CallId>,
    pub(crate) phase: Phase,
    connection: Option<Connection>,
    /// When what it waits for counts as lost.
    gives_up_at: Option<Instant>,
    asked_again: bool,
    /// It says goodbye, and is gone once that is out.
    leaves: bool,
    said_at: Instant,
}

/// What it has seen since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) rings: usize,
    pub(crate) pictures: usize,
    pub(crate) packets: usize,
    pub(crate) opened: usize,
    pub(crate) refused: usize,
    pub(crate) ended: Vec<EndReason>,
    pub(crate) connections: usize,
}

pub(crate) struct Page {
    pub(crate) id: EndpointId,
    pub(crate) address: SocketAddr,
    /// Its place in the companion's rooms, while it has one.
    pub(crate) online: bool,
    pub(crate) call: Option<Call>,
    pub(crate) seen: Seen,
    requests: u32,
    outbox: Vec<ClientMessage>,
    /// It stopped without a word: nothing goes in or out.
    pub(crate) frozen: bool,
}

impl Page {
    pub(crate) fn new(name: &str, address: SocketAddr) -> Self {
        Self {
            id: EndpointId::new(name).unwrap(),
            address,
            online: false,
            call: None,
            seen: Seen::default(),
            requests: 0,
            outbox: Vec::new(),
            frozen: false,
        }
    }

    pub(crate) fn phase(&self) -> Option<Phase> {
        self.call.as_ref().map(|call| call.phase)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection().is_some_and(|connection| connection.connected)
    }

    fn connection(&self) -> Option<&Connection> {
        self.call.as_ref()?.connection.as_ref()
    }

    fn signal(&mut self, station: &EndpointId, signal: ClientSignal) {
        self.outbox.push(ClientMessage::Signal { to: station.clone(), signal });
    }

    /// Over the data channel where that is open, else by the companion.
    fn say(&mut self, request: &Request, signal: impl FnOnce(CallId) -> ClientSignal) {
        let Some(call) = &mut self.call else { return };
        let (station, id) = (call.station.clone(), call.id.clone());
        let text = serde_json::to_vec(request).unwrap();
        let written = call.connection.as_mut().and_then(|connection| {
            let written = connection.rtc.channel(connection.channel?)?.write(false, &text).ok()?;
            connection.timeout = call.said_at;
            Some(written)
        });
        if written != Some(true)
            && let Some(id) = id
        {
            self.signal(&station, signal(id));
        }
    }

    pub(crate) fn watch(&mut self, station: &EndpointId, now: Instant) {
        if self.call.is_some() || !self.online || self.frozen {
            return;
        }
        self.call = Some(Call {
            station: station.clone(),
            id: None,
            phase: Phase::Requested,
            connection: None,
            gives_up_at: Some(now + LOST),
            asked_again: false,
            leaves: false,
            said_at: now,
        });
        self.signal(station, ClientSignal::Watch {});
    }

    pub(crate) fn accept(&mut self, now: Instant) {
        if self.frozen {
            return;
        }
        match &mut self.call {
            Some(call) if matches!(call.phase, Phase::Ringing | Phase::Watching) => {
                call.phase = Phase::Answering;
                call.gives_up_at = Some(now + LOST);
                call.said_at = now;
            }
            _ => return,
        }
        self.say(&Request::Accept {}, |call| ClientSignal::Accept { call });
    }

    pub(crate) fn decline(&mut self) {
        if self.phase() == Some(Phase::Ringing) && !self.frozen {
            self.say(&Request::Decline {}, |call| ClientSignal::Decline { call });
            self.leave();
        }
    }

    pub(crate) fn hang_up(&mut self) {
        if self.call.is_some() && !self.frozen {
            self.say(&Request::HangUp {}, |call| ClientSignal::HangUp { call });
            self.leave();
        }
    }

    pub(crate) fn unlock(&mut self) {
        self.requests += 1;
        let request = Request::Unlock { request: self.requests, door: DoorId::new("door").unwrap() };
        let text = serde_json::to_vec(&request).unwrap();
        if let Some(call) = &mut self.call
            && let Some(Connection { rtc, channel: Some(id), timeout, .. }) = &mut call.connection
            && let Some(mut channel) = rtc.channel(*id)
            && !self.frozen
        {
            let _ = channel.write(false, &text);
            *timeout = call.said_at;
        }
    }

    /// It has another address from now on, and notices by its media.
    pub(crate) fn moves_to(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// The page is loaded anew: what it knew is gone.
    pub(crate) fn reload(&mut self) {
        self.call = None;
        self.outbox.clear();
        self.frozen = false;
    }

    /// The goodbye goes out with the next [`Self::settle`].
    fn leave(&mut self) {
        if let Some(call) = &mut self.call {
            call.leaves = true;
            call.gives_up_at = Some(call.said_at);
            if let Some(connection) = &mut call.connection {
                connection.timeout = call.said_at;
            }
        }
    }

    pub(crate) fn handle_message(&mut self, message: ToClient, now: Instant) {
        if self.frozen {
            return;
        }
        match message {
            ToClient::Signal { from, signal } => self.handle_signal(&from, signal, now),
            ToClient::Station { station } => {
                let idle = station.activity == doorway_proto::state::Activity::Idle;
                // A station that is idle was restarted or has ended it: what this page still shows is a ghost.
                if idle && self.call.as_ref().is_some_and(|call| call.station == station.id) && !self.is_connected() {
                    self.over(EndReason::ConnectionLost);
                }
            }
            _ => {}
        }
    }

    fn handle_signal(&mut self, station: &EndpointId, signal: StationSignal, now: Instant) {
        let known = |call: &Call, id: &CallId| call.station == *station && call.id.as_ref() == Some(id);
        match signal {
            StationSignal::Ring { call: id, offer, timeout_ms, .. } => {
                self.seen.rings += 1;
                self.signal(station, ClientSignal::Rang { call: id.clone() });
                let rings_until = now + Duration::from_millis(timeout_ms) + RING_GRACE;
                let mine = self.call.as_ref().is_some_and(|call| known(call, &id) && call.phase != Phase::Requested);
                if !mine {
                    self.call = Some(Call {
                        station: station.clone(),
                        id: Some(id.clone()),
                        phase: Phase::Ringing,
                        connection: None,
                        gives_up_at: Some(rings_until),
                        asked_again: false,
                        leaves: false,
                        said_at: now,
                    });
                } else if let Some(call) = &mut self.call
                    && call.phase == Phase::Watching
                {
                    call.phase = Phase::Ringing;
                    call.gives_up_at = Some(rings_until);
                }
                if let Some(offer) = offer {
                    self.answer(&id, &offer, now);
                }
            }
            StationSignal::Offer { call: id, offer } => {
                let Some(call) = self.call.as_mut().filter(|call| call.station == *station) else { return };
                if call.phase == Phase::Requested && call.id.is_none() {
                    (call.id, call.phase, call.gives_up_at) = (Some(id.clone()), Phase::Watching, Some(now + LOST));
                }
                if call.id.as_ref() == Some(&id) {
                    self.answer(&id, &offer, now);
                }
            }
            StationSignal::Candidate { call: id, candidate } => {
                if let Some(call) = self.call.as_mut().filter(|call| known(call, &id))
                    && let Some(connection) = &mut call.connection
                    && let Ok(candidate) = Candidate::from_sdp_string(&candidate)
                {
                    connection.rtc.add_remote_candidate(candidate);
                    connection.timeout = now;
                }
            }
            StationSignal::Accepted { call: id } => {
                if self.call.as_ref().is_some_and(|call| known(call, &id)) {
                    self.talks();
                }
            }
            StationSignal::ChannelMissing { .. } => {}
            StationSignal::Ended { call: id, reason } => {
                let mine = self.call.as_ref().is_some_and(|call| match &id {
                    Some(id) => known(call, id),
                    None => call.station == *station && call.phase == Phase::Requested,
                });
                if mine {
                    self.over(reason);
                }
            }
        }
    }

    fn answer(&mut self, id: &CallId, offer: &str, now: Instant) {
        let Some(call) = &mut self.call else { return };
        let mut rtc = RtcConfig::new().set_reordering_size_audio(0).build(now);
        rtc.add_local_candidate(Candidate::host(self.address, Protocol::Udp).unwrap());
        let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(offer).unwrap()).unwrap().to_sdp_string();
        let connection = Connection { rtc, channel: None, sound: None, connected: false, heard_at: now, timeout: now };
        call.connection = Some(connection);
        let station = call.station.clone();
        self.signal(&station, ClientSignal::Answer { call: id.clone(), answer });
    }

    fn talks(&mut self) {
        if let Some(call) = &mut self.call
            && call.phase == Phase::Answering
        {
            call.phase = Phase::Talking;
            call.gives_up_at = None;
        }
    }

    fn over(&mut self, reason: EndReason) {
        self.call = None;
        self.seen.ended.push(reason);
    }

    pub(crate) fn handle_datagram(&mut self, source: SocketAddr, destination: SocketAddr, data: &[u8], now: Instant) {
        if self.frozen {
            return;
        }
        let Some(connection) = self.call.as_mut().and_then(|call| call.connection.as_mut()) else { return };
        if let Ok(receive) = Receive::new(Protocol::Udp, source, destination, data) {
            let input = Input::Receive(now, receive);
            if connection.rtc.accepts(&input) {
                // ICE's own checks are no media (RFC 7983).
                if data.first().is_some_and(|first| *first >= 20) {
                    connection.heard_at = now;
                }
                let _ = connection.rtc.handle_input(input);
                connection.timeout = now;
            }
        }
    }

    /// Lets time pass; what it has to send comes back.
    pub(crate) fn settle(&mut self, now: Instant) -> (Vec<Transmit>, Vec<ClientMessage>) {
        let mut transmits = Vec::new();
        if self.frozen {
            return (transmits, Vec::new());
        }
        self.drain(now, &mut transmits);
        self.handle_deadlines(now);
        if !self.online {
            self.outbox.clear();
        }
        (transmits, std::mem::take(&mut self.outbox))
    }

    fn drain(&mut self, now: Instant, transmits: &mut Vec<Transmit>) {
        let Some(call) = &mut self.call else { return };
        call.said_at = now;
        let leaves = call.leaves;
        let Some(connection) = call.connection.as_mut().filter(|connection| connection.timeout <= now) else { return };
        if call.phase == Phase::Talking
            && let Some((mid, pt)) = connection.sound
            && let Some(writer) = connection.rtc.writer(mid)
        {
            let number = now.saturating_duration_since(connection.heard_at).as_millis() as u64;
            let time = MediaTime::new(number * 48, Frequency::FORTY_EIGHT_KHZ);
            let _ = writer.write(pt, now, time, vec![0xf8, 0xff, 0xfe]);
        }
        let _ = connection.rtc.handle_input(Input::Timeout(now));
        let (mut texts, mut closed) = (Vec::new(), false);
        loop {
            match connection.rtc.poll_output() {
                // What was said last goes out before the goodbye.
                Ok(Output::Timeout(_)) if leaves && !closed => {
                    closed = true;
                    if connection.rtc.close().is_err() {
                        break;
                    }
                }
                Ok(Output::Timeout(at)) => {
                    let sound = if call.phase == Phase::Talking { now + PACKET } else { at };
                    connection.timeout = at.min(sound).max(now + Duration::from_micros(100));
                    break;
                }
                Ok(Output::Transmit(transmit)) => transmits.push(transmit),
                Ok(Output::Event(event)) => match event {
                    Event::Connected => {
                        connection.connected = true;
                        self.seen.connections += 1;
                        if call.phase == Phase::Watching {
                            call.gives_up_at = None;
                        }
                    }
                    Event::MediaAdded(added) if added.kind == MediaKind::Audio => {
                        let opus =
                            connection.rtc.media(added.mid).and_then(|media| media.remote_pts().first().copied());
                        connection.sound = opus.map(|pt| (added.mid, pt));
                    }
                    Event::MediaData(data) => match connection.sound {
                        Some((mid, _)) if mid == data.mid => self.seen.packets += 1,
                        _ => self.seen.pictures += 1,
                    },
                    Event::ChannelOpen(id, _) => connection.channel = Some(id),
                    Event::ChannelData(data) => texts.push(data.data),
                    Event::Closed => closed = true,
                    _ => {}
                },
                Err(_) => {
                    closed = true;
                    break;
                }
            }
        }
        if leaves {
            self.call = None;
            return;
        }
        if closed {
            call.connection = None;
        }
        for text in texts {
            match serde_json::from_slice(&text).unwrap() {
                ControlEvent::Accepted {} => self.talks(),
                ControlEvent::Ended { reason } => self.over(reason),
                ControlEvent::UnlockResult { outcome, .. } => match outcome {
                    doorway_proto::control::UnlockOutcome::Opened { .. } => self.seen.opened += 1,
                    _ => self.seen.refused += 1,
                },
                _ => {}
            }
        }
    }

    /// What a page does of itself when something does not come.
    fn handle_deadlines(&mut self, now: Instant) {
        let online = self.online;
        let Some(call) = &mut self.call else { return };
        if call.leaves {
            self.call = None;
            return;
        }
        let silent = call.connection.as_ref().is_none_or(|c| c.connected && now >= c.heard_at + SILENCE);
        if silent {
            call.connection = None;
        }
        // One that rings does so without a picture.
        if silent && !matches!(call.phase, Phase::Requested | Phase::Ringing) {
            let gives_up_at = *call.gives_up_at.get_or_insert(now + LOST);
            if online && !call.asked_again && now < gives_up_at {
                call.asked_again = true;
                let (station, id) = (call.station.clone(), call.id.clone());
                if let Some(id) = id {
                    self.signal(&station, ClientSignal::Reconnect { call: id });
                }
            }
        } else if !silent && matches!(call.phase, Phase::Talking | Phase::Watching) {
            (call.gives_up_at, call.asked_again) = (None, false);
        }
        if self.call.as_ref().and_then(|call| call.gives_up_at).is_some_and(|at| at <= now) {
            self.over(EndReason::ConnectionLost);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let call = self.call.as_ref().filter(|_| !self.frozen)?;
        let silence = call.connection.as_ref().filter(|c| c.connected).map(|c| c.heard_at + SILENCE);
        let timer = call.connection.as_ref().map(|connection| connection.timeout);
        [call.gives_up_at, silence, timer].into_iter().flatten().min()
    }
}
