//! Updates into the other slot: those that are good stay, those that are not are undone, and no power cut is in the way.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use hil_tests::browser::Page;
use hil_tests::device::Board;
use hil_tests::device::layers::Ability;
use hil_tests::file_server::FileServer;
use hil_tests::scene::Scene;
use hil_tests::virtual_board::{NEWER, VERSION};
use hil_tests::wait::{Look, until};

use crate::harness::{BoardCase, CASE, Pace, SOON, figure, on_a_device, picture, with_page};
use crate::power::{STARTS, boot, has_started_again, tell_how_it_started};
use crate::scenes::rings_again;

pub(crate) const CASES: &[BoardCase] = &[
    (
        "an_update_comes_up_in_the_other_slot_is_marked_good_and_keeps_what_the_household_set",
        Pace::Slow,
        &[Ability::Card],
        |ready| {
            on_a_device(ready, INSTALLED + STARTS + CASE, async |case, mut board| {
                is_running(&board, VERSION, "A").await?;
                let kept = board.inside().sh(KEPT).await?;
                board.inside().sh("echo stray:x:4242:4242::/:/bin/false >>/etc/passwd").await?;
                install_and_watch_memory(&board, "newer").await?;
                restarts_into(&mut board, NEWER, "B").await?;
                tell_how_it_started(&board).await?;
                until("the new slot is marked good", CONFIRMED, async || {
                    let counters = board.inside().sh("fw_printenv").await?;
                    let good = counters.contains("BOOT_ORDER=B A") && counters.contains("BOOT_B_LEFT=3");
                    Ok(Look::when(good, (), counters))
                })
                .await?;
                ensure!(board.inside().sh(KEPT).await? == kept, "the household's settings are others");
                let accounts = board.inside().sh("cat /etc/passwd").await?;
                ensure!(!accounts.contains("stray"), "the new version's accounts are hidden behind {accounts}");
                rings_again(&with_page(case, board).await?).await
            });
        },
    ),
    ("a_person_updates_the_board_from_the_page", Pace::Slow, &[Ability::Card], |ready| {
        on_a_device(ready, INSTALLED + STARTS + CASE, async |case, board| {
            let mut scene = with_page(case, board).await?;
            update_from_the_page(&scene, "newer").await?;
            is_running(&scene.device, NEWER, "B").await?;
            scene.device.begin_after_a_start(STARTS).await?;
            rings_again(&scene).await?;
            tells(&scene.page, ".about-facts", NEWER, SOON).await?;
            tells(&scene.page, ".about-facts", "Slot B", SOON).await?;
            // It invites the next one when this one's trial is over.
            tells(&scene.page, "#update-help", "choose the update file", CONFIRMED).await?;
            picture(&scene.page, "updated").await
        });
    }),
    (
        "an_update_from_the_page_that_does_not_see_is_undone_and_the_page_says_why",
        Pace::Slow,
        &[Ability::Card],
        |ready| {
            on_a_device(ready, INSTALLED + STARTS * 2 + CASE, async |case, board| {
                let mut scene = with_page(case, board).await?;
                update_from_the_page(&scene, "blind").await?;
                is_running(&scene.device, NEWER, "B").await?;
                comes_back(&mut scene.device).await?;
                let undone = scene.device.inside().sh("cat /data/doorway/undone").await?;
                ensure!(undone.starts_with(NEWER) && undone.contains("camera: failed"), "{undone}");
                rings_again(&scene).await?;
                tells(&scene.page, "#update-undone", NEWER, SOON).await?;
                tells(&scene.page, "#update-undone", "camera", SOON).await?;
                picture(&scene.page, "undone").await
            });
        },
    ),
    ("an_update_whose_daemon_ends_is_undone_by_the_board_itself", Pace::Slow, &[Ability::Card], |ready| {
        on_a_device(ready, INSTALLED + STARTS * 2 + CASE, async |case, mut board| {
            install(&board, "dead").await?;
            let before = boot(&board).await?;
            restart(&board).await?;
            has_started_again(&board, &before).await?;
            comes_back(&mut board).await?;
            let undone = board.inside().sh("cat /data/doorway/undone").await?;
            ensure!(undone.starts_with(NEWER), "{undone}");
            rings_again(&with_page(case, board).await?).await
        });
    }),
    ("an_update_that_does_not_boot_is_undone_by_the_boot_loader", Pace::Slow, &[Ability::Card], |ready| {
        on_a_device(ready, INSTALLED + STARTS * 2 + CASE, async |case, mut board| {
            install(&board, "unbootable").await?;
            let before = boot(&board).await?;
            restart(&board).await?;
            has_started_again(&board, &before).await?;
            comes_back(&mut board).await?;
            let undone = board.inside().sh("cat /data/doorway/undone").await?;
            ensure!(undone.trim() == NEWER, "{undone}");
            rings_again(&with_page(case, board).await?).await
        });
    }),
    (
        "a_foreign_a_truncated_and_an_older_update_are_refused_and_nothing_changes",
        Pace::Slow,
        &[Ability::Card],
        |ready| {
            on_a_device(ready, INSTALLED + CASE, async |_, board| {
                let before = board.inside().sh("fw_printenv").await?;
                for (name, reason) in [
                    ("foreign", "signature verification failed"),
                    ("truncated", "invalid bundle format"),
                    ("older", "is older than"),
                ] {
                    // What the image's own script says of it, RAUC passes on to the journal alone.
                    let said = refused(&board, name).await?;
                    let script = board.inside().sh("journalctl --boot --unit rauc --lines 40 --output cat").await?;
                    ensure!(format!("{said}\n{script}").to_lowercase().contains(reason), "{name}: {said}");
                }
                ensure!(board.inside().sh("fw_printenv").await? == before, "the boot counters are others");
                is_running(&board, VERSION, "A").await
            });
        },
    ),
    (
        "ten_power_cuts_in_an_update_leave_a_board_that_boots_and_what_the_household_set",
        Pace::Slow,
        &[Ability::Card],
        |ready| {
            on_a_device(ready, (INSTALLED + STARTS) * (CUTS + 1) + CASE, async |case, mut board| {
                let kept = board.inside().sh(KEPT).await?;
                // How long it takes undisturbed, up to the new slot's mark.
                let start = Instant::now();
                install(&board, "newer").await?;
                let takes = start.elapsed();
                let mut changed = 0;
                for number in 0..CUTS {
                    let version = running(&board).await?;
                    let before = boot(&board).await?;
                    let _server = begin_install_and_restart(&board, "newer").await?;
                    // Most of them while the slot is written, the others while the board goes over to it.
                    let after = if number < WRITING {
                        moment(number, WRITING, takes)
                    } else {
                        goes_over(&board, &version).await?;
                        moment(number - WRITING, CUTS - WRITING, RESTART)
                    };
                    tokio::time::sleep(after).await;
                    let power = board.layers.power()?;
                    power.cut().await?;
                    power.give().await?;
                    has_started_again(&board, &before)
                        .await
                        .with_context(|| format!("cut {number}, after {after:.1?}"))?;
                    board
                        .begin_after_a_start(STARTS)
                        .await
                        .with_context(|| format!("cut {number}, after {after:.1?}"))?;
                    ensure!(board.inside().sh(KEPT).await? == kept, "cut {number}: the settings are others");
                    changed += u32::from(running(&board).await? != version);
                    // Good again before the next one, as in a life where power cuts are rare.
                    until("the slot is marked good", CONFIRMED, async || {
                        let state = board.inside().sh("systemctl is-active doorway-confirm || true").await?;
                        Ok(Look::when(state.trim() == "active", (), state))
                    })
                    .await?;
                }
                ensure!(changed > 0, "no cut came after the change of slots");
                figure("undisturbed installation", takes.as_secs_f64(), "s");
                figure("power cuts", f64::from(CUTS), "");
                figure("of them after the change of slots", f64::from(changed), "");
                rings_again(&with_page(case, board).await?).await
            });
        },
    ),
];

/// How long an update may take to be installed on an emulated board.
const INSTALLED: Duration = Duration::from_secs(300);
/// How long the daemon and its self-test may take on one.
const CONFIRMED: Duration = Duration::from_secs(240);
/// How often the power is cut.
const CUTS: u32 = 10;
/// How many of them while the slot is written.
const WRITING: u32 = 6;
/// How long after an installation the power is cut too: the board goes down and comes up.
const RESTART: Duration = Duration::from_secs(30);
/// What makes a board this household's.
const KEPT: &str =
    "cat /etc/machine-id /etc/hostname /etc/doorway/doorway.toml; sha256sum /var/lib/doorway/identity/identity.json";

/// Moments that are spread over a period, each at random in its part of it.
fn moment(number: u32, of: u32, period: Duration) -> Duration {
    let random = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_micros() % 1000;
    period / of * number + period / of * random / 1000
}

/// Waits until the other slot is the one to start next.
async fn goes_over(board: &Board, version: &str) -> Result<()> {
    let next = if version.ends_with('A') { "BOOT_ORDER=B A" } else { "BOOT_ORDER=A B" };
    until("the other slot is next", INSTALLED, async || {
        let counters = board.inside().sh("fw_printenv").await?;
        Ok(Look::when(counters.contains(next), (), counters))
    })
    .await
}

async fn serve(board: &Board, name: &str) -> Result<(FileServer, String)> {
    let file = board.layers.card()?.update(name);
    let server = FileServer::of_the_folder_of(&file, board.household()).await?;
    let url = server.url(&file);
    Ok((server, url))
}

/// Sends an update from the page, and restarts the board from there too, as a person does.
async fn update_from_the_page(scene: &Scene<Board>, name: &str) -> Result<()> {
    let Scene { device: board, page, .. } = scene;
    let before = boot(board).await?;
    page.open_about(SOON).await?;
    page.choose_file("#update-file", &board.layers.card()?.update(name)).await?;
    page.wait_update("installed", INSTALLED).await?;
    page.click("#update-restart").await?;
    has_started_again(board, &before).await
}

/// Waits until the page shows something, in small or capital letters.
async fn tells(page: &Page, selector: &str, what: &str, within: Duration) -> Result<()> {
    let script = format!(
        "const place = document.querySelector('{selector}');
        return place.offsetHeight > 0 && place.innerText.toLowerCase().includes('{}')",
        what.to_lowercase()
    );
    page.wait_for(&format!("the page says {what}"), within, &script).await
}

/// Installs an update from the household's server.
async fn install(board: &Board, name: &str) -> Result<()> {
    let (_server, url) = serve(board, name).await?;
    let ran = board.inside().run(&["rauc", "install", &url], INSTALLED).await?;
    ensure!(ran.code == Some(0), "{name} is not installed: {}{}", ran.stdout, ran.stderr);
    Ok(())
}

/// What the board says to an update that it does not take.
async fn refused(board: &Board, name: &str) -> Result<String> {
    let (_server, url) = serve(board, name).await?;
    let ran = board.inside().run(&["rauc", "install", &url], INSTALLED).await?;
    ensure!(ran.code != Some(0), "{name} is installed");
    let said = format!("{}{}", ran.stdout, ran.stderr);
    let last = said.lines().find(|line| line.contains("LastError")).unwrap_or(&said).to_owned();
    Ok(last)
}

/// Installs an update, and tells how much memory less than before there was meanwhile.
async fn install_and_watch_memory(board: &Board, name: &str) -> Result<()> {
    // What is merely cached may go at any time: only what is left without it counts.
    let watch = "sync; echo 3 >/proc/sys/vm/drop_caches; rm -f /tmp/installed; awk '/MemAvailable/{print $2}' /proc/meminfo >/tmp/memory
        (while [ ! -e /tmp/installed ]; do awk '/MemAvailable/{print $2}' /proc/meminfo; sleep 0.2; done >>/tmp/memory) >/dev/null 2>&1 &";
    board.inside().sh(watch).await?;
    let start = Instant::now();
    install(board, name).await?;
    figure("installation over the network", start.elapsed().as_secs_f64(), "s");
    let seen = board.inside().sh("touch /tmp/installed; cat /tmp/memory").await?;
    let kilobytes: Vec<f64> = seen.lines().filter_map(|line| line.trim().parse().ok()).collect();
    let (first, least) =
        (kilobytes.first().context("no memory was seen")?, kilobytes.iter().copied().fold(f64::MAX, f64::min));
    figure("memory that the installation took", (first - least) / 1024.0, "MB");
    ensure!(first - least < 64.0 * 1024.0, "the installation takes {} kB", first - least);
    Ok(())
}

/// Begins to install an update, and restarts when it is there. It comes as long as the server is kept.
async fn begin_install_and_restart(board: &Board, name: &str) -> Result<FileServer> {
    let (server, url) = serve(board, name).await?;
    board.inside().sh(&format!("(rauc install {url} && systemctl reboot) >/dev/null 2>&1 &")).await?;
    until("the slot is being written", SOON, async || {
        let counters = board.inside().sh("fw_printenv BOOT_ORDER").await?;
        let slots = counters.trim().trim_start_matches("BOOT_ORDER=").split_whitespace().count();
        Ok(Look::when(slots == 1, (), counters))
    })
    .await?;
    Ok(server)
}

/// The version and the slot that the board says it runs.
async fn is_running(board: &Board, version: &str, slot: &str) -> Result<()> {
    let runs = running(board).await?;
    ensure!(runs == format!("{version} {slot}"), "{runs} runs, not {version} {slot}");
    Ok(())
}

async fn running(board: &Board) -> Result<String> {
    let script =
        "sed -n 's/^IMAGE_VERSION=//p' /usr/lib/os-release; sed 's/.*rauc.slot=\\([AB]\\).*/\\1/' /proc/cmdline";
    Ok(board.inside().sh(script).await?.split_whitespace().collect::<Vec<_>>().join(" "))
}

async fn restarts_into(board: &mut Board, version: &str, slot: &str) -> Result<()> {
    let before = boot(board).await?;
    restart(board).await?;
    has_started_again(board, &before).await?;
    is_running(board, version, slot).await?;
    board.begin_after_a_start(STARTS).await
}

/// The board is back in the version that it had, in the slot that it had.
async fn comes_back(board: &mut Board) -> Result<()> {
    until("the board is back in the version before", STARTS * 2, async || {
        board.layers.inside.reach(SOON).await?;
        let runs = running(board).await?;
        Ok(Look::when(runs == format!("{VERSION} A"), (), runs))
    })
    .await?;
    board.begin_after_a_start(STARTS).await?;
    until("why is told", CONFIRMED, async || {
        let found = board.inside().sh("test -s /data/doorway/undone && echo told || true").await?;
        Ok(Look::when(found.trim() == "told", (), found))
    })
    .await
}

/// Restarts the board, once it has said that it will.
async fn restart(board: &Board) -> Result<()> {
    board.inside().sh("(sleep 0.5; systemctl reboot) >/dev/null 2>&1 &").await.map(drop)
}
