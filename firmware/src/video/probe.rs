//! What video this machine can do: its cameras, its encoders, and what would be used.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use v4l::device::Device;

use super::controls::Controls;
use super::encoder::EncoderKind;
use super::negotiate::{Choice, OfferedFormat, Pixels};
use super::offers::{self, Wish};
use super::{EncoderChoice, VideoSettings, VideoSource, absence, gst, nodes};

/// All that was found.
#[derive(Debug, Clone, Serialize)]
pub struct VideoProbe {
    /// The V4L2 cameras, in the order in which they are tried.
    pub cameras: Vec<CameraProbe>,
    /// Whether CSI cameras can be used through libcamera.
    pub libcamera: bool,
    /// Why not, and what to do.
    pub libcamera_missing: Option<String>,
    /// The encoders, in the order in which they are tried.
    pub encoders: Vec<EncoderProbe>,
    /// The encoder that would be used; none means that there is no picture.
    pub encoder: Option<&'static str>,
}

/// A camera.
#[derive(Debug, Clone, Serialize)]
pub struct CameraProbe {
    /// Its device.
    pub device: String,
    /// What the kernel calls it.
    pub name: Option<String>,
    /// What it offers.
    pub formats: Vec<OfferedFormat>,
    /// What would be used; none means that it cannot be.
    pub choice: Option<Choice>,
    /// Its controls with their values.
    pub controls: Vec<(&'static str, i64)>,
    /// Why it cannot be used.
    pub error: Option<String>,
}

/// An encoder.
#[derive(Debug, Clone, Serialize)]
pub struct EncoderProbe {
    /// Its GStreamer element.
    pub element: &'static str,
    /// Whether the element can be had. A hardware encoder's exists only where its device does.
    pub usable: bool,
    /// Why not, and what to do.
    pub missing: Option<String>,
    /// Whether hardware does the work.
    pub hardware: bool,
}

/// Looks for everything. Starts GStreamer, so it belongs into a command of its own and not into a running station.
pub fn probe(settings: &VideoSettings) -> VideoProbe {
    let mut encoders: Vec<EncoderProbe> = EncoderKind::ALL
        .into_iter()
        .map(|kind| {
            let usable = gst::has_element(kind.element());
            let missing = (!usable).then(|| absence::reason(kind.element()));
            EncoderProbe { element: kind.element(), usable, missing, hardware: kind.is_hardware() }
        })
        .collect();
    if let EncoderChoice::Named(named) = settings.encoder {
        encoders.sort_by_key(|encoder| encoder.element != named.element());
    }
    let encoder = encoders.iter().find(|encoder| encoder.usable).map(|encoder| encoder.element);
    let libcamera = gst::has_element("libcamerasrc");
    let libcamera_missing = (!libcamera).then(|| absence::reason("libcamerasrc"));
    VideoProbe { cameras: probe_cameras(settings), libcamera, libcamera_missing, encoders, encoder }
}

/// Looks for V4L2 cameras. Does not start GStreamer.
pub fn probe_cameras(settings: &VideoSettings) -> Vec<CameraProbe> {
    nodes::cameras().iter().map(|path| probe_camera(path, settings)).collect()
}

fn probe_camera(path: &Path, settings: &VideoSettings) -> CameraProbe {
    let mut probe = CameraProbe {
        device: path.display().to_string(),
        name: nodes::device_name(path),
        formats: Vec::new(),
        choice: None,
        controls: Vec::new(),
        error: None,
    };
    match Device::with_path(path) {
        Ok(device) => {
            probe.formats = offers::of(&device, settings.size);
            let controls = Controls::of(device);
            let wish = Wish {
                format: wanted_format(settings),
                size: settings.size,
                rate: settings.rate,
                accept_h264: true,
                can_force_keyframe: controls.can_force_keyframe(),
            };
            match offers::choose(&probe.device, &probe.formats, &wish) {
                Ok(choice) => probe.choice = Some(choice),
                Err(error) => probe.error = Some(error.to_string()),
            }
            probe.controls = controls.values();
        }
        Err(error) => probe.error = Some(error.to_string()),
    }
    probe
}

fn wanted_format(settings: &VideoSettings) -> Option<Pixels> {
    match &settings.source {
        VideoSource::V4l2(source) => source.format,
        VideoSource::Test | VideoSource::Libcamera | VideoSource::Recording { .. } | VideoSource::None => None,
    }
}

impl fmt::Display for VideoProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cameras.is_empty() {
            writeln!(f, "camera   none found behind V4L2")?;
        }
        for camera in &self.cameras {
            camera.fmt(f)?;
        }
        writeln!(f, "libcamera {}", self.libcamera_missing.as_deref().unwrap_or("usable"))?;
        for encoder in &self.encoders {
            let used = if self.encoder == Some(encoder.element) { ", would be used" } else { "" };
            writeln!(f, "encoder  {} {}{used}", encoder.element, encoder.missing.as_deref().unwrap_or("usable"))?;
        }
        Ok(())
    }
}

impl fmt::Display for CameraProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "camera   {} {}", self.device, self.name.as_deref().unwrap_or(""))?;
        if let Some(error) = &self.error {
            writeln!(f, "         cannot be used: {error}")?;
        }
        for format in &self.formats {
            let usable = if format.pixels.is_some() { "" } else { " (not usable)" };
            write!(f, "         {}{usable}:", format.fourcc)?;
            for size in &format.sizes {
                let rates: Vec<String> = size.rates.iter().map(u32::to_string).collect();
                write!(f, " {}x{}@{}", size.width, size.height, rates.join("/"))?;
            }
            writeln!(f)?;
        }
        if let Some(Choice { pixels, width, height, rate, .. }) = &self.choice {
            writeln!(f, "         would be used as {pixels:?} {width}x{height} at {rate} frames per second")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listing_names_what_would_be_used_and_serialises() {
        let probe = probe(&VideoSettings::default());
        let text = probe.to_string();
        assert!(text.contains("x264enc"), "{text}");
        let json = serde_json::to_value(&probe).expect("serialises");
        assert_eq!(json["encoders"].as_array().map(Vec::len), Some(3));
        if let Some(encoder) = probe.encoder {
            assert!(text.contains(&format!("{encoder} usable, would be used")), "{text}");
        }
    }
}
