//! What the cases of several topics do: a visitor who talks at the door, a call, its end, and devices that are unplugged.

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{MICROPHONE_HZ, View};
use hil_tests::device::{Board, Device};
use hil_tests::scene::{Scene, station_hears};
use hil_tests::tone::Sound;

use crate::harness::SOON;

/// What the visitor sounds like.
pub(crate) const VISITOR_HZ: f64 = 600.0;

/// Lets a visitor talk at the door for a minute, or until `aplay` is ended.
pub(crate) async fn speak(board: &Board) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    Sound::speech_like(VISITOR_HZ, 60).write(file.path())?;
    board.inside().copy(file.path(), "/run/visitor.wav").await?;
    speak_again(board).await
}

/// As [`speak`], once more: who plays into a card that is unplugged falls silent.
pub(crate) async fn speak_again(board: &Board) -> Result<()> {
    board.inside().sh("aplay -q -D plughw:Loopback,1,0 /run/visitor.wav >/dev/null 2>&1 &").await?;
    Ok(())
}

/// Both hear each other.
pub(crate) async fn both_hear(scene: &Scene<Board>) -> Result<()> {
    scene.page.hears(VISITOR_HZ, SOON).await.context("at home")?;
    station_hears(&scene.device, MICROPHONE_HZ, SOON).await.context("at the door")
}

/// A call in which the picture moves and both hear each other; its id.
pub(crate) async fn talk(scene: &Scene<Board>) -> Result<String> {
    let board = &scene.device;
    board.press().await?;
    scene.page.wait_view(View::Ringing, SOON).await?;
    board.picture_moves(&scene.page, 3, SOON).await?;
    speak(board).await?;
    scene.page.click("#answer").await?;
    scene.page.wait_view(View::InCall, SOON).await?;
    both_hear(scene).await?;
    call_id(board).await
}

/// The call that goes on.
pub(crate) async fn call_id(board: &Board) -> Result<String> {
    let status = board.status().await?;
    ensure!(status.activity == Activity::InCall, "no call, but {:?}", status.activity);
    Ok(status.call.context("the station is in a call and tells none")?.id)
}

/// Hangs up; nothing is left.
pub(crate) async fn hang_up(scene: Scene<Board>) -> Result<()> {
    scene.page.click("#hang-up").await?;
    scene.device.wait_for(Activity::Idle, SOON).await?;
    fall_silent(&scene.device).await?;
    scene.leave_nothing().await.context("after the call")
}

/// The visitor goes.
pub(crate) async fn fall_silent(board: &Board) -> Result<()> {
    board.inside().sh("pkill aplay || true").await?;
    Ok(())
}

/// Waits until the page's notice no longer gives `reason`.
pub(crate) async fn notice_ends(scene: &Scene<Board>, reason: &str) -> Result<()> {
    let script = format!("return document.querySelector('#notice')?.dataset.reason !== '{reason}'");
    scene.page.wait_for(&format!("the page no longer says {reason}"), SOON, &script).await
}

/// What can be unplugged, by its driver and its name there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plug {
    driver: &'static str,
    device: &'static str,
}

/// The camera.
pub(crate) const CAMERA: Plug = Plug { driver: "vivid", device: "vivid.0" };
/// The sound card.
pub(crate) const SOUND_CARD: Plug = Plug { driver: "snd_aloop", device: "snd_aloop.0" };

impl Plug {
    /// Takes it away. The kernel is done with that once everybody has closed it.
    pub(crate) async fn pull(self, board: &Board) -> Result<()> {
        let Self { driver, device } = self;
        let script = format!("(echo {device} >/sys/bus/platform/drivers/{driver}/unbind) >/dev/null 2>&1 &");
        board.inside().sh(&script).await.context("unplugging")?;
        Ok(())
    }

    /// Puts it back.
    pub(crate) async fn push(self, board: &Board) -> Result<()> {
        let Self { driver, device } = self;
        board
            .inside()
            .sh(&format!("echo {device} >/sys/bus/platform/drivers/{driver}/bind"))
            .await
            .context("plugging in")?;
        Ok(())
    }
}
