//! Wrong secrets, charged to who says them before they are answered. Pure.
//!
//! A host that knows the secret is never charged, and one that has known it is not kept out by what others guess.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::allowance::{Bucket, Pace};
use crate::source::{Host, Network, Source};

/// Wrong ones that a host may say before it has to wait: a person mistypes.
const FREE: u32 = 5;
/// The first wait, which doubles with every further one up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// What a host guessed is forgotten after a pause of this length.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
/// Hosts that are remembered; of more the one goes that was quiet for longest, and last those who knew the secret.
const REMEMBERED: usize = 4096;

/// One network of hosts that were never here before, each with addresses of its own.
const OF_A_NETWORK: Pace = Pace { burst: 30, every: Duration::from_secs(1) };
/// All hosts that were never here before.
const IN_ALL: Pace = Pace { burst: 120, every: Duration::from_millis(250) };
/// This machine: one proxy stands for many, and none of them is to lock out the others.
const OF_THIS_MACHINE: Pace = Pace { burst: 30, every: Duration::from_secs(1) };
/// The household is told of guesses no more often than this.
const ALARM_EVERY: Duration = Duration::from_secs(60);

/// Who has guessed how often.
#[derive(Debug)]
pub(crate) struct Guesses {
    hosts: HashMap<IpAddr, Record>,
    networks: HashMap<Network, Bucket>,
    in_all: Bucket,
    of_this_machine: Bucket,
    untold: Alarm,
    /// Somebody had to wait.
    is_alarming: bool,
    alarmed_at: Option<Instant>,
}

/// What the household should know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Alarm {
    /// Wrong secrets since the last alarm.
    pub(crate) wrong: u32,
    /// Secrets that were not looked at since.
    pub(crate) unanswered: u32,
}

#[derive(Debug)]
struct Record {
    wrong: u32,
    wait_until: Instant,
    heard_at: Instant,
    has_known: bool,
}

impl Guesses {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            hosts: HashMap::new(),
            networks: HashMap::new(),
            in_all: Bucket::full(now),
            of_this_machine: Bucket::full(now),
            untold: Alarm::default(),
            is_alarming: false,
            alarmed_at: None,
        }
    }

    /// Somebody says a secret, which counts as a wrong one until [`handle_right`](Self::handle_right). Charged whether
    /// or not they wait for the answer.
    ///
    /// # Errors
    /// How long they have to wait; the secret is not to be looked at.
    pub(crate) fn handle_guess(&mut self, source: Source, now: Instant) -> Result<(), Duration> {
        let charged = match source {
            Source::Local => self.of_this_machine.take(OF_THIS_MACHINE, now),
            Source::Remote(host) => self.charge(host, now),
        };
        match charged {
            Ok(()) => self.untold.wrong = self.untold.wrong.saturating_add(1),
            Err(_) => {
                self.untold.unanswered = self.untold.unanswered.saturating_add(1);
                self.is_alarming = true;
            }
        }
        charged
    }

    /// The secret that was charged last to `source` was right.
    pub(crate) fn handle_right(&mut self, source: Source, now: Instant) {
        self.untold.wrong = self.untold.wrong.saturating_sub(1);
        let Source::Remote(Host { host, network }) = source else {
            return self.of_this_machine.give_back(OF_THIS_MACHINE);
        };
        let record = self.record(host, now);
        let was_known = std::mem::replace(&mut record.has_known, true);
        (record.wrong, record.wait_until) = (0, now);
        if !was_known {
            self.in_all.give_back(IN_ALL);
            if let Some(bucket) = self.networks.get_mut(&network) {
                bucket.give_back(OF_A_NETWORK);
            }
        }
    }

    /// Whether the household should be told now.
    pub(crate) fn poll_alarm(&mut self, now: Instant) -> Option<Alarm> {
        let is_due = self.alarmed_at.is_none_or(|at| now.saturating_duration_since(at) >= ALARM_EVERY);
        if !is_due || !std::mem::take(&mut self.is_alarming) {
            return None;
        }
        self.alarmed_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }

    fn charge(&mut self, from: Host, now: Instant) -> Result<(), Duration> {
        let Host { host, network } = from;
        let record = self.record(host, now);
        let wait = record.wait_until.saturating_duration_since(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        if !record.has_known {
            if !from.is_alone() {
                self.networks.retain(|_, bucket| !bucket.is_full(now));
                let bucket = self.networks.entry(network).or_insert(Bucket::full(now));
                bucket.take(OF_A_NETWORK, now)?;
            }
            self.in_all.take(IN_ALL, now)?;
        }
        let record = self.record(host, now);
        record.wrong = record.wrong.saturating_add(1);
        let wait = wait_after(record.wrong);
        record.wait_until = now + wait;
        self.is_alarming |= !wait.is_zero();
        Ok(())
    }

    fn record(&mut self, host: IpAddr, now: Instant) -> &mut Record {
        if self.hosts.len() >= REMEMBERED && !self.hosts.contains_key(&host) {
            let quietest = self.hosts.iter().min_by_key(|(_, record)| (record.has_known, record.heard_at));
            if let Some(quietest) = quietest.map(|(host, _)| *host) {
                self.hosts.remove(&quietest);
            }
        }
        let record =
            self.hosts.entry(host).or_insert(Record { wrong: 0, wait_until: now, heard_at: now, has_known: false });
        if now.saturating_duration_since(record.heard_at) >= FORGOTTEN_AFTER {
            record.wrong = 0;
        }
        record.heard_at = now;
        record
    }
}

fn wait_after(wrong: u32) -> Duration {
    match wrong.checked_sub(FREE + 1) {
        None => Duration::ZERO,
        // Sixteen doublings pass the longest wait: counting further would only overflow.
        Some(further) => FIRST_WAIT.saturating_mul(1 << further.min(16)).min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::{from, neighbour, on_link};

    const SECOND: Duration = Duration::from_secs(1);

    /// How many guesses are answered of one host that never pauses.
    fn answered(guesses: &mut Guesses, source: Source, start: Instant, lasts: Duration) -> usize {
        let steps = u32::try_from(lasts.as_millis() / 100).unwrap();
        (0..steps).filter(|n| guesses.handle_guess(source, start + SECOND / 10 * *n).is_ok()).count()
    }

    #[test]
    fn one_host_gets_fewer_and_fewer_answers() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        let hostile = from("192.0.2.66");
        // Five, and one more after 1, 2, 4, 8, 16 and 32 seconds.
        assert_eq!(answered(&mut guesses, hostile, start, SECOND * 60), 11);
        let day = answered(&mut guesses, hostile, start + SECOND * 60, SECOND * 86_400);
        assert!(day < 300, "{day} guesses a day");
        assert!(guesses.handle_guess(from("192.0.2.7"), start + SECOND * 86_460).is_ok(), "others do not wait for it");
    }

    #[test]
    fn a_person_who_mistypes_comes_in_and_starts_anew() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        let phone = from("192.0.2.7");
        for _ in 0..3 {
            for _ in 0..FREE {
                guesses.handle_guess(phone, start).unwrap();
            }
            guesses.handle_right(phone, start);
        }
        assert_eq!(guesses.poll_alarm(start), None);
    }

    #[test]
    fn hosts_in_all_are_limited_and_those_who_knew_the_secret_are_not_kept_out() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        let tablet = from("192.0.2.7");
        guesses.handle_guess(tablet, start).unwrap();
        guesses.handle_right(tablet, start);
        let asked = 2000;
        let answered = (0..asked).filter(|n| {
            let host = from(&format!("10.0.{}.{}", n / 250, n % 250));
            guesses.handle_guess(host, start).is_ok()
        });
        assert_eq!(answered.count(), 120);
        assert!(guesses.handle_guess(from("10.9.9.9"), start).is_err());
        guesses.handle_guess(tablet, start).unwrap();
        let hosts = 20 * SECOND.as_millis() / IN_ALL.every.as_millis();
        let answered = (0..asked).filter(|n| {
            let host = from(&format!("10.1.{}.{}", n / 250, n % 250));
            guesses.handle_guess(host, start + SECOND * 20).is_ok()
        });
        assert_eq!(answered.count() as u128, hosts);
    }

    #[test]
    fn one_host_under_many_addresses_of_a_network_leaves_some_to_others() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        let answered = (1..2000).filter(|n| guesses.handle_guess(on_link(&format!("2001:db8::{n:x}")), start).is_ok());
        assert_eq!(answered.count(), 30);
        let answered = (1..2000)
            .filter(|n| guesses.handle_guess(neighbour(&format!("2001:db8:1::{n:x}"), 66), start).is_ok())
            .count();
        assert_eq!(answered, 30);
        guesses.handle_guess(neighbour("2001:db8:1::7", 7), start).unwrap();
        guesses.handle_guess(from("192.0.2.7"), start).unwrap();
    }

    #[test]
    fn behind_a_proxy_nobody_is_locked_out_for_long() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        assert_eq!(answered(&mut guesses, Source::Local, start, SECOND * 100), 30 + 99);
        assert!(guesses.handle_guess(Source::Local, start + SECOND * 101).is_ok());
        guesses.handle_right(Source::Local, start + SECOND * 101);
    }

    #[test]
    fn the_household_is_told_once_a_minute_and_not_for_a_typing_error() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        let hostile = from("192.0.2.66");
        for _ in 0..FREE {
            guesses.handle_guess(hostile, start).unwrap();
            assert_eq!(guesses.poll_alarm(start), None);
        }
        guesses.handle_guess(hostile, start).unwrap();
        assert_eq!(guesses.poll_alarm(start), Some(Alarm { wrong: 6, unanswered: 0 }));
        for _ in 0..100 {
            guesses.handle_guess(hostile, start).unwrap_err();
            assert_eq!(guesses.poll_alarm(start), None);
        }
        assert_eq!(guesses.poll_alarm(start + SECOND * 60), Some(Alarm { wrong: 0, unanswered: 100 }));
    }

    #[test]
    fn it_remembers_a_bounded_number_of_hosts_and_last_forgets_who_knew_the_secret() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        let tablet = from("192.0.2.7");
        guesses.handle_guess(tablet, start).unwrap();
        guesses.handle_right(tablet, start);
        for n in 0..3 * REMEMBERED {
            let _ = guesses.handle_guess(from(&format!("10.1.{}.{}", n / 250, n % 250)), start + SECOND);
        }
        assert!(guesses.hosts.len() <= REMEMBERED);
        guesses.handle_guess(tablet, start + SECOND).unwrap();
    }

    #[test]
    fn an_hour_later_it_is_forgotten() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        let host = from("192.0.2.66");
        for _ in 0..=FREE {
            guesses.handle_guess(host, start).unwrap();
        }
        assert!((0..FREE).all(|_| guesses.handle_guess(host, start + FORGOTTEN_AFTER).is_ok()));
    }
}
