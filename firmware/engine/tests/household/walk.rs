//! A random walk over three pages and a network that fails: whatever happens, a press rings who is there, each state has a
//! deadline, and everything comes to rest with nothing left.

use std::time::{Duration, Instant};

use doorway_core::Activity;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::net::Weather;
use crate::world::World;

const PAGES: [&str; 3] = ["attic", "hall", "kitchen"];
/// Days that went wrong once, and go first ever after.
const REGRESSIONS: [u64; 0] = [];
const STEPS_A_DAY: usize = 200;
/// How many days; `DOORWAY_WALK_DAYS` for more.
const DAYS: u64 = 500;

struct Walk {
    world: World,
    rng: SmallRng,
    /// Everything that may have opened the door.
    asked: usize,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let max_talkers = if rng.random_bool(0.2) { 3 } else { 1 };
        let weather = [Weather::FINE, Weather::losing(2.0), Weather::losing(15.0)][rng.random_range(0..3)];
        let world = World::made_of(weather, seed, &["front-door"], &PAGES, max_talkers);
        Self { world, rng, asked: 0 }
    }

    fn day(seed: u64) -> (usize, Duration) {
        let mut walk = Self::new(seed);
        for _ in 0..STEPS_A_DAY {
            walk.step();
            walk.check();
        }
        walk.come_to_rest();
        (STEPS_A_DAY, walk.world.lived)
    }

    fn step(&mut self) {
        let page = self.rng.random_range(0..PAGES.len());
        let (id, now) = (self.world.stations[0].id.clone(), self.world.now);
        match self.rng.random_range(0..100) {
            0..12 => self.press(),
            12..30 => self.world.pages[page].accept(now),
            30..36 => self.world.pages[page].decline(),
            36..42 => self.world.pages[page].hang_up(),
            42..50 => self.world.pages[page].watch(&id, now),
            50..62 => {
                self.asked += 1;
                self.world.pages[page].unlock();
            }
            62..64 => {
                self.asked += 1;
                self.world.press(0, "exit");
            }
            64..68 => self.world.break_socket(page),
            68..71 => self.world.open_page(page),
            71..73 => self.world.close_page(page),
            73..75 => self.world.move_page(page),
            75..76 => self.world.move_station(0),
            76..78 => self.world.companion(self.rng.random_bool(0.8)),
            78..79 => self.world.pages[page].frozen = true,
            79..82 => {
                let address = self.world.pages[page].address.ip();
                self.world.net.cut(address, self.rng.random_bool(0.3));
            }
            82..84 => {
                let loss = [0.0, 1.0, 10.0, 60.0][self.rng.random_range(0..4)];
                self.world.net.weather = Weather::losing(loss);
            }
            84..85 => self.world.pass(Duration::from_secs(20)),
            _ => {}
        }
        let ms = [1, 5, 20, 60, 200, 600][self.rng.random_range(0..6)];
        self.world.pass(Duration::from_millis(ms));
    }

    /// A press rings everybody who is there, where nothing rang before and nobody who was rung talks.
    fn press(&mut self) {
        let quiet = matches!(self.world.stations[0].engine.activity(), Activity::Idle | Activity::Watched);
        let before: Vec<usize> = self.world.pages.iter().map(|page| page.seen.rings).collect();
        let there: Vec<bool> = self.world.pages.iter().map(|page| page.online && !page.frozen).collect();
        self.world.press(0, "call");
        // What rings already may come to its end at this moment.
        let activity = self.world.stations[0].engine.activity();
        assert!(!quiet || activity != Activity::Idle, "a press came to nothing");
        for (index, page) in self.world.pages.iter().enumerate() {
            assert!(!quiet || !there[index] || page.seen.rings > before[index], "{} is not rung", page.id);
        }
    }

    fn check(&self) {
        let station = &self.world.stations[0];
        let activity = station.engine.activity();
        assert!(
            activity == Activity::Idle || station.engine.poll_timeout().is_some(),
            "{activity:?} without a deadline"
        );
        assert!(station.relay.openings <= self.asked, "the door opened though nobody asked");
        assert!(station.engine.peers() <= PAGES.len(), "more connections than pages");
        let is_off = station.camera_due.is_none() && station.microphone_due.is_none();
        assert!(activity != Activity::Idle || is_off, "camera or microphone are on for nobody");
    }

    /// All pages are closed, and time alone does the rest.
    fn come_to_rest(&mut self) {
        for page in 0..PAGES.len() {
            self.world.close_page(page);
        }
        self.world.pass(Duration::from_secs(80));
        let station = &self.world.stations[0];
        assert!(station.is_at_rest(), "{:?} after everybody has gone", station.engine.activity());
        assert!(self.world.is_at_rest());
    }
}

#[test]
fn whatever_happens_a_press_rings_and_everything_comes_to_rest() {
    let days = std::env::var("DOORWAY_WALK_DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(DAYS);
    let began = Instant::now();
    let (mut steps, mut lived) = (0, Duration::ZERO);
    for seed in REGRESSIONS.into_iter().chain(0..days) {
        let day = std::panic::catch_unwind(|| Walk::day(seed));
        let Ok((day_steps, day_lived)) = day else { panic!("on the day of seed {seed}") };
        steps += day_steps;
        lived += day_lived;
    }
    let ratio = lived.as_secs_f64() / began.elapsed().as_secs_f64();
    println!("{steps} steps, {:.1} hours, {ratio:.0} seconds of them in one", lived.as_secs_f64() / 3600.0);
}
