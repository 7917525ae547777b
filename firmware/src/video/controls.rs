//! A V4L2 camera's controls: those that an installer may set by name, and those of cameras that encode H.264.

use v4l::control::{Control, Value};
use v4l::device::Device;

/// Controls that an installer may set, by the names that `v4l2-ctl` prints, with their ids (`linux/v4l2-controls.h`).
///
/// The `v4l` crate can list a device's controls, but gives up the process on a type that it does not know.
const NAMED: &[(&str, u32)] = &[
    ("brightness", 0x0098_0900),
    ("contrast", 0x0098_0901),
    ("saturation", 0x0098_0902),
    ("hue", 0x0098_0903),
    ("white_balance_automatic", 0x0098_090c),
    ("gamma", 0x0098_0910),
    ("gain", 0x0098_0913),
    ("horizontal_flip", 0x0098_0914),
    ("vertical_flip", 0x0098_0915),
    ("power_line_frequency", 0x0098_0918),
    ("white_balance_temperature", 0x0098_091a),
    ("sharpness", 0x0098_091b),
    ("backlight_compensation", 0x0098_091c),
    ("auto_exposure", 0x009a_0901),
    ("exposure_time_absolute", 0x009a_0902),
    ("exposure_dynamic_framerate", 0x009a_0903),
    ("focus_absolute", 0x009a_090a),
    ("focus_automatic_continuous", 0x009a_090c),
];

const H264_BITRATE: u32 = 0x0099_09cf;
const REPEAT_SEQUENCE_HEADER: u32 = 0x0099_09e2;
const FORCE_KEYFRAME: u32 = 0x0099_09e5;
const H264_I_PERIOD: u32 = 0x0099_0a66;
const H264_LEVEL: u32 = 0x0099_0a67;
const H264_PROFILE: u32 = 0x0099_0a6b;
/// Menu entries of the two above.
const LEVEL_3_1: i64 = 9;
const CONSTRAINED_BASELINE: i64 = 1;

/// Whether an installer may set a control of this name.
pub fn is_known_control(name: &str) -> bool {
    NAMED.iter().any(|(known, _)| *known == name)
}

/// The controls of one open device.
pub(super) struct Controls {
    device: Device,
    can_force_keyframe: bool,
}

impl Controls {
    pub(super) fn of(device: Device) -> Self {
        // A button cannot be read, only set, so its existence shows in setting it.
        let can_force_keyframe = set(&device, FORCE_KEYFRAME, Value::None).is_ok();
        Self { device, can_force_keyframe }
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn can_force_keyframe(&self) -> bool {
        self.can_force_keyframe
    }

    /// Sets what the installer wants. A control that the camera lacks or refuses is logged, the picture comes anyway.
    pub(super) fn apply(&self, wanted: &[(String, i64)]) {
        for (name, value) in wanted {
            let Some((_, id)) = NAMED.iter().find(|(known, _)| known == name) else {
                tracing::warn!(control = name, "no such camera control; known are: {}", names());
                continue;
            };
            if let Err(error) = set(&self.device, *id, Value::Integer(*value)) {
                tracing::warn!(control = name, value, %error, "the camera does not take this control");
            }
        }
    }

    /// Asks for what browsers are promised. Drivers lack some of it; the stream itself is checked.
    pub(super) fn prepare_h264(&self, bitrate_bps: u32) {
        let wanted = [
            (H264_PROFILE, CONSTRAINED_BASELINE),
            (H264_LEVEL, LEVEL_3_1),
            (H264_I_PERIOD, 60_000),
            (REPEAT_SEQUENCE_HEADER, 1),
            (H264_BITRATE, i64::from(bitrate_bps)),
        ];
        for (id, value) in wanted {
            if let Err(error) = set(&self.device, id, Value::Integer(value)) {
                tracing::debug!(id = format!("{id:#x}"), value, %error, "the camera lacks an H.264 control");
            }
        }
    }

    pub(super) fn set_h264_bitrate(&self, bps: u32) {
        if let Err(error) = set(&self.device, H264_BITRATE, Value::Integer(i64::from(bps))) {
            tracing::debug!(bps, %error, "the camera keeps its bitrate");
        }
    }

    pub(super) fn force_keyframe(&self) {
        if let Err(error) = set(&self.device, FORCE_KEYFRAME, Value::None) {
            tracing::debug!(%error, "the camera did not take a keyframe request");
        }
    }

    /// Names and values of the controls that this camera has.
    pub(super) fn values(&self) -> Vec<(&'static str, i64)> {
        let value = |id| match self.device.control(id).ok()?.value {
            Value::Integer(value) => Some(value),
            Value::Boolean(value) => Some(i64::from(value)),
            // None of the named controls is one of these.
            Value::None
            | Value::String(_)
            | Value::CompoundU8(_)
            | Value::CompoundU16(_)
            | Value::CompoundU32(_)
            | Value::CompoundPtr(_) => None,
        };
        NAMED.iter().filter_map(|&(name, id)| Some((name, value(id)?))).collect()
    }
}

fn set(device: &Device, id: u32, value: Value) -> std::io::Result<()> {
    device.set_control(Control { id, value })
}

fn names() -> String {
    NAMED.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_known_by_the_names_that_people_see() {
        assert!(is_known_control("power_line_frequency"));
        assert!(!is_known_control("zoom_of_doom"));
    }
}
