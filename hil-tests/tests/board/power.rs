//! Power that goes and comes back, and a machine that hangs as a whole.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hil_tests::device::layers::{Ability, Wire};
use hil_tests::device::{Board, Device};
use hil_tests::scene::Scene;
use hil_tests::wait::{Look, until};

use crate::harness::{BoardCase, CASE, Pace, SOON, figure, on_a_device, with_page};
use crate::scenes::{notices_the_end, open_the_door, rings_again, talk};

pub(crate) const CASES: &[BoardCase] = &[
    (
        "a_power_cut_in_the_pulse_leaves_the_door_shut_and_the_device_rings_again",
        Pace::Slow,
        &[Ability::PowerCut],
        |ready| {
            on_a_device(ready, STARTS + CASE, async |case, board| {
                let mut scene = with_page(case, board).await?;
                talk(&scene).await?;
                open_the_door(&scene).await?;
                let power = scene.device.layers.power()?;
                power.cut().await?;
                notices_the_end(&scene).await?;
                power.give().await?;
                scene.device.begin_after_a_start(STARTS).await?;
                rings_again_with_the_door_shut(scene).await
            });
        },
    ),
    (
        "a_reset_in_the_pulse_leaves_the_door_shut_and_the_device_rings_again",
        Pace::Slow,
        &[Ability::PowerCut, Ability::ServiceManager],
        |ready| {
            on_a_device(ready, STARTS + CASE, async |case, board| {
                let mut scene = with_page(case, board).await?;
                talk(&scene).await?;
                let before = boot(&scene.device).await?;
                open_the_door(&scene).await?;
                scene.device.layers.power()?.reset().await?;
                notices_the_end(&scene).await?;
                has_started_again(&scene.device, &before).await?;
                scene.device.begin().await?;
                rings_again_with_the_door_shut(scene).await
            });
        },
    ),
    (
        "switched_on_it_is_able_to_ring_without_anybody",
        Pace::Slow,
        &[Ability::PowerCut, Ability::ServiceManager],
        |ready| {
            on_a_device(ready, STARTS + CASE, async |case, board| {
                let mut scene = with_page(case, board).await?;
                let power = scene.device.layers.power()?;
                power.cut().await?;
                power.give().await?;
                scene.device.begin_after_a_start(STARTS).await?;
                tell_how_it_started(&scene.device).await?;
                rings_again_with_the_door_shut(scene).await
            });
        },
    ),
    (
        "with_daemon_and_service_manager_hung_in_the_pulse_the_kernels_watchdog_shuts_the_door_and_it_rings_again",
        Pace::Slow,
        &[Ability::Watchdog],
        |ready| {
            on_a_device(ready, STARTS + CASE, async |case, board| {
                let mut scene = with_page(case, board).await?;
                talk(&scene).await?;
                let before = boot(&scene.device).await?;
                open_the_door(&scene).await?;
                let pid = scene.device.status().await?.pid;
                // A service manager that crashes stays as it is, and no longer feeds the watchdog.
                scene.device.inside().sh(&format!("kill -STOP {pid}; kill -SEGV 1")).await?;
                let hung = Instant::now();
                notices_the_end(&scene).await?;
                has_started_again(&scene.device, &before).await?;
                let since: f64 = scene.device.inside().sh("cut -d ' ' -f 1 /proc/uptime").await?.trim().parse()?;
                figure("hang to the kernel's start", hung.elapsed().as_secs_f64() - since, "s");
                scene.device.begin().await?;
                rings_again_with_the_door_shut(scene).await
            });
        },
    ),
];

/// How long a device may take from power-on to able to ring; an emulated one takes its time.
pub(crate) const STARTS: Duration = Duration::from_secs(420);

async fn rings_again_with_the_door_shut(scene: Scene<Board>) -> Result<()> {
    ensure!(!scene.device.layers.contacts.is_active(Wire::Relay).await?, "the relay is energised");
    rings_again(&scene).await?;
    scene.leave_nothing().await
}

/// Waits until the kernel has started again since `before`, see [`boot`].
pub(crate) async fn has_started_again(board: &Board, before: &str) -> Result<()> {
    until("the device has started again", STARTS, async || {
        board.layers.inside.reach(SOON).await?;
        let now = boot(board).await?;
        Ok(Look::when(now != before, (), now))
    })
    .await
}

/// The present start of the kernel's.
pub(crate) async fn boot(board: &Board) -> Result<String> {
    board.inside().sh("cat /proc/sys/kernel/random/boot_id").await
}

/// From the start of the kernel to able to ring, in seconds and in CPU time, and the daemon's share. A device that does not
/// keep what it took up to then tells what it took up to now.
pub(crate) async fn tell_how_it_started(board: &Board) -> Result<()> {
    // user nice system idle iowait irq softirq, in hundredths of a second
    let busy = "file=/proc/stat
        if systemctl cat at-ready >/dev/null 2>&1; then file=/run/at-ready; fi
        awk '/^cpu /{print ($2 + $3 + $4 + $7 + $8) / 100}' $file";
    let daemon = "awk '{print ($14 + $15) / 100}' /proc/$(systemctl show --value --property=MainPID doorwayd)/stat";
    let ready = "systemctl show --value --property=ActiveEnterTimestampMonotonic doorwayd";
    let seconds = async |script: &str| -> Result<f64> { Ok(board.inside().sh(script).await?.trim().parse()?) };
    figure("CPU time of the start", seconds(busy).await?, "s");
    figure("the daemon's share", seconds(daemon).await?, "s");
    figure("start of the kernel to the daemon ready", seconds(ready).await? / 1e6, "s");
    Ok(())
}
