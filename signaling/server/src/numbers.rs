//! What the companion counts.

use doorway_proto::rooms::Counts;
use doorway_proto::signaling::Refusal;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

/// Handles to the companion's metrics, looked up once.
pub(crate) struct Numbers {
    pub(crate) sockets: Gauge,
    pub(crate) turned_away: Counter,
    pub(crate) wrong_secrets: Counter,
    pub(crate) secrets_unanswered: Counter,
    pub(crate) frames_in: Counter,
    pub(crate) frames_out: Counter,
    clients: Gauge,
    stations: Gauge,
    rooms: Gauge,
}

const REFUSALS: &str = "doorway_companion_refusals_total";

const SECRETS: &str = "doorway_companion_wrong_secrets_total";

impl Numbers {
    pub(crate) fn new() -> Self {
        describe_gauge!("doorway_companion_sockets", "Open connections of any kind");
        describe_counter!(
            "doorway_companion_turned_away_total",
            "Strangers' connections closed for others', as there were too many"
        );
        describe_counter!(SECRETS, "Wrong secrets by what became of them: told, or not looked at");
        describe_counter!("doorway_companion_frames_total", "Frames by direction");
        describe_gauge!("doorway_companion_endpoints", "Endpoints in rooms by kind");
        describe_gauge!("doorway_companion_rooms", "Rooms with somebody in them");
        describe_counter!(REFUSALS, "Endpoints refused, by reason");
        Self {
            sockets: gauge!("doorway_companion_sockets"),
            turned_away: counter!("doorway_companion_turned_away_total"),
            wrong_secrets: counter!(SECRETS, "outcome" => "wrong"),
            secrets_unanswered: counter!(SECRETS, "outcome" => "unanswered"),
            frames_in: counter!("doorway_companion_frames_total", "direction" => "in"),
            frames_out: counter!("doorway_companion_frames_total", "direction" => "out"),
            clients: gauge!("doorway_companion_endpoints", "kind" => "client"),
            stations: gauge!("doorway_companion_endpoints", "kind" => "station"),
            rooms: gauge!("doorway_companion_rooms"),
        }
    }

    pub(crate) fn refused(&self, code: Refusal) {
        counter!(REFUSALS, "reason" => label(code)).increment(1);
    }

    pub(crate) fn counts(&self, counts: Counts) {
        let Counts { rooms, clients, stations } = counts;
        self.rooms.set(rooms as f64);
        self.clients.set(clients as f64);
        self.stations.set(stations as f64);
    }
}

/// The code as it is written on the wire.
pub(crate) fn label(code: Refusal) -> &'static str {
    match code {
        Refusal::Version => "version",
        Refusal::Secret => "secret",
        Refusal::Unclaimed => "unclaimed",
        Refusal::IdTaken => "id_taken",
        Refusal::Replaced => "replaced",
        Refusal::Full => "full",
        Refusal::ForeignStation => "foreign_station",
        Refusal::Malformed => "malformed",
        Refusal::TooFast => "too_fast",
        Refusal::TooSlow => "too_slow",
    }
}
