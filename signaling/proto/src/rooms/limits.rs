//! How many, how much and how fast.

use std::time::{Duration, Instant};

use crate::MAX_CLIENTS_PER_ROOM;

/// The longest name of a client or label, in characters.
pub const MAX_NAME_CHARS: usize = 64;

/// The longest `resume`, in bytes.
pub const MAX_RESUME_BYTES: usize = 128;

/// What a station tells about itself has at most this many bytes as a message. Enough for a panel of a hundred flats.
pub const MAX_STATION_BYTES: usize = 16 * 1024;

/// What a companion takes on. The defaults assume some hundred households or one large building on a small board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rooms at the same time.
    pub rooms: usize,
    /// Endpoints in all rooms together.
    pub endpoints: usize,
    /// Clients in one room, [`MAX_CLIENTS_PER_ROOM`] at most where a station is to ring them all.
    pub clients_per_room: usize,
    /// Stations in one room.
    pub stations_per_room: usize,
    /// Frames of a client. A call costs an answer and a dozen candidates.
    pub client_rate: Rate,
    /// Frames of a station, which rings every client of its room at once.
    pub station_rate: Rate,
    /// Bytes of a client's frames. A call costs an answer of some KiB.
    pub client_bytes: Rate,
    /// Bytes of a station's frames: an offer of some KiB for every client of its room.
    pub station_bytes: Rate,
    /// Whether stations come in over the network. A companion inside a station has its own and needs no other: whoever
    /// knows a client's secret would ring the household as one.
    pub foreign_stations: bool,
}

/// What waits for an endpoint that has read nothing for so long is its own fault; before, that of who sent so much.
pub(super) const SLOW_AFTER: Duration = Duration::from_secs(3);

impl Default for Limits {
    fn default() -> Self {
        Self {
            rooms: 1024,
            endpoints: 16 * 1024,
            clients_per_room: MAX_CLIENTS_PER_ROOM,
            stations_per_room: 64,
            client_rate: Rate { burst: 120, per_second: 20 },
            station_rate: Rate { burst: 8192, per_second: 2048 },
            client_bytes: Rate { burst: 256 * 1024, per_second: 32 * 1024 },
            station_bytes: Rate { burst: 16 * 1024 * 1024, per_second: 2 * 1024 * 1024 },
            foreign_stations: true,
        }
    }
}

/// How fast frames, or their bytes, may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once after a pause.
    pub burst: u32,
    /// So many in the long run; 0 is taken as 1.
    pub per_second: u32,
}

/// A token bucket, kept as the instant at which it will be full again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes so many tokens if they are there, else none.
    pub(super) fn take(&mut self, tokens: usize, rate: Rate, now: Instant) -> bool {
        let one = Duration::from_secs(1) / rate.per_second.max(1);
        let full_at = self.full_at.max(now) + one.saturating_mul(u32::try_from(tokens).unwrap_or(u32::MAX));
        let enough = full_at.duration_since(now) <= one.saturating_mul(rate.burst);
        if enough {
            self.full_at = full_at;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, per_second: 10 };

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let taken = |bucket: &mut Bucket, at| (0..100).filter(|_| bucket.take(1, RATE, at)).count();
        assert_eq!(taken(&mut bucket, start), 3);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(99)), 0);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(100)), 1);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(350)), 2);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(60)), 3);
    }

    #[test]
    fn a_clock_that_stands_still_or_jumps_back_gives_no_tokens_away() {
        let start = Instant::now() + Duration::from_secs(60);
        let mut bucket = Bucket::full(start);
        assert!((0..3).all(|_| bucket.take(1, RATE, start)));
        assert!(!bucket.take(1, RATE, start - Duration::from_secs(30)));
        assert!(bucket.take(1, RATE, start + Duration::from_secs(1)));
    }
}
