//! A card that was flashed: what makes it this household's station, and what takes that back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hil_tests::device::Board;
use hil_tests::device::layers::{Ability, Wire};
use hil_tests::mdns;
use hil_tests::virtual_board::Flashed;
use hil_tests::wait::{Look, until};

use crate::harness::{BoardCase, CASE, Pace, SOON, on_a_device, with_page};
use crate::power::{STARTS, tell_how_it_started};
use crate::scenes::rings_again;

pub(crate) const CASES: &[BoardCase] = &[
    ("a_flashed_card_with_a_doorway_toml_becomes_a_station_that_rings", Pace::Slow, &[Ability::Card], |ready| {
        on_a_device(ready, STARTS + CASE, async |case, mut board| {
            flash_with(&board, Some(&Flashed::set_up())).await?;
            board.begin_after_a_start(STARTS).await?;
            tell_how_it_started(&board).await?;
            ensure!(board.inside().sh("hostname").await?.trim() == "side-door", "it has not taken its name");
            let address =
                mdns::resolve("side-door.local", board.household(), SOON).await.context("its name in the network")?;
            ensure!(board.origin().contains(&format!("//{address}:")), "its name is at {address}");
            owns_its_keys(&board).await?;
            let scene = with_page(case, board).await?;
            rings_again(&scene).await?;
            let board = scene.device;
            board.layers.power()?.cut().await?;
            let card = board.layers.card()?;
            ensure!(card.read("doorway.toml").await?.is_none(), "the file with the secret is still on the card");
            Ok(())
        });
    }),
    ("a_mistake_in_doorway_toml_is_told_on_the_card_and_changes_nothing", Pace::Slow, &[Ability::Card], |ready| {
        on_a_device(ready, STARTS + CASE, async |_, mut board| {
            let power = board.layers.power()?;
            power.cut().await?;
            board.layers.card()?.put("doorway.toml", "[call]\nhold = \"a while\"\n").await?;
            power.give().await?;
            board.begin_after_a_start(STARTS).await?;
            ensure!(board.inside().sh("hostname").await?.trim() == "side-door", "it has lost its name");
            board.inside().sh("sync").await?;
            board.layers.power()?.cut().await?;
            let card = board.layers.card()?;
            let told = card.read("doorway-error.txt").await?.context("nothing on the card says what is wrong")?;
            ensure!(told.contains("hold") && told.contains("doorway.toml:2:"), "{told}");
            Ok(())
        });
    }),
    ("a_factory_reset_by_the_call_button_leaves_nothing", Pace::Slow, &[Ability::Card, Ability::HeldButton], |ready| {
        on_a_device(ready, STARTS * 2 + CASE, async |_, board| {
            let before = board.inside().sh(IDENTITY).await?;
            board
                .inside()
                .sh("echo a-trace-that-has-to-go >/etc/trace; echo a-trace-that-has-to-go >/var/lib/trace; sync")
                .await?;
            let power = board.layers.power()?;
            power.cut().await?;
            ensure!(board.layers.card()?.holds("a-trace-that-has-to-go").await?, "the trace is not on the card");
            board.layers.card()?.hold_the_button().await?;
            power.give().await?;
            board.layers.inside.reach(STARTS).await?;
            // Blinking, then steady: now the hand is taken off.
            until("the light is steady", STARTS, async || {
                for _ in 0..15 {
                    if !board.layers.contacts.is_active(Wire::Indicator).await? {
                        return Ok(Look::NotYet("dark or blinking".to_owned()));
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Ok(Look::Found(()))
            })
            .await?;
            board.layers.contacts.play(Wire::Call, &[(false, Duration::ZERO)]).await?;
            until("it has made itself new keys", STARTS, async || {
                board.layers.inside.reach(SOON).await?;
                let now = board.inside().sh(IDENTITY).await?;
                Ok(Look::when(now != before, (), "the old ones"))
            })
            .await?;
            ensure!(board.inside().sh("hostname").await?.trim() != "side-door", "it has kept its name");
            board.layers.power()?.cut().await?;
            ensure!(!board.layers.card()?.holds("a-trace-that-has-to-go").await?, "a trace is still on the card");
            ensure!(!board.layers.card()?.holds(Flashed::secret()).await?, "the secret is still on the card");
            Ok(())
        });
    }),
];

/// What tells one device from another.
const IDENTITY: &str = "cat /etc/machine-id; sha256sum /var/lib/doorway/identity/identity.json";

/// Flashes the card anew, puts a file onto it if there is one, and gives power.
async fn flash_with(board: &Board, file: Option<&str>) -> Result<()> {
    let (power, card) = (board.layers.power()?, board.layers.card()?);
    power.cut().await?;
    card.flash().await?;
    if let Some(file) = file {
        card.put("doorway.toml", file).await?;
    }
    power.give().await
}

/// Keys that nobody but the daemon can read.
async fn owns_its_keys(board: &Board) -> Result<()> {
    let files = board.inside().sh("stat -c '%a %U %n' /var/lib/doorway/identity/*").await?;
    ensure!(!files.trim().is_empty(), "it has no identity");
    for file in files.lines() {
        ensure!(file.starts_with("600 doorway "), "{file}");
    }
    Ok(())
}
