//! The kernel's virtual camera, which can be told to fail.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;

use super::layers::platform_device;
use crate::browser::Page;
use crate::device::by_agent::Bound;
use crate::device::layers::{Camera, CameraFault};
use crate::jig::Jig;

/// How long a control may take to be set.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sets a control of the camera by the name that the driver gives it. `v4l2-ctl` brings half of a desktop with it; Perl is
/// part of every Debian.
const SET_CONTROL: &str = r#"
my ($name, $value) = @ARGV;
open(my $camera, '+<', '/dev/video0') or die "opening: $!";
my $id = 0;
while (1) {
  # VIDIOC_QUERYCTRL with V4L2_CTRL_FLAG_NEXT_CTRL
  my $query = pack('L', $id | 0x80000000) . "\0" x 64;
  ioctl($camera, 0xc0445624, $query) or die "there is no control called $name";
  ($id, my $type, my $found) = unpack('L L Z32', $query);
  last if $found eq $name;
}
# VIDIOC_S_CTRL
my $set = pack('L l', $id, $value);
ioctl($camera, 0xc008561c, $set) or die "setting: $!";
"#;

/// Sets format and size, as a program does that used the camera before.
const SET_FORMAT: &str = r#"
open(my $camera, '+<', '/dev/video0') or die "opening: $!";
# VIDIOC_S_FMT with V4L2_BUF_TYPE_VIDEO_CAPTURE, 1280x720 in RGB3
my $format = pack('L x4 L L a4', 1, 1280, 720, 'RGB3');
$format .= "\0" x (208 - length $format);
ioctl($camera, 0xc0d05605, $format) or die "setting: $!";
my ($width, $code) = unpack('x8 L x4 a4', $format);
die "it is in $width, $code" unless $width == 1280 && $code eq 'RGB3';
"#;

/// The camera of the board that the agent is on.
#[derive(Debug)]
pub(super) struct Vivid {
    jig: Jig,
    camera: Bound,
}

impl Vivid {
    pub(super) fn new(jig: Jig) -> Self {
        Self { jig, camera: platform_device("vivid") }
    }

    async fn set_control(&self, name: &str, value: i32) -> Result<()> {
        self.perl(&["-e", SET_CONTROL, name, &value.to_string()]).await.with_context(|| format!("the control {name}"))
    }

    async fn perl(&self, arguments: &[&str]) -> Result<()> {
        let ran = self.jig.run(&[&["perl"], arguments].concat(), PATIENCE).await?;
        ensure!(ran.code == Some(0), "the camera: {}", ran.stderr);
        Ok(())
    }
}

#[async_trait(?Send)]
impl Camera for Vivid {
    async fn seen_in(&self, page: &Page, count: usize, within: Duration) -> Result<()> {
        page.bars_move(count, within).await
    }

    async fn unplug(&self) -> Result<()> {
        self.camera.unbind(&self.jig).await
    }

    async fn plug(&self) -> Result<()> {
        self.camera.bind(&self.jig).await
    }

    async fn inject(&self, fault: CameraFault) -> Result<()> {
        match fault {
            CameraFault::Silent(silent) => {
                self.set_control("Percentage of Dropped Buffers", if silent { 100 } else { 0 }).await
            }
            CameraFault::Broken => self.set_control("Inject Fatal Streaming Error", 1).await,
            CameraFault::OtherFormat => self.perl(&["-e", SET_FORMAT]).await,
            CameraFault::DamagedFrame => self.set_control("Inject V4L2_BUF_FLAG_ERROR", 1).await,
        }
    }
}
