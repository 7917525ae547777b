//! The station's peer against a client over a seeded bad link, in virtual time: nothing here sleeps.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may stop where it stands")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_proto::control::{Event as ControlEvent, Request};
use doorway_proto::ids::CallId;
use doorwayd::net::{Impairment, ImpairmentSettings};
use doorwayd::peer::{Peer, PeerEvent, PeerFactory, PeerOutput, SILENCE_LIMIT, SoundPacket};
use str0m::change::SdpOffer;
use str0m::channel::ChannelId;
use str0m::media::{Frequency, KeyframeRequestKind, MediaData, MediaKind, MediaTime, Mid};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

const STATION: &str = "10.0.0.1:4000";
const CLIENT: &str = "10.0.0.2:5000";
const FRAME: Duration = Duration::from_millis(33);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A link that delays by 20 ms each way and loses `loss_percent`; one that loses also puts packets out of order.
fn link(loss_percent: f64) -> ImpairmentSettings {
    let jitter = if loss_percent > 0.0 { ms(2) } else { ms(0) };
    ImpairmentSettings { loss_percent, delay: ms(20), jitter, seed: 42 }
}

/// Both ends and the link between them, with their own clock.
struct World {
    now: Instant,
    station: Peer,
    client: Rtc,
    to_client: Impairment<Transmit>,
    to_station: Impairment<Transmit>,
    cut: bool,
    seen: Seen,
}

/// What came out of either end.
#[derive(Default)]
struct Seen {
    connected: bool,
    keyframes_wanted: usize,
    sound: Vec<SoundPacket>,
    requests: Vec<Request>,
    malformed: Vec<String>,
    lost_at: Option<Instant>,
    client_video: Option<Mid>,
    client_sound: Option<Mid>,
    client_channel: Option<ChannelId>,
    client_closed: bool,
    pictures: Vec<MediaData>,
    control: Vec<ControlEvent>,
    packets: usize,
}

impl World {
    /// Offer and answer are exchanged; the rest is up to the link.
    fn new(settings: ImpairmentSettings) -> Self {
        let now = Instant::now();
        let factory = PeerFactory::new().unwrap();
        let call = CallId::new("0000000000000001").unwrap();
        let here: SocketAddr = STATION.parse().unwrap();
        let (mut station, offer) = Peer::offer(&factory, call, &[here], now).unwrap();
        let mut client = RtcConfig::new().set_reordering_size_audio(0).build(now);
        client.add_local_candidate(Candidate::host(CLIENT.parse().unwrap(), Protocol::Udp).unwrap());
        let answer = client.sdp_api().accept_offer(SdpOffer::from_sdp_string(&offer).unwrap()).unwrap();
        station.handle_answer(&answer.to_sdp_string(), now).unwrap();
        let back = ImpairmentSettings { seed: settings.seed + 1, ..settings };
        Self {
            now,
            station,
            client,
            to_client: Impairment::new(settings).unwrap(),
            to_station: Impairment::new(back).unwrap(),
            cut: false,
            seen: Seen::default(),
        }
    }

    fn connected(settings: ImpairmentSettings) -> Self {
        let mut world = Self::new(settings);
        world.run_until(|seen| seen.connected && seen.client_channel.is_some(), Duration::from_secs(20));
        world
    }

    /// Makes the link worse from here on; what is on its way is lost.
    fn worsen(&mut self, settings: ImpairmentSettings) {
        self.to_client = Impairment::new(settings).unwrap();
        self.to_station = Impairment::new(ImpairmentSettings { seed: settings.seed + 1, ..settings }).unwrap();
    }

    /// Lets `duration` pass.
    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
    }

    fn run_until(&mut self, reached: impl Fn(&Seen) -> bool, limit: Duration) {
        let end = self.now + limit;
        while !reached(&self.seen) {
            assert!(self.step(end), "not reached within {limit:?}");
        }
    }

    /// Goes on to the next thing that is due, at most to `end`; false once that is reached.
    fn step(&mut self, end: Instant) -> bool {
        let station_due = self.drain_station();
        let client_due = self.drain_client();
        let due = [Some(station_due), Some(client_due), self.to_client.poll_timeout(), self.to_station.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(end);
        if due >= end {
            self.now = end;
            return false;
        }
        // str0m may ask for a time that has passed; a step forward keeps the clock moving.
        self.now = due.max(self.now + Duration::from_micros(100));
        while let Some(transmit) = self.to_client.poll_item(self.now) {
            let receive =
                Receive::new(Protocol::Udp, transmit.source, transmit.destination, &transmit.contents).unwrap();
            let _ = self.client.handle_input(Input::Receive(self.now, receive));
        }
        while let Some(transmit) = self.to_station.poll_item(self.now) {
            let receive =
                Receive::new(Protocol::Udp, transmit.source, transmit.destination, &transmit.contents).unwrap();
            self.station.handle_receive(receive, self.now);
        }
        let _ = self.client.handle_input(Input::Timeout(self.now));
        self.station.handle_timeout(self.now);
        true
    }

    fn drain_station(&mut self) -> Instant {
        loop {
            match self.station.poll_output() {
                PeerOutput::Timeout(at) => return at,
                PeerOutput::Transmit(transmit) => {
                    self.seen.packets += 1;
                    if !self.cut {
                        self.to_client.handle_item(transmit, self.now);
                    }
                }
                PeerOutput::Event(event) => match event {
                    PeerEvent::Connected => self.seen.connected = true,
                    PeerEvent::KeyframeWanted => self.seen.keyframes_wanted += 1,
                    PeerEvent::Sound(packet) => self.seen.sound.push(packet),
                    PeerEvent::Request(request) => self.seen.requests.push(request),
                    PeerEvent::Malformed(message) => self.seen.malformed.push(message),
                    PeerEvent::Estimate(_) => {}
                    PeerEvent::Lost => {
                        assert_eq!(self.seen.lost_at, None, "lost twice");
                        self.seen.lost_at = Some(self.now);
                    }
                },
            }
        }
    }

    fn drain_client(&mut self) -> Instant {
        loop {
            match self.client.poll_output().unwrap() {
                Output::Timeout(at) => return at,
                Output::Transmit(transmit) => {
                    if !self.cut {
                        self.to_station.handle_item(transmit, self.now);
                    }
                }
                Output::Event(Event::MediaAdded(added)) => match added.kind {
                    MediaKind::Video => self.seen.client_video = Some(added.mid),
                    MediaKind::Audio => self.seen.client_sound = Some(added.mid),
                },
                Output::Event(Event::MediaData(data)) if Some(data.mid) == self.seen.client_video => {
                    self.seen.pictures.push(data);
                }
                Output::Event(Event::ChannelOpen(id, _)) => self.seen.client_channel = Some(id),
                Output::Event(Event::ChannelData(data)) => {
                    self.seen.control.push(serde_json::from_slice(&data.data).unwrap());
                }
                Output::Event(Event::Closed) => self.seen.client_closed = true,
                Output::Event(_) => {}
            }
        }
    }

    fn say(&mut self, text: &[u8]) {
        let id = self.seen.client_channel.unwrap();
        assert!(self.client.channel(id).unwrap().write(false, text).unwrap());
    }
}

/// An access unit of `size` bytes that carries its number.
fn picture(number: u32, keyframe: bool, size: usize) -> Arc<[u8]> {
    let mut unit = Vec::new();
    if keyframe {
        unit.extend_from_slice(&[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40]);
        unit.extend_from_slice(&[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
    }
    unit.extend_from_slice(&[0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
    // No three zero bytes in a row, which would look like a start code.
    unit.extend(number.to_be_bytes().iter().flat_map(|byte| [*byte, 0xff]));
    unit.resize(size.max(unit.len()), 0xab);
    unit.into()
}

fn number_of(data: &MediaData) -> u32 {
    let header = [0u8, 0, 0, 1];
    let start = (0..data.data.len() - 4)
        .rfind(|at| data.data[*at..].starts_with(&header) && matches!(data.data[at + 4], 0x65 | 0x41))
        .unwrap()
        + 5;
    let bytes: Vec<u8> = data.data[start..start + 8].iter().step_by(2).copied().collect();
    u32::from_be_bytes(bytes.try_into().unwrap())
}

/// Sends `count` pictures at 30 a second, the first a keyframe, another whenever the client wants one.
fn send_pictures(world: &mut World, count: u32) {
    let mut wanted = world.seen.keyframes_wanted;
    for number in 0..count {
        let keyframe = number == 0 || world.seen.keyframes_wanted > wanted;
        wanted = world.seen.keyframes_wanted;
        let size = if keyframe { 20_000 } else { 4_000 };
        world.station.send_picture(&picture(number, keyframe, size), keyframe, world.now);
        world.run(FRAME);
    }
}

#[test]
fn the_offer_names_the_profile_that_the_encoder_makes_and_nothing_else() {
    let factory = PeerFactory::new().unwrap();
    let call = CallId::new("1").unwrap();
    let (_, offer) = Peer::offer(&factory, call, &[STATION.parse().unwrap()], Instant::now()).unwrap();
    assert_eq!(offer.matches("H264/90000").count(), 1, "{offer}");
    assert!(offer.contains("profile-level-id=42e01f") && offer.contains("packetization-mode=1"), "{offer}");
    assert!(!offer.contains("VP8") && !offer.contains("AV1"), "{offer}");
    assert!(
        offer.contains("playout-delay") && offer.contains("opus/48000/2") && offer.contains("red/48000"),
        "{offer}"
    );
    assert!(offer.contains("a=candidate:") && offer.contains("10.0.0.1 4000"), "{offer}");
    assert!(offer.contains("m=application"), "{offer}");
}

#[test]
fn the_first_picture_is_a_keyframe_whatever_was_queued_before() {
    let mut world = World::connected(link(0.0));
    for number in 0..3 {
        world.station.send_picture(&picture(number, false, 2_000), false, world.now);
    }
    for (number, keyframe) in [(3, true), (4, false), (5, false)] {
        world.station.send_picture(&picture(number, keyframe, 10_000), keyframe, world.now);
        world.run(FRAME);
    }
    world.run(ms(300));
    let numbers: Vec<u32> = world.seen.pictures.iter().map(number_of).collect();
    assert_eq!(numbers[..2], [3, 4]);
}

#[test]
fn nearly_all_pictures_arrive_whole_though_every_tenth_packet_is_lost() {
    const COUNT: u32 = 600;
    const CALLS: u32 = 4;
    let (mut arrived, mut keyframes) = (0, 0);
    // str0m's own random numbers change what each lost packet held; several calls even that out.
    for seed in 0..u64::from(CALLS) {
        let mut world = World::connected(link(0.0));
        world.worsen(ImpairmentSettings { seed, ..link(10.0) });
        send_pictures(&mut world, COUNT);
        world.run(ms(1000));
        arrived += world.seen.pictures.len();
        keyframes += world.seen.keyframes_wanted;
        assert_eq!(world.seen.lost_at, None);
    }
    let sent = (CALLS * COUNT) as usize;
    assert!(arrived * 100 >= sent * 98, "only {arrived} of {sent} arrived");
    assert!(keyframes <= 3 * CALLS as usize, "{keyframes} keyframes were asked for");
}

#[test]
fn the_clients_voice_comes_with_its_order_and_time() {
    let mut world = World::connected(link(0.0));
    let mid = world.seen.client_sound.unwrap();
    let pt = world
        .client
        .writer(mid)
        .unwrap()
        .payload_params()
        .find(|params| params.spec().codec == str0m::format::Codec::Opus)
        .map(|params| params.pt())
        .unwrap();
    for number in 0..50u64 {
        let time = MediaTime::new(number * 960, Frequency::FORTY_EIGHT_KHZ);
        let now = world.now;
        world.client.writer(mid).unwrap().write(pt, now, time, vec![number as u8; 60]).unwrap();
        world.run(ms(20));
    }
    world.run(ms(100));
    assert_eq!(world.seen.sound.len(), 50);
    for pair in world.seen.sound.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        assert_eq!(pair[1].timestamp, pair[0].timestamp + 960);
        assert_eq!(pair[1].data[0], pair[0].data[0] + 1);
    }
}

#[test]
fn the_station_greets_and_both_understand_each_other() {
    let mut world = World::connected(link(0.0));
    world.run(ms(100));
    let call = CallId::new("0000000000000001").unwrap();
    assert_eq!(world.seen.control, [ControlEvent::Hello { version: 1, call }]);
    world.say(br#"{"type":"accept"}"#);
    world.say(br#"{"type":"unlock","request":7,"door":"door"}"#);
    world.run(ms(100));
    assert!(matches!(&world.seen.requests[..], [Request::Accept {}, Request::Unlock { request: 7, .. }]));
    assert!(world.station.send_control(&ControlEvent::Accepted {}));
    world.run(ms(100));
    assert_eq!(world.seen.control.last(), Some(&ControlEvent::Accepted {}));
}

#[test]
fn what_is_no_request_is_said_to_be_malformed_and_harms_nothing() {
    let mut world = World::connected(link(0.0));
    let long = vec![b'x'; 3_000];
    let messages: [&[u8]; 5] =
        [b"x", b"{}", br#"{"type":"accept","extra":1}"#, br#"{"type":"unlock","request":-1,"door":"door"}"#, &long];
    for message in messages {
        world.say(message);
        world.run(ms(100));
    }
    assert_eq!(world.seen.malformed.len(), messages.len());
    world.say(br#"{"type":"hang_up"}"#);
    world.run(ms(100));
    assert!(matches!(&world.seen.requests[..], [Request::HangUp {}]));
}

#[test]
fn a_client_that_asks_for_a_keyframe_is_heard() {
    let mut world = World::connected(link(0.0));
    send_pictures(&mut world, 3);
    let mid = world.seen.client_video.unwrap();
    world.client.writer(mid).unwrap().request_keyframe(None, KeyframeRequestKind::Pli).unwrap();
    world.run(ms(200));
    assert_eq!(world.seen.keyframes_wanted, 1);
}

#[test]
fn a_client_that_falls_silent_is_lost_within_the_limit_and_no_longer_fed() {
    let mut world = World::connected(link(0.0));
    world.cut = true;
    let cut_at = world.now;
    world.run(SILENCE_LIMIT + ms(500));
    let lost_after = world.seen.lost_at.unwrap() - cut_at;
    assert!(lost_after <= SILENCE_LIMIT + ms(100), "{lost_after:?}");
    let packets = world.seen.packets;
    for number in 0..10 {
        world.station.send_picture(&picture(number, true, 20_000), true, world.now);
        world.run(FRAME);
    }
    assert!(world.seen.packets - packets <= 2, "a lost client is still fed");
}

#[test]
fn a_network_that_is_gone_for_three_seconds_does_not_end_the_connection() {
    let mut world = World::connected(link(0.0));
    world.cut = true;
    world.run(Duration::from_secs(3));
    world.cut = false;
    world.run(Duration::from_secs(4));
    assert_eq!(world.seen.lost_at, None);
    world.station.send_picture(&picture(1, true, 5_000), true, world.now);
    world.run(ms(300));
    assert!(!world.seen.pictures.is_empty());
}

#[test]
fn a_close_is_a_goodbye() {
    let mut world = World::connected(link(0.0));
    world.station.close();
    world.run(ms(200));
    assert!(world.seen.client_closed);
}

#[test]
fn the_clients_goodbye_ends_the_connection_at_once() {
    let mut world = World::connected(link(0.0));
    let before = world.now;
    world.client.close().unwrap();
    world.run(ms(500));
    assert!(world.seen.lost_at.unwrap() - before <= ms(200));
}

#[test]
fn an_answer_that_is_none_is_an_error_and_a_second_one_too() {
    let factory = PeerFactory::new().unwrap();
    let call = CallId::new("1").unwrap();
    let (mut peer, offer) = Peer::offer(&factory, call, &[STATION.parse().unwrap()], Instant::now()).unwrap();
    assert!(peer.handle_answer("v=0\r\nnonsense", Instant::now()).is_err());
    let mut client = Rtc::new(Instant::now());
    let answer = client.sdp_api().accept_offer(SdpOffer::from_sdp_string(&offer).unwrap()).unwrap().to_sdp_string();
    peer.handle_answer(&answer, Instant::now()).unwrap();
    assert!(peer.handle_answer(&answer, Instant::now()).is_err());
}

proptest::proptest! {
    #[test]
    fn any_answer_and_candidate_is_taken_or_refused(answer in "\\PC{0,300}|v=0\r\n(([a-z]=\\PC{0,30}|a=[a-z]{1,12}:\\PC{0,20})\r\n){0,12}", candidate in "\\PC{0,80}|candidate:[0-9a-z .:]{0,60}") {
        let factory = PeerFactory::new().unwrap();
        let call = CallId::new("1").unwrap();
        let (mut peer, _) = Peer::offer(&factory, call, &[STATION.parse().unwrap()], Instant::now()).unwrap();
        let _ = peer.handle_answer(&answer, Instant::now());
        peer.handle_candidate(&candidate);
        while !matches!(peer.poll_output(), PeerOutput::Timeout(_)) {}
    }

    #[test]
    fn any_datagram_is_passed_over_or_ends_only_this_connection(datagrams in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 1..200), 1..20)) {
        let mut world = World::connected(link(0.0));
        for datagram in datagrams {
            if let Ok(receive) = Receive::new(Protocol::Udp, CLIENT.parse().unwrap(), STATION.parse().unwrap(), &datagram) {
                world.station.handle_receive(receive, world.now);
            }
            world.run(ms(10));
        }
    }
}
