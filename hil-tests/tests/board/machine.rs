//! What a machine does to its daemon: clocks that jump, disks that are full, memory and processors that others want.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{MICROPHONE_HZ, View};
use hil_tests::device::{Board, Device};
use hil_tests::scene::{Scene, station_hears};

use crate::harness::{Bench, BoardCase, CASE, SOON, on_a_board};

pub(crate) const CASES: &[BoardCase] = &[
    ("a_clock_that_jumps_an_hour_both_ways_changes_nothing_of_a_call", |image| {
        on_a_board(image, CASE, async |case, image| {
            let (_machine, scene) = Bench::with_page(case, image).await?;
            scene.ring().await?;
            scene.answer().await?;
            for forward in [true, false, false, true] {
                let jig = scene.device.inside();
                let (wall, _) = jig.clock().await?;
                let hour = Duration::from_secs(3600);
                jig.set_clock(if forward { wall + hour } else { wall - hour }).await?;
                scene.device.picture_moves(&scene.page, 5, SOON).await?;
                station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
            }
            ensure!(scene.device.status().await?.activity == Activity::InCall);
            scene.page.click("#hang-up").await?;
            scene.leave_nothing().await
        });
    }),
    ("with_no_space_left_anywhere_it_rings_and_talks", |image| {
        on_a_board(image, CASE, async |case, image| {
            let (_machine, scene) = Bench::with_page(case, image).await?;
            let full = "mount -t tmpfs -o size=64k tmpfs /var/lib/doorway && head -c 1M /dev/zero >/var/lib/doorway/full || true; \
                 mount -o remount,ro /";
            scene.device.inside().sh(full).await?;
            talk_and_leave(scene).await
        });
    }),
    ("with_little_memory_left_it_rings_and_talks", |image| {
        on_a_board(image, CASE, async |case, image| {
            let (_machine, scene) = Bench::with_page(case, image).await?;
            // All but 48 MB of what is free is taken, and cannot be given back.
            let take = "free=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo); \
                 mount -t tmpfs -o size=100% tmpfs /mnt && head -c $(( (free - 49152) * 1024 )) /dev/zero >/mnt/taken";
            scene.device.inside().sh(take).await?;
            talk_and_leave(scene).await
        });
    }),
    ("with_both_processors_busy_it_rings_and_talks", |image| {
        on_a_board(image, CASE, async |case, image| {
            let (_machine, scene) = Bench::with_page(case, image).await?;
            scene
                .device
                .inside()
                .sh("for n in 1 2; do nice -n 5 sh -c 'while :; do :; done' >/dev/null 2>&1 & done")
                .await?;
            talk_and_leave(scene).await
        });
    }),
    ("a_daemon_that_is_killed_is_able_to_ring_again_within_its_two_seconds", |image| {
        on_a_board(image, CASE, async |case, image| {
            let mut bench = Bench::new(case, image).await?;
            let pid = bench.board.status().await?.pid;
            let (_, before) = bench.board.inside().clock().await?;
            bench.board.inside().sh(&format!("kill -9 {pid}")).await?;
            bench.board.begin().await?;
            let (_, after) = bench.board.inside().clock().await?;
            // A second of it is the service manager's own delay, and this look takes part of one.
            let took = after - before;
            eprintln!("figure: killed to able to ring {took:.2?}, RestartSec=1s in it");
            ensure!(took < Duration::from_secs(6), "able to ring after {took:?}");
            bench.board.press().await?;
            bench.board.wait_for(Activity::Ringing, SOON).await.context("after the restart")?;
            Ok(())
        });
    }),
    ("pages_and_daemon_find_each_other_in_any_order", |image| {
        on_a_board(image, CASE, async |case, image| {
            let (_machine, mut scene) = Bench::with_page(case, image).await?;
            // The page is there first, then the daemon with its companion comes, twice.
            for _ in 0..2 {
                scene.device.inside().sh("systemctl stop doorwayd").await?;
                let offline = "return document.body.dataset.link !== 'online'";
                scene.page.wait_for("the page notices", SOON, offline).await?;
                scene.device.inside().sh("systemctl start doorwayd").await?;
                scene.device.begin().await?;
                scene.page.wait_online(SOON).await?;
                scene.ring().await?;
                scene.page.click("#decline").await?;
                scene.device.wait_for(Activity::Idle, SOON).await?;
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
