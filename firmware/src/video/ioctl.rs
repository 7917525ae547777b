//! Questions to a V4L2 device that the `v4l` crate does not ask, or answers with a panic: it unwraps the names of devices
//! and formats as UTF-8, and drivers cut them in the middle of a character.
#![allow(unsafe_code)]

use std::io;
use std::mem::zeroed;

use v4l::device::Device;
use v4l::v4l_sys::{v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE, v4l2_capability, v4l2_fmtdesc, v4l2_format};
use v4l::v4l2::{self, vidioc};

const CAPTURE: u32 = v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
/// `V4L2_CAP_DEVICE_CAPS`: the node's own capabilities are told beside those of the whole device.
const HAS_DEVICE_CAPS: u32 = 0x8000_0000;
/// A driver that never ends its list is not believed.
const MAX_FORMATS: u32 = 64;

/// What this node can do (`V4L2_CAP_*`).
pub(super) fn capabilities(device: &Device) -> io::Result<u32> {
    // SAFETY: plain numbers, for which zero is a value.
    let mut answer: v4l2_capability = unsafe { zeroed() };
    ask(device, vidioc::VIDIOC_QUERYCAP, &mut answer)?;
    let own = answer.capabilities & HAS_DEVICE_CAPS != 0;
    Ok(if own { answer.device_caps } else { answer.capabilities })
}

/// The four-character codes of its capture formats.
pub(super) fn formats(device: &Device) -> Vec<[u8; 4]> {
    let format = |index| {
        // SAFETY: plain numbers, for which zero is a value.
        let mut answer = v4l2_fmtdesc { index, type_: CAPTURE, ..unsafe { zeroed() } };
        ask(device, vidioc::VIDIOC_ENUM_FMT, &mut answer).ok()?;
        Some(answer.pixelformat.to_le_bytes())
    };
    (0..MAX_FORMATS).map_while(format).collect()
}

/// The size that the driver would make of a wanted one, without changing anything.
pub(super) fn try_size(device: &Device, fourcc: [u8; 4], (width, height): (u32, u32)) -> Option<(u32, u32)> {
    // SAFETY: plain numbers, for which zero is a value.
    let mut answer: v4l2_format = unsafe { zeroed() };
    answer.type_ = CAPTURE;
    answer.fmt.pix.width = width;
    answer.fmt.pix.height = height;
    answer.fmt.pix.pixelformat = u32::from_le_bytes(fourcc);
    ask(device, vidioc::VIDIOC_TRY_FMT, &mut answer).ok()?;
    // SAFETY: a capture type's format is this one of the union's fields.
    let size = unsafe { answer.fmt.pix };
    (size.pixelformat == u32::from_le_bytes(fourcc)).then_some((size.width, size.height))
}

fn ask<T>(device: &Device, request: vidioc::_IOC_TYPE, answer: &mut T) -> io::Result<()> {
    // SAFETY: each caller passes the structure that its request is defined with, and it outlives the call.
    unsafe { v4l2::ioctl(device.handle().fd(), request, std::ptr::from_mut(answer).cast()) }
}
