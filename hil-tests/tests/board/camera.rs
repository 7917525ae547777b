//! A camera of the kernel's: unplugged and back, ill, and in every size that is meant for it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Health;
use hil_tests::browser::View;
use hil_tests::case::Case;
use hil_tests::device::layers::{Ability, CameraFault};
use hil_tests::device::{Board, Config, Device, Ready, Status};
use hil_tests::scene::Scene;

use crate::harness::{BoardCase, CASE, Pace, SOON, on_a_device, with_a_household, with_page};
use crate::scenes::{both_hear, call_id, hang_up, notice_ends, rings_again, talk};

pub(crate) const CASES: &[BoardCase] = &[
    ("unplugged_in_a_call_it_is_missed_and_its_picture_comes_back", Pace::Quick, &[Ability::CameraPlug], |ready| {
        with_a_household(ready, unplugged_in_a_call)
    }),
    (
        "unplugged_while_idle_it_is_missed_and_the_next_press_shows_it_again",
        Pace::Quick,
        &[Ability::CameraPlug],
        |ready| with_a_household(ready, unplugged_while_idle),
    ),
    (
        "that_stops_delivering_in_a_call_it_is_missed_and_its_picture_comes_back",
        Pace::Quick,
        &[Ability::CameraFaults],
        |ready| with_a_household(ready, stops_delivering),
    ),
    ("a_driver_that_fails_is_opened_again_and_the_call_goes_on", Pace::Quick, &[Ability::CameraFaults], |ready| {
        with_a_household(ready, fails)
    }),
    ("that_comes_after_the_daemon_is_seen", Pace::Slow, &[Ability::CameraFaults, Ability::ServiceManager], |ready| {
        on_a_device(ready, CASE, comes_late);
    }),
    (
        "that_another_program_uses_is_passed_over_for_the_next_one",
        Pace::Slow,
        &[Ability::CameraFaults, Ability::ServiceManager],
        |ready| on_a_device(ready, CASE, first_is_taken),
    ),
    ("in_another_format_that_a_program_left_it_is_negotiated_anew", Pace::Slow, &[Ability::CameraFaults], |ready| {
        with_a_household(ready, negotiated_anew)
    }),
    ("damaged_frames_are_left_out_of_the_picture", Pace::Slow, &[Ability::CameraFaults], |ready| {
        with_a_household(ready, delivers_damage)
    }),
    ("320x180_is_seen_in_the_page", Pace::Quick, &[], |ready| in_size(ready, (320, 180))),
    ("640x360_is_seen_in_the_page", Pace::Slow, &[], |ready| in_size(ready, (640, 360))),
    ("1280x720_is_seen_in_the_page", Pace::Slow, &[], |ready| in_size(ready, (1280, 720))),
    ("yuyv_is_taken_and_seen_in_the_page", Pace::Quick, &[Ability::CameraFormats], |ready| in_format(ready, "YUYV")),
    ("uyvy_is_taken_and_seen_in_the_page", Pace::Slow, &[Ability::CameraFormats], |ready| in_format(ready, "UYVY")),
    ("nv12_is_taken_and_seen_in_the_page", Pace::Slow, &[Ability::CameraFormats], |ready| in_format(ready, "NV12")),
    ("yu12_is_taken_and_seen_in_the_page", Pace::Slow, &[Ability::CameraFormats], |ready| in_format(ready, "YU12")),
    (
        "a_format_that_it_does_not_offer_is_told_and_the_call_goes_on_without",
        Pace::Slow,
        &[Ability::CameraFormats],
        |ready| {
            on_a_device(ready, CASE, not_offered);
        },
    ),
];

/// Neither the camera nor its kind is known to the kernel when the daemon starts.
async fn comes_late(case: &Case, mut board: Board) -> Result<()> {
    let inside = board.inside();
    let forget = "systemctl stop doorwayd; modprobe --remove vivid
        for layer in 1 2 3 4 5 6; do awk '$3 == 0 && /^(video|v4l2)/ {print $1}' /proc/modules | xargs -r rmmod; done
        ! grep video4linux /proc/devices";
    inside.sh(forget).await?;
    inside.sh("systemctl start doorwayd && modprobe vivid").await?;
    board.begin().await?;
    rings_again(&with_page(case, board).await?).await
}

/// Of four nodes none but the last is a camera that can be used: one is an output, one gives metadata, one is busy.
async fn first_is_taken(case: &Case, mut board: Board) -> Result<()> {
    let inside = board.inside();
    let four = "systemctl stop doorwayd; modprobe --remove vivid
        modprobe vivid n_devs=2 node_types=0x20101,0x1 num_inputs=1,1 input_types=0,0 multiplanar=1,1
        for node in /sys/class/video4linux/video*; do echo \"$node $(cat $node/name)\"; done
        busy=$(grep -l 'vivid-000-vid-cap' /sys/class/video4linux/video*/name | head -n 1 | cut -d/ -f5)
        (cat /dev/$busy >/dev/null 2>&1 &)
        sleep 1; systemctl start doorwayd";
    inside.sh(four).await?;
    board.begin().await?;
    rings_again(&with_page(case, board).await?).await
}

async fn unplugged_in_a_call(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    let call = talk(&scene).await?;

    board.layers.camera.unplug().await?;
    board.wait_until("the camera is missing", SOON, is_missing).await?;
    scene.page.wait_reason("camera_missing", SOON).await?;
    both_hear(&scene).await.context("without a camera")?;

    board.layers.camera.plug().await?;
    board.wait_until("the camera works", SOON, works).await?;
    board.picture_moves(&scene.page, 5, SOON).await?;
    notice_ends(&scene, "camera_missing").await?;
    both_hear(&scene).await.context("with the camera again")?;
    ensure!(call_id(board).await? == call, "it is another call");
    hang_up(scene).await
}

async fn unplugged_while_idle(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    board.layers.camera.unplug().await?;
    board.wait_until("the camera is missing", SOON, is_missing).await?;
    board.layers.camera.plug().await?;
    board.wait_until("the camera works", SOON, works).await?;
    talk(&scene).await?;
    hang_up(scene).await
}

/// The driver is there and gives no frames.
async fn stops_delivering(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    let call = talk(&scene).await?;

    board.layers.camera.inject(CameraFault::Silent(true)).await?;
    let stalled = |status: &Status| matches!(&status.media.camera, Health::Missing { reason } if reason.contains("stopped delivering"));
    board.wait_until("the camera has stopped", SOON, stalled).await?;
    scene.page.wait_reason("camera_missing", SOON).await?;
    both_hear(&scene).await.context("without a picture")?;

    board.layers.camera.inject(CameraFault::Silent(false)).await?;
    board.wait_until("the camera works", SOON, works).await?;
    board.picture_moves(&scene.page, 5, SOON).await?;
    notice_ends(&scene, "camera_missing").await?;
    ensure!(call_id(board).await? == call, "it is another call");
    hang_up(scene).await
}

/// The queue of the driver breaks, as that of a USB camera with a loose plug does: streaming has to begin anew.
async fn fails(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    let call = talk(&scene).await?;
    for _ in 0..2 {
        let opened = openings(board).await?;
        board.layers.camera.inject(CameraFault::Broken).await?;
        board.wait_until("the camera has failed", SOON, is_missing).await?;
        board.wait_until("the camera works", SOON, works).await?;
        board.picture_moves(&scene.page, 5, SOON).await?;
        ensure!(openings(board).await? > opened, "it was not opened again");
    }
    both_hear(&scene).await?;
    ensure!(call_id(board).await? == call, "it is another call");
    hang_up(scene).await
}

async fn negotiated_anew(scene: Scene<Board>) -> Result<()> {
    scene.device.layers.camera.inject(CameraFault::OtherFormat).await?;
    talk(&scene).await?;
    hang_up(scene).await
}

/// Single frames with the driver's error flag: nobody notices, and they are counted.
async fn delivers_damage(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    talk(&scene).await?;
    let before = board.status().await?.video.dropped;
    for _ in 0..5 {
        board.layers.camera.inject(CameraFault::DamagedFrame).await?;
    }
    let dropped = board.wait_until("damaged frames are counted", SOON, |status| status.video.dropped >= before + 3);
    let status = dropped.await?;
    ensure!(works(&status), "the camera is taken for {:?}", status.media.camera);
    board.picture_moves(&scene.page, 5, SOON).await?;
    hang_up(scene).await
}

fn in_size(ready: &Ready, (width, height): (u32, u32)) {
    configured(
        ready,
        move |config| config.with("video.size", format!("{width}x{height}")),
        async |scene| {
            let script = format!(
                "const video = document.querySelector('#visitor');\
                 return video.videoWidth === {width} && video.videoHeight === {height}"
            );
            scene.page.wait_for("the picture has its size", SOON, &script).await
        },
    );
}

/// The colours are right too: with another order of the bytes the bars are others.
fn in_format(ready: &Ready, code: &'static str) {
    configured(
        ready,
        move |config| config.with("video.format", code),
        async |scene| {
            let log = scene.device.log().await?;
            let opened = log.lines().rfind(|line| line.contains("camera opened")).context("no camera was opened")?;
            ensure!(opened.contains(&format!("format=\"{code}\"")), "not in {code}: {opened}");
            Ok(())
        },
    );
}

/// Shows what a station sees that is configured in a certain way, and looks closer.
fn configured(
    ready: &Ready,
    change: impl FnOnce(Config) -> Config,
    look: impl AsyncFnOnce(&Scene<Board>) -> Result<()>,
) {
    on_a_device(ready, CASE, async |case, board| {
        let mut scene = with_page(case, board).await?;
        scene.device.configure(change).await?;
        scene.page.wait_online(SOON).await?;
        let board = &scene.device;
        board.wait_until("the station sees the page", SOON, |status| status.companion.clients > 0).await?;
        board.press().await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        // An emulated processor encodes a few frames a second of the largest.
        board.picture_moves(&scene.page, 3, Duration::from_secs(45)).await?;
        look(&scene).await?;
        scene.page.click("#answer").await?;
        scene.page.wait_view(View::InCall, SOON).await?;
        hang_up(scene).await
    });
}

/// The kernel's camera has no JPEG.
async fn not_offered(case: &Case, board: Board) -> Result<()> {
    let mut scene = with_page(case, board).await?;
    scene.device.configure(|config| config.with("video.format", "MJPG")).await?;
    scene.page.wait_online(SOON).await?;
    let board = &scene.device;
    board.wait_until("the station sees the page", SOON, |status| status.companion.clients > 0).await?;
    board.press().await?;
    scene.page.wait_view(View::Ringing, SOON).await?;
    let told = |status: &Status| matches!(&status.media.camera, Health::Missing { reason } if reason.contains("offers no MJPG, only"));
    board.wait_until("the reason is told", SOON, told).await?;
    scene.page.wait_reason("camera_missing", SOON).await?;
    scene.page.click("#answer").await?;
    scene.page.wait_view(View::InCall, SOON).await?;
    board.layers.sound.speak().await?;
    both_hear(&scene).await?;
    hang_up(scene).await
}

fn is_missing(status: &Status) -> bool {
    matches!(status.media.camera, Health::Missing { .. })
}

fn works(status: &Status) -> bool {
    matches!(status.media.camera, Health::Working {})
}

/// How often the daemon has opened the camera.
async fn openings(board: &Board) -> Result<usize> {
    Ok(board.log().await?.matches("camera opened").count())
}
