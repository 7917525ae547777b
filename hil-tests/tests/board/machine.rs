//! What a machine does to its daemon: clocks that jump, disks that are full, memory and processors that others want.

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{MICROPHONE_HZ, View};
use hil_tests::device::layers::Ability;
use hil_tests::device::{Board, Device};
use hil_tests::scene::{Scene, station_hears};

use crate::harness::{BoardCase, CASE, Pace, SOON, figure, on_a_device, with_page};
use crate::scenes::rings_again;

pub(crate) const CASES: &[BoardCase] = &[
    ("a_clock_that_jumps_an_hour_both_ways_changes_nothing_of_a_call", Pace::Quick, &[Ability::Clock], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let scene = with_page(case, board).await?;
            scene.ring().await?;
            scene.answer().await?;
            for forward in [true, false, false, true] {
                scene.device.layers.clock()?.jump(if forward { 3600 } else { -3600 }).await?;
                scene.device.picture_moves(&scene.page, 5, SOON).await?;
                station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
            }
            ensure!(scene.device.status().await?.activity == Activity::InCall);
            scene.page.click("#hang-up").await?;
            scene.leave_nothing().await
        });
    }),
    ("with_no_space_left_on_its_disk_it_starts_rings_and_talks", Pace::Quick, &[Ability::Sacrifice], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let mut scene = with_page(case, board).await?;
            let inside = scene.device.inside().clone();
            // Quickly all but what the file system keeps for root, which an overlay's users have as well; then that, in
            // steps as small as those of a daemon.
            let fill = "for place in /var /var/lib/doorway; do \
                 left=$(df --output=avail --block-size=1 $place | tail -n 1); \
                 [ $left = 0 ] || fallocate --length $left $place/full; \
                 dd if=/dev/zero bs=4k oflag=append conv=notrunc of=$place/full 2>/dev/null; \
                 if head -c 4096 /dev/zero 2>/dev/null >$place/more; then df $place; exit 1; fi; \
                 rm $place/more; \
                 done";
            inside.sh(fill).await?;
            scene.device.restart().await?;
            scene.page.wait_online(SOON).await?;
            talk_and_leave(scene).await?;
            inside.sh("rm --force /var/full /var/lib/doorway/full").await?;
            Ok(())
        });
    }),
    ("with_its_data_read_only_it_starts_rings_and_talks", Pace::Quick, &[Ability::Sacrifice], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let mut scene = with_page(case, board).await?;
            let read_only = "mount -t tmpfs -o mode=755 tmpfs /var/lib/doorway && chown doorway:doorway /var/lib/doorway && \
                 mount -o remount,ro /var/lib/doorway";
            scene.device.inside().sh(read_only).await?;
            scene.device.restart().await?;
            scene.page.wait_online(SOON).await?;
            talk_and_leave(scene).await
        });
    }),
    ("with_little_memory_left_it_rings_and_talks", Pace::Quick, &[Ability::Sacrifice], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let scene = with_page(case, board).await?;
            // All but 48 MB of what is free is taken, and cannot be given back.
            let take = "free=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo); \
                 mount -t tmpfs -o size=100% tmpfs /mnt && head -c $(( (free - 49152) * 1024 )) /dev/zero >/mnt/taken";
            scene.device.inside().sh(take).await?;
            talk_and_leave(scene).await
        });
    }),
    ("with_both_processors_busy_it_rings_and_talks", Pace::Quick, &[Ability::Sacrifice], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let scene = with_page(case, board).await?;
            scene
                .device
                .inside()
                .sh("for n in 1 2; do nice -n 5 sh -c 'while :; do :; done' >/dev/null 2>&1 & done")
                .await?;
            talk_and_leave(scene).await
        });
    }),
    (
        "a_daemon_that_is_killed_is_able_to_ring_again_within_its_two_seconds",
        Pace::Quick,
        &[Ability::ServiceManager],
        |ready| {
            on_a_device(ready, CASE, async |_case, mut board| {
                // An emulator translates a program when it runs for the first time, which is no time of the daemon's.
                killed_and_back(&mut board).await?;
                let start = killed_and_back(&mut board).await?;
                figure("CPU time of the daemon until able to ring", start.cpu, "s");
                figure("CPU time of its sandbox, of that", start.cpu_of_sandbox, "s");
                figure("CPU time of loading it, of that", start.cpu_of_loading, "s");
                figure("killed to restarted, by the service manager", start.waited, "s");
                figure("start of the daemon to able to ring", start.took, "s");
                ensure!(start.took < 2.0, "able to ring {} s after its start", start.took);
                board.press().await?;
                board.wait_for(Activity::Ringing, SOON).await.context("after the restart")?;
                Ok(())
            });
        },
    ),
    ("pages_and_daemon_find_each_other_in_any_order", Pace::Quick, &[], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let mut scene = with_page(case, board).await?;
            // The page is there first, then the daemon with its companion comes, twice.
            for _ in 0..2 {
                scene.device.layers.service.stop().await?;
                let offline = "return document.body.dataset.link !== 'online'";
                scene.page.wait_for("the page notices", SOON, offline).await?;
                scene.device.layers.service.start().await?;
                scene.device.begin().await?;
                rings_again(&scene).await?;
            }
            scene.leave_nothing().await
        });
    }),
];

async fn talk_and_leave(scene: Scene<Board>) -> Result<()> {
    scene.ring().await?;
    scene.page.click("#answer").await?;
    scene.page.wait_view(View::InCall, SOON).await?;
    scene.device.wait_for(Activity::InCall, SOON).await?;
    station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
    scene.device.picture_moves(&scene.page, 5, SOON).await?;
    scene.page.click("#hang-up").await?;
    scene.leave_nothing().await
}

/// What a start of the daemon takes after it was killed.
struct Start {
    /// CPU seconds until able to ring.
    cpu: f64,
    /// CPU seconds of the service manager before the program begins, in the same process, which are part of it.
    cpu_of_sandbox: f64,
    /// CPU seconds of loading the program, which are part of it too.
    cpu_of_loading: f64,
    /// Seconds from the kill to the start, which are the service manager's.
    waited: f64,
    /// Seconds from the start to able to ring.
    took: f64,
}

async fn killed_and_back(board: &mut Board) -> Result<Start> {
    let pid = board.status().await?.pid;
    let inside = board.inside().clone();
    let numbers = async |script: &str| -> Result<Vec<f64>> {
        let text = inside.sh(script).await?;
        text.split_whitespace()
            .map(|number| number.parse().with_context(|| format!("a number, not {number}")))
            .collect()
    };
    let cpu_of = |unit: &str| {
        format!("awk '{{print ($14 + $15) / 100}}' /proc/$(systemctl show --value --property=MainPID {unit})/stat")
    };
    let killed = numbers(&format!("cut -d ' ' -f 1 /proc/uptime; kill -9 {pid}")).await?;
    board.wait_until("the daemon is back", SOON, |status| status.pid != pid && status.companion.connected).await?;
    let cpu = cpu_of("doorwayd");
    let able = numbers(&format!("cut -d ' ' -f 1 /proc/uptime; {cpu}")).await?;
    let started = numbers("systemctl show --value --property=ExecMainStartTimestampMonotonic doorwayd").await?;
    // The same unit around a program that does nothing.
    let sandbox = cpu_of("doorway-nothing");
    let sandbox = format!(
        "unit=/run/systemd/system/doorway-nothing.service; \
         trap 'systemctl stop doorway-nothing; rm $unit; systemctl daemon-reload' EXIT; \
         systemctl cat doorwayd | \
             sed 's#^ExecStart=.*#ExecStart=/usr/bin/sleep infinity#; s#^Type=.*#Type=exec#; \
                  /^ExecStopPost=/d; /^WatchdogSec=/d' >$unit; \
         systemctl daemon-reload; systemctl start doorway-nothing; {sandbox}"
    );
    let loading = "times=/run/doorway-times; trap 'rm $times' EXIT; doorwayd --version >/dev/null; times >$times; \
         tail -n 1 $times | sed 's/0m//g; s/s//g' | awk '{print $1 + $2}'";
    let (sandbox, loading) = (numbers(&sandbox).await?, numbers(loading).await?);
    let (&[killed], &[able, cpu], &[started], &[cpu_of_sandbox], &[cpu_of_loading]) =
        (&*killed, &*able, &*started, &*sandbox, &*loading)
    else {
        anyhow::bail!("other numbers: {killed:?} {able:?} {started:?} {sandbox:?} {loading:?}");
    };
    let started = started / 1e6;
    ensure!(started > killed, "killed at {killed} s and started at {started} s");
    board.begin().await?;
    Ok(Start { cpu, cpu_of_sandbox, cpu_of_loading, waited: started - killed, took: able - started })
}
