//! The page as a person has it before them, through the hooks that it offers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use super::probe::{self, ClockReading, FrameCount, PageTone, RingSeen};
use crate::wait::{Look, until};

/// How long what is clicked may take to be shown.
const SHOWN: Duration = Duration::from_secs(3);

/// What the page shows: `document.body.dataset.view`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The stations.
    Home,
    /// A visitor is at the door.
    Ringing,
    /// Talking.
    InCall,
    /// Watching without talking.
    Watching,
    /// Why it ended.
    Ended,
}

impl View {
    fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Ringing => "ringing",
            Self::InCall => "in-call",
            Self::Watching => "watching",
            Self::Ended => "ended",
        }
    }
}

/// A loaded page.
#[derive(Debug, Clone)]
pub struct Page {
    client: Client,
    pictures: PathBuf,
}

impl Page {
    pub(super) fn new(client: Client, pictures: PathBuf) -> Self {
        Self { client, pictures }
    }

    /// Runs a function body in the page and returns what it returns.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.client.execute(script, arguments).await.with_context(|| format!("running in the page: {script}"))
    }

    /// Runs a function body that ends in a promise.
    async fn run_async(&self, expression: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1];\
             (async () => {expression})().then((value) => done({{ value }}), (error) => done({{ error: `${{error}}` }}));"
        );
        let mut answer = self.client.execute_async(&script, vec![]).await.context("running in the page")?;
        match answer["error"].as_str() {
            Some(error) => bail!("the page threw {error} in {expression}"),
            None => Ok(answer["value"].take()),
        }
    }

    /// Waits until the page is connected to the companion.
    ///
    /// # Errors
    /// When it is not for too long.
    pub async fn wait_online(&self, within: Duration) -> Result<()> {
        self.wait_for("the page is online", within, "return document.body.dataset.link === 'online'").await
    }

    /// Waits until the page shows `view`.
    ///
    /// # Errors
    /// When it shows something else for too long.
    pub async fn wait_view(&self, view: View, within: Duration) -> Result<()> {
        let what = format!("the page shows {}", view.name());
        let script = format!("return document.body.dataset.view === '{}'", view.name());
        self.wait_for(&what, within, &script).await
    }

    /// Waits until the notice gives `reason`, such as `answered_elsewhere`.
    ///
    /// # Errors
    /// When it gives another or none for too long.
    pub async fn wait_reason(&self, reason: &str, within: Duration) -> Result<()> {
        let script = "return document.querySelector('#notice')?.dataset.reason === arguments[0]";
        let what = format!("the page's notice says {reason}");
        self.wait_with(&what, within, script, vec![json!(reason)]).await
    }

    /// Waits until a function body returns true.
    ///
    /// # Errors
    /// When it does not for too long; the error shows the page's state.
    pub async fn wait_for(&self, what: &str, within: Duration, script: &str) -> Result<()> {
        self.wait_with(what, within, script, vec![]).await
    }

    async fn wait_with(&self, what: &str, within: Duration, script: &str, arguments: Vec<Value>) -> Result<()> {
        let waited = until(what, within, async || {
            let answer = self.client.execute(script, arguments.clone()).await?;
            if answer == json!(true) {
                return Ok(Look::Found(()));
            }
            Ok(Look::NotYet(self.summary().await?))
        })
        .await;
        if waited.is_err() {
            let _shot = self.screenshot("failed").await;
        }
        waited
    }

    /// What the page says about itself, in one line.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn summary(&self) -> Result<String> {
        let script = "const notice = document.querySelector('#notice');\
            const unlock = document.querySelector('#unlock');\
            return JSON.stringify({ ...document.body.dataset, reason: notice?.dataset.reason,\
              notice: notice?.textContent?.trim(), unlock: unlock?.dataset.outcome,\
              ice: window.doorway?.connection?.iceConnectionState, clock: window.hil?.clock.readings.length,\
              clockError: window.hil?.clock.lastError })";
        let text = self.client.execute(script, vec![]).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// The attribute of the element that `selector` finds, or `None`.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn data(&self, selector: &str, key: &str) -> Result<Option<String>> {
        let script = "return document.querySelector(arguments[0])?.dataset[arguments[1]] ?? null";
        probe::read(self.run(script, vec![json!(selector), json!(key)]).await?)
    }

    /// The text of the element that `selector` finds; empty when there is none.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let script = "return document.querySelector(arguments[0])?.textContent.trim() ?? ''";
        probe::read(self.run(script, vec![json!(selector)]).await?)
    }

    /// Clicks as a person does: the element must be visible, and the click counts as a gesture.
    ///
    /// # Errors
    /// When there is no such element or it can't be clicked.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let element = self.client.find(Locator::Css(selector)).await;
        let element = element.with_context(|| format!("finding {selector}"))?;
        // Between two views nobody sees what is to be clicked next.
        until(&format!("{selector} is shown"), SHOWN, async || {
            Ok(Look::when(element.is_displayed().await?, (), "hidden"))
        })
        .await?;
        element.click().await.with_context(|| format!("clicking {selector}"))
    }

    /// Writes `text` into a field in place of what is there, and presses Enter.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn enter(&self, selector: &str, text: &str) -> Result<()> {
        let field = self.client.find(Locator::Css(selector)).await;
        let field = field.with_context(|| format!("finding {selector}"))?;
        field.clear().await.with_context(|| format!("clearing {selector}"))?;
        // U+E007 is WebDriver's Enter.
        field.send_keys(&format!("{text}\u{e007}")).await.with_context(|| format!("writing into {selector}"))
    }

    /// Chooses a file of this machine in a file field, which may be hidden behind a button.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn choose_file(&self, selector: &str, file: &Path) -> Result<()> {
        let field = self.client.find(Locator::Css(selector)).await;
        let field = field.with_context(|| format!("finding {selector}"))?;
        field.send_keys(&file.to_string_lossy()).await.with_context(|| format!("choosing a file in {selector}"))
    }

    /// Opens what tells about the station, and where it is updated.
    ///
    /// # Errors
    /// When the page does not get there in time.
    pub async fn open_about(&self, within: Duration) -> Result<()> {
        // The button lies below the stations, which come when they come.
        let station = "return document.querySelectorAll('.station').length > 0";
        self.wait_for("the station is shown", within, station).await?;
        self.click("#open-about").await?;
        self.wait_for("the view opens", within, "return document.body.dataset.view === 'about'").await
    }

    /// Waits until the card of the update shows a state.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn wait_update(&self, state: &str, within: Duration) -> Result<()> {
        let shown = format!("return document.querySelector('#update').dataset.state === '{state}'");
        self.wait_for(&format!("the card shows {state}"), within, &shown).await
    }

    /// Holds the pointer down on an element for a time.
    ///
    /// # Errors
    /// When there is no such element.
    pub async fn hold(&self, selector: &str, period: Duration) -> Result<()> {
        let element = self.client.find(Locator::Css(selector)).await;
        let element = element.with_context(|| format!("finding {selector}"))?;
        let actions = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .pause(period)
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(actions).await.with_context(|| format!("holding {selector}"))
    }

    /// Starts to read the clock out of every presented frame of the visitor's picture.
    ///
    /// # Errors
    /// When the page has no `#visitor`.
    pub async fn watch_clock(&self) -> Result<()> {
        self.probed("hil.clock.start(document.querySelector('#visitor'))").await?;
        Ok(())
    }

    /// The frames that were presented and read since the last call of this.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn take_frames(&self) -> Result<Vec<ClockReading>> {
        probe::read(self.probed("return hil.clock.readings.splice(0)").await?)
    }

    /// How many frames were presented whose clock could not be read.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn unreadable_frames(&self) -> Result<u64> {
        probe::read(self.probed("return hil.clock.unreadable").await?)
    }

    /// Waits until `count` further frames with a running clock were presented.
    ///
    /// # Errors
    /// When the picture stands still or is not the test picture.
    pub async fn picture_moves(&self, count: usize, within: Duration) -> Result<Vec<ClockReading>> {
        self.picture_moves_with_clock_off_by(0.0, count, within).await
    }

    /// As [`Page::picture_moves`], of a station whose clock is `off_by_s` seconds ahead of this machine's.
    ///
    /// # Errors
    /// When the picture stands still, is not the test picture, or shows another time.
    pub async fn picture_moves_with_clock_off_by(
        &self,
        off_by_s: f64,
        count: usize,
        within: Duration,
    ) -> Result<Vec<ClockReading>> {
        self.watch_clock().await?;
        self.take_frames().await?;
        let mut seen: Vec<ClockReading> = Vec::new();
        let moved = until("the picture moves in the page", within, async || {
            seen.extend(self.take_frames().await?);
            let advances = seen.windows(2).filter(|pair| pair[1].shown > pair[0].shown).count();
            let fresh = seen.last().is_some_and(|last| (last.at + off_by_s * 1000.0 - last.shown).abs() < 2000.0);
            let state = format!("{} frames, {advances} advances; {}", seen.len(), self.summary().await?);
            Ok(Look::when(advances >= count && fresh, (), state))
        })
        .await;
        moved.map(|()| seen)
    }

    /// Waits until `count` different pictures of a camera that shows colour bars with a running text were presented.
    ///
    /// # Errors
    /// When the picture stands still or shows something else.
    pub async fn bars_move(&self, count: usize, within: Duration) -> Result<()> {
        self.probed("hil.bars.start(document.querySelector('#visitor'))").await?;
        self.probed("hil.bars.pictures.clear()").await?;
        until("colour bars move in the page", within, async || {
            let seen = self.probed("return { bars: hil.bars.colours, pictures: hil.bars.pictures.size }").await?;
            let moving = seen["pictures"].as_u64().unwrap_or_default() as usize > count;
            let seen = format!("{seen}; {}", self.summary().await?);
            Ok(Look::when(moving && seen.contains(probe::BARS), (), seen))
        })
        .await
    }

    /// Waits until a filmed screen changed `count` times further, from red to green to blue and so on.
    ///
    /// # Errors
    /// When the picture stands still or shows something else.
    pub async fn colours_change(&self, count: usize, within: Duration) -> Result<()> {
        self.probed("hil.colours.start(document.querySelector('#visitor'))").await?;
        self.probed("hil.colours.changes = 0").await?;
        until("a screen is red, green and blue in turn in the page", within, async || {
            let seen = self.probed("return { changes: hil.colours.changes, middle: hil.colours.middle }").await?;
            let changes = seen["changes"].as_u64().unwrap_or_default() as usize;
            let seen = format!("{seen}; {}", self.summary().await?);
            Ok(Look::when(changes >= count, (), seen))
        })
        .await
    }

    /// Waits until the page plays the tone of `hz` to the person.
    ///
    /// # Errors
    /// When it plays something else or nothing, or is muted.
    pub async fn hears(&self, hz: f64, within: Duration) -> Result<PageTone> {
        until(&format!("the page plays {hz} Hz"), within, async || {
            let Some(tone) = self.tone().await? else { return Ok(Look::NotYet("no sound yet".to_owned())) };
            let script = "const e = document.querySelector('#visitor-sound');\
                return !!e && !e.muted && !e.paused && e.volume > 0";
            let audible = self.run(script, vec![]).await? == json!(true);
            let seen = format!("{tone:?}, element playing and not muted: {audible}");
            Ok(Look::when(audible && tone.is_tone(hz), tone, seen))
        })
        .await
    }

    /// What the page's incoming sound is now; `None` when there is none.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn tone(&self) -> Result<Option<PageTone>> {
        probe::read(self.probed("hil.tone.start(hil.incoming()); return hil.tone.read()").await?)
    }

    /// When the incoming sound first rose over about -50 dBFS, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn heard_at_ms(&self) -> Result<Option<f64>> {
        probe::read(self.probed("hil.tone.start(hil.incoming()); return hil.tone.heardAt").await?)
    }

    /// When the page set a mark, in milliseconds since the Unix epoch; the last one of that name.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn mark(&self, name: &str) -> Result<Option<f64>> {
        let script = format!(
            "const mark = performance.getEntriesByName('{name}', 'mark').at(-1);\
             return mark ? hil.wall(mark.startTime) : null"
        );
        probe::read(self.probed(&script).await?)
    }

    /// Watches for a ring from now on, see [`Page::ring_seen`].
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn watch_ring(&self) -> Result<()> {
        self.probed("performance.clearMarks(); hil.ring.start()").await?;
        Ok(())
    }

    /// What a person noticed of the ring since [`Page::watch_ring`].
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn ring_seen(&self) -> Result<RingSeen> {
        probe::read(self.probed("return hil.ring.read()").await?)
    }

    /// What the page's connection counts, picture and sound together.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn counts(&self) -> Result<FrameCount> {
        self.install().await?;
        let expression = "({ ...(await hil.inbound('audio')), ...(await hil.inbound('video')) })";
        probe::read(self.run_async(&format!("{{ return {expression}; }}")).await?)
    }

    /// Saves what the page looks like; the path is in the case's folder.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let picture = self.client.screenshot().await.context("taking a picture of the page")?;
        // Pictures that somebody asked for outlive the case's folder.
        let folder = std::env::var_os("HIL_PICTURES").map_or_else(|| self.pictures.clone(), PathBuf::from);
        let path = folder.join(format!("{name}.png"));
        fs::write(&path, picture).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    async fn probed(&self, body: &str) -> Result<Value> {
        self.run(&format!("{}\n{body}", probe::SCRIPT), vec![]).await
    }

    async fn install(&self) -> Result<()> {
        self.probed("").await?;
        Ok(())
    }
}
