//! Layers that are the same wherever an agent runs inside a Linux device: a virtual board, or one on a bench.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use serde::Deserialize;

use super::layers::{Clock, Contacts, Impairment, Move, Service, Wire};
use crate::jig::{Jig, Step, Wiring};
use crate::tone::Sound;

/// Where the daemon's package has its configuration.
pub const CONFIG: &str = "/etc/doorway/doorway.toml";

/// What the visitor sounds like, in Hz.
pub const VISITOR_HZ: f64 = 600.0;
/// What the visitor says, on the computer that speaks for them: in memory, which everybody may write to, and where no case
/// leaves no space. Its name also tells their player from others.
const VISITOR: &str = "/dev/shm/doorway-visitor.wav";
/// What the speaker said, on the computer that listened to it.
const SPEAKER: &str = "/dev/shm/doorway-speaker.wav";

/// Wires that an agent moves and reads: on a virtual board the one inside, on a bench the one of the jig's own computer.
#[derive(Debug)]
pub struct Wires {
    jig: Jig,
    lines: WireLines,
}

/// The line at each wire's other end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireLines {
    /// The call button's.
    pub call: Wiring,
    /// The second call button's.
    pub second_call: Wiring,
    /// The exit button's.
    pub exit: Wiring,
    /// The door relay's.
    pub relay: Wiring,
    /// The light's.
    pub indicator: Wiring,
}

impl Wires {
    /// Wires that end at these lines, by the agent of their computer.
    pub fn new(jig: Jig, lines: WireLines) -> Self {
        Self { jig, lines }
    }

    /// Opens the contacts of all buttons.
    ///
    /// # Errors
    /// When a line is not there.
    pub async fn open_buttons(&self) -> Result<()> {
        for button in [Wire::Call, Wire::SecondCall, Wire::Exit] {
            self.play(button, &[(false, Duration::ZERO)]).await?;
        }
        Ok(())
    }

    fn line(&self, wire: Wire) -> &Wiring {
        match wire {
            Wire::Call => &self.lines.call,
            Wire::SecondCall => &self.lines.second_call,
            Wire::Exit => &self.lines.exit,
            Wire::Relay => &self.lines.relay,
            Wire::Indicator => &self.lines.indicator,
        }
    }
}

#[async_trait(?Send)]
impl Contacts for Wires {
    async fn play(&self, button: Wire, steps: &[(bool, Duration)]) -> Result<()> {
        let step = |(closed, period): &(bool, Duration)| -> Result<Step> {
            Ok(Step { closed: *closed, for_us: u64::try_from(period.as_micros()).context("a period")? })
        };
        let steps = steps.iter().map(step).collect::<Result<Vec<_>>>()?;
        self.jig.play(self.line(button), &steps).await
    }

    async fn watch(&self, wire: Wire) -> Result<()> {
        self.jig.watch(&[self.line(wire).clone()]).await
    }

    async fn moves(&self) -> Result<Vec<Move>> {
        let changes = self.jig.noted().await?.into_iter();
        Ok(changes.map(|change| Move { active: change.active, at: Duration::from_micros(change.at_us) }).collect())
    }

    async fn is_active(&self, wire: Wire) -> Result<bool> {
        self.jig.is_active(self.line(wire)).await
    }
}

/// The daemon as its package's systemd unit.
#[derive(Debug)]
pub struct Systemd {
    jig: Jig,
}

impl Systemd {
    /// That of the device that the agent is on.
    pub fn new(jig: Jig) -> Self {
        Self { jig }
    }
}

#[async_trait(?Send)]
impl Service for Systemd {
    async fn config(&self) -> Result<String> {
        String::from_utf8(self.jig.read(CONFIG).await?).context("the configuration is UTF-8")
    }

    async fn set_config(&self, text: &str) -> Result<()> {
        // Into the file that is there, which keeps its owner and mode.
        self.jig.write("/run/doorway.toml", text.as_bytes()).await?;
        self.jig.sh(&format!("cat /run/doorway.toml >{CONFIG}")).await?;
        Ok(())
    }

    async fn start(&self) -> Result<()> {
        self.jig.sh("systemctl start doorwayd").await?;
        Ok(())
    }

    async fn stop(&self) -> Result<()> {
        self.jig.sh("systemctl stop doorwayd").await?;
        let result = self.jig.sh("systemctl show --property=Result --value doorwayd").await?;
        ensure!(result.trim() == "success", "the daemon was asked to end and ended with {result}");
        Ok(())
    }

    async fn log(&self) -> Result<String> {
        self.jig.sh("journalctl --no-pager --boot --output=cat --unit=doorwayd").await
    }
}

/// The device's own wall clock.
#[derive(Debug)]
pub struct SystemClock {
    jig: Jig,
}

impl SystemClock {
    /// That of the device that the agent is on.
    pub fn new(jig: Jig) -> Self {
        Self { jig }
    }
}

#[async_trait(?Send)]
impl Clock for SystemClock {
    async fn jump(&self, seconds: i64) -> Result<()> {
        let (wall, _) = self.jig.clock().await?;
        let by = Duration::from_secs(seconds.unsigned_abs());
        self.jig.set_clock(if seconds < 0 { wall.saturating_sub(by) } else { wall + by }).await
    }
}

/// The other end of the device's microphone and speaker: a sound card that is wired to its own, or the kernel's loopback.
#[derive(Debug)]
pub struct Air {
    jig: Jig,
    play: String,
    record: String,
    /// Whether what the visitor says was copied there.
    has_words: Cell<bool>,
}

impl Air {
    /// What is played to the PCM `play` is heard by the microphone, and `record` hears the speaker; both on the computer of the
    /// agent.
    pub fn new(jig: Jig, play: &str, record: &str) -> Self {
        Self { jig, play: play.to_owned(), record: record.to_owned(), has_words: Cell::default() }
    }

    /// Lets a visitor talk for a minute.
    ///
    /// # Errors
    /// When nothing can be played.
    pub async fn speak(&self) -> Result<()> {
        if !self.has_words.get() {
            let file = tempfile::NamedTempFile::new()?;
            Sound::speech_like(VISITOR_HZ, 60).write(file.path())?;
            self.jig.copy(file.path(), VISITOR).await?;
            self.has_words.set(true);
        }
        self.hush().await?;
        self.jig.sh(&format!("aplay -q -D {} {VISITOR} >/dev/null 2>&1 &", self.play)).await?;
        Ok(())
    }

    /// The visitor falls silent.
    ///
    /// # Errors
    /// When the agent is gone.
    pub async fn hush(&self) -> Result<()> {
        // Waits for its end: a PCM that is still open can't be played to.
        let pattern = format!("^aplay .*{VISITOR}");
        self.jig.sh(&format!("while pkill -f '{pattern}'; do sleep 0.05; done")).await?;
        Ok(())
    }

    /// What the speaker says in `seconds`.
    ///
    /// # Errors
    /// When nothing can be recorded.
    pub async fn speaker(&self, seconds: f64) -> Result<Sound> {
        let (record, whole) = (&self.record, seconds.ceil() as u64);
        self.jig
            .sh(&format!("arecord -q -D {record} -t wav -f S16_LE -r 48000 -c 1 -d {whole} {SPEAKER}"))
            .await
            .context("recording the speaker")?;
        Ok(Sound::parse(&self.jig.read(SPEAKER).await?)?.last(seconds))
    }
}

/// What the kernel of the agent's computer says of the PCMs that somebody has open.
///
/// # Errors
/// When the agent is gone.
pub async fn open_pcms(jig: &Jig) -> Result<String> {
    jig.sh("cat /proc/asound/card*/pcm*/sub*/status 2>/dev/null | grep -v closed || true").await
}

/// A device and its driver, in sysfs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The driver's folder.
    pub driver: String,
    /// The device's name there.
    pub device: String,
}

impl Bound {
    /// Takes it away from its driver, as unplugging does. The kernel is done with that once everybody has closed it.
    ///
    /// # Errors
    /// When the agent is gone.
    pub async fn unbind(&self, jig: &Jig) -> Result<()> {
        let Self { driver, device } = self;
        let script = format!("(echo {device} >{driver}/unbind) >/dev/null 2>&1 &");
        jig.sh(&script).await.context("unplugging")?;
        Ok(())
    }

    /// Gives it back.
    ///
    /// # Errors
    /// When the driver does not take it.
    pub async fn bind(&self, jig: &Jig) -> Result<()> {
        let Self { driver, device } = self;
        jig.sh(&format!("echo {device} >{driver}/bind")).await.context("plugging in")?;
        Ok(())
    }

    /// Gives it back unless its driver has it.
    ///
    /// # Errors
    /// When the driver does not take it.
    pub async fn be_bound(&self, jig: &Jig) -> Result<()> {
        let Self { driver, device } = self;
        if jig.sh(&format!("test -e {driver}/{device} || echo free")).await?.is_empty() {
            return Ok(());
        }
        self.bind(jig).await
    }
}

/// Impairs the device's network from inside, both ways: what comes in goes through a device of its own first.
pub async fn impair(jig: &Jig, interface: &str, impairment: Option<Impairment>) -> Result<()> {
    jig.sh(&format!(
        "tc qdisc del dev {interface} root 2>/dev/null || true
         tc qdisc del dev {interface} ingress 2>/dev/null || true
         ip link del ifb0 2>/dev/null || true"
    ))
    .await?;
    let Some(Impairment { loss_percent, delay, jitter }) = impairment else { return Ok(()) };
    let netem = format!("netem delay {}ms {}ms loss {loss_percent}%", delay.as_millis(), jitter.as_millis());
    jig.sh(&format!(
        "set -e
         modprobe -a ifb sch_netem sch_ingress cls_u32 act_mirred
         ip link show ifb0 >/dev/null 2>&1 || ip link add ifb0 type ifb
         ip link set ifb0 up
         tc qdisc add dev {interface} root {netem}
         tc qdisc add dev {interface} handle ffff: ingress
         tc filter add dev {interface} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ifb0
         tc qdisc add dev ifb0 root {netem}"
    ))
    .await?;
    Ok(())
}

/// What [`impair`] has lost so far, on the way out and on the way in.
pub async fn lost(jig: &Jig, interface: &str) -> Result<(u64, u64)> {
    let dropped = async |device: &str| -> Result<u64> {
        let text = jig.sh(&format!("tc -s qdisc show dev {device} root")).await?;
        let count = text.split("dropped ").nth(1).and_then(|rest| rest.split(',').next());
        count.and_then(|count| count.trim().parse().ok()).with_context(|| format!("nothing of drops in {text}"))
    };
    Ok((dropped(interface).await?, dropped("ifb0").await?))
}

/// Gives the device the address `new` in place of `old`.
pub async fn renumber(jig: &Jig, interface: &str, old: &str, new: &str) -> Result<()> {
    // Without the first line the new address would go with the old one, as its secondary.
    jig.sh(&format!(
        "set -e
         echo 1 >/proc/sys/net/ipv4/conf/{interface}/promote_secondaries
         prefix=$(ip -o -4 address show dev {interface} | sed -n 's|.* inet {old}/\\([0-9]*\\) .*|\\1|p')
         ip address add {new}/$prefix dev {interface}
         ip address del {old}/$prefix dev {interface}"
    ))
    .await?;
    Ok(())
}
