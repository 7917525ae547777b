//! GStreamer, started when the first picture is wanted and not before: it costs memory that an idle station should not pay.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use gstreamer::prelude::*;

use super::absence;
pub(super) use gstreamer::*;
pub(super) use gstreamer_app as app;
pub(super) use gstreamer_video as video;

/// Why GStreamer or one of its elements cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GstError {
    /// The library does not start.
    #[error("GStreamer does not start: {0}")]
    Start(String),
    /// An element is not to be had.
    #[error("the GStreamer element '{element}' is {why}")]
    ElementMissing {
        /// The element's name.
        element: String,
        /// Why, and what to do.
        why: String,
    },
    /// A pipeline cannot be built, started or fed.
    #[error("the GStreamer pipeline for {part} does not work: {message}")]
    Pipeline {
        /// What the pipeline is for.
        part: String,
        /// What GStreamer said.
        message: String,
    },
}

/// Starts GStreamer once per process.
pub(super) fn ready() -> Result<(), GstError> {
    static STARTED: OnceLock<Result<(), GstError>> = OnceLock::new();
    STARTED
        .get_or_init(|| {
            init().map_err(|error| GstError::Start(error.to_string()))?;
            // Streaming threads come from GLib's pool, which would keep some idle for reuse after each call.
            glib::ThreadPool::set_max_unused_threads(Some(0));
            log::remove_default_log_function();
            log::set_default_threshold(DebugLevel::Warning);
            log::add_log_function(|category, level, _file, _function, _line, object, message| {
                let element = object.map(ToString::to_string).unwrap_or_default();
                let (category, message) = (category.name(), message.get().unwrap_or_default());
                // A fault that matters comes over the bus as well and is reported there with its remedy.
                if level <= DebugLevel::Error {
                    tracing::debug!(category, element, "gstreamer: {message}");
                } else {
                    tracing::trace!(category, element, "gstreamer: {message}");
                }
            });
            Ok(())
        })
        .clone()
}

/// Whether an element is installed. Starts GStreamer.
pub(super) fn has_element(name: &str) -> bool {
    ready().is_ok() && ElementFactory::find(name).is_some()
}

/// Makes an element, or says why there is none.
pub(super) fn make(element: &str) -> Result<Element, GstError> {
    ready()?;
    ElementFactory::make(element)
        .build()
        .map_err(|_| GstError::ElementMissing { element: element.to_owned(), why: absence::reason(element) })
}

/// The Debian package that brings an element.
pub(super) fn package_of(element: &str) -> &'static str {
    match element {
        "x264enc" => "gstreamer1.0-plugins-ugly",
        "openh264enc" | "openh264dec" => "gstreamer1.0-plugins-bad",
        "v4l2h264enc" | "jpegdec" => "gstreamer1.0-plugins-good",
        "libcamerasrc" => "gstreamer1.0-libcamera",
        _ => "gstreamer1.0-plugins-base",
    }
}

/// A pipeline that reports its first faults and stops when it is dropped.
pub(super) struct Running {
    pipeline: Pipeline,
    faults: Receiver<String>,
    part: &'static str,
}

impl Running {
    /// Links the elements in order and starts them. Nothing waits for a time: frames go through as they come.
    pub(super) fn start(part: &'static str, elements: &[&Element]) -> Result<Self, GstError> {
        Self::launch(part, elements, false)
    }

    /// The same for a source that stamps its frames, for which it needs a clock.
    pub(super) fn start_with_clock(part: &'static str, elements: &[&Element]) -> Result<Self, GstError> {
        Self::launch(part, elements, true)
    }

    fn launch(part: &'static str, elements: &[&Element], with_clock: bool) -> Result<Self, GstError> {
        let failed = |message: String| GstError::Pipeline { part: part.to_owned(), message };
        let pipeline = Pipeline::new();
        pipeline.add_many(elements.iter().copied()).map_err(|error| failed(error.to_string()))?;
        Element::link_many(elements.iter().copied()).map_err(|error| failed(error.to_string()))?;
        if !with_clock {
            pipeline.use_clock(None::<&Clock>);
        }
        let (sender, faults) = sync_channel(4);
        let bus = pipeline.bus().ok_or_else(|| failed("it has no bus".to_owned()))?;
        bus.set_sync_handler(move |_, message| {
            report(part, message, &sender);
            BusSyncReply::Drop
        });
        let running = Self { pipeline, faults, part };
        if running.pipeline.set_state(State::Playing).is_err() {
            return Err(failed(running.fault().unwrap_or_else(|| "it does not start".to_owned())));
        }
        Ok(running)
    }

    /// The next fault that the pipeline reported, if any.
    pub(super) fn fault(&self) -> Option<String> {
        self.faults.try_recv().ok()
    }

    pub(super) fn failed(&self, message: impl ToString) -> GstError {
        GstError::Pipeline { part: self.part.to_owned(), message: message.to_string() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        if self.pipeline.set_state(State::Null).is_err() {
            tracing::warn!(part = self.part, "a GStreamer pipeline did not stop cleanly");
        }
    }
}

/// Passes errors on and logs warnings. Faults beyond the first four are dropped: the pipeline is rebuilt on the first.
fn report(part: &'static str, message: &Message, faults: &SyncSender<String>) {
    let view = message.view();
    if let MessageView::Error(error) = view {
        tracing::debug!(part, details = ?error.debug(), "gstreamer error");
        let source = message.src().map(|source| source.name().to_string()).unwrap_or_default();
        let _ = faults.try_send(format!("{source}: {}", error.error()));
    } else if let MessageView::Warning(warning) = view {
        tracing::debug!(part, details = ?warning.debug(), "gstreamer warning: {}", warning.error());
    } else if let MessageView::Eos(_) = view {
        let _ = faults.try_send("the stream ended".to_owned());
    }
}
