//! Layers that are the same wherever an agent runs inside a Linux device: a virtual board, or one on a bench.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;

use super::layers::{Clock, Contacts, Impairment, Move, Service, Wire};
use crate::jig::{Jig, Step};

/// Where the daemon's package has its configuration.
const CONFIG: &str = "/etc/doorway/doorway.toml";

/// Wires that an agent moves and reads: on a virtual board the one inside, on a bench the one of the jig's own computer.
#[derive(Debug)]
pub struct Wires {
    jig: Jig,
    names: WireNames,
}

/// What the wires are called there.
#[derive(Debug, Clone)]
pub struct WireNames {
    /// The call button.
    pub call: String,
    /// A second call button.
    pub second_call: String,
    /// The door's relay.
    pub relay: String,
    /// The button's light.
    pub indicator: String,
}

impl Wires {
    /// Wires of these names, by this agent.
    pub fn new(jig: Jig, names: WireNames) -> Self {
        Self { jig, names }
    }

    fn name(&self, wire: Wire) -> &str {
        match wire {
            Wire::Call => &self.names.call,
            Wire::SecondCall => &self.names.second_call,
            Wire::Relay => &self.names.relay,
            Wire::Indicator => &self.names.indicator,
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
        self.jig.play(self.name(button), &steps).await
    }

    async fn watch(&self, wire: Wire) -> Result<()> {
        self.jig.watch(&[self.name(wire)]).await
    }

    async fn moves(&self) -> Result<Vec<Move>> {
        let changes = self.jig.noted().await?.into_iter();
        Ok(changes.map(|change| Move { active: change.high, at: Duration::from_micros(change.at_us) }).collect())
    }

    async fn is_active(&self, wire: Wire) -> Result<bool> {
        self.jig.is_high(self.name(wire)).await
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

/// Impairs the device's network from inside, both ways: what comes in goes through a device of its own first.
pub async fn impair(jig: &Jig, impairment: Option<Impairment>) -> Result<()> {
    let interface = interface(jig).await?;
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
pub async fn lost(jig: &Jig) -> Result<(u64, u64)> {
    let interface = interface(jig).await?;
    let dropped = async |device: &str| -> Result<u64> {
        let text = jig.sh(&format!("tc -s qdisc show dev {device} root")).await?;
        let count = text.split("dropped ").nth(1).and_then(|rest| rest.split(',').next());
        count.and_then(|count| count.trim().parse().ok()).with_context(|| format!("nothing of drops in {text}"))
    };
    Ok((dropped(&interface).await?, dropped("ifb0").await?))
}

/// Gives the device the address `new` in place of `old`.
pub async fn renumber(jig: &Jig, old: &str, new: &str) -> Result<()> {
    let interface = interface(jig).await?;
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

/// The device's network card; the first where there are several.
async fn interface(jig: &Jig) -> Result<String> {
    let names = jig.sh("for i in /sys/class/net/*/device; do basename ${i%/device}; done").await?;
    Ok(names.lines().next().context("the device has no network card")?.to_owned())
}
