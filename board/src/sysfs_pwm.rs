//! A hardware PWM channel through `/sys/class/pwm`: the same on a Raspberry Pi and on every other board.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use embedded_hal::pwm::{ErrorType, SetDutyCycle};

use crate::pin::{PinError, Polarity};

/// 1 kHz: far above flicker, far below what a transistor minds.
const PERIOD_NS: u32 = 1_000_000;

/// How long udev may take to give a fresh channel to our group.
const EXPORT_PATIENCE: Duration = Duration::from_secs(2);

/// One exported channel; switched off and given back when dropped.
#[derive(Debug)]
pub(crate) struct SysfsPwm {
    chip: PathBuf,
    channel: u32,
    active: Polarity,
}

impl SysfsPwm {
    /// Exports the channel, dark.
    pub(crate) fn open(root: &Path, chip: u32, channel: u32, active: Polarity) -> Result<Self, PinError> {
        let pwm = Self { chip: root.join(format!("pwmchip{chip}")), channel, active };
        let channels = pwm.read(&pwm.chip.join("npwm"))?;
        let known = channels.trim().parse::<u32>().unwrap_or(0);
        if channel >= known {
            return Err(pwm.error(format!("the chip has {known} channels, counted from 0")));
        }
        if !pwm.file("enable").exists() {
            pwm.write(&pwm.chip.join("export"), &channel.to_string())?;
        }
        let give_up = Instant::now() + EXPORT_PATIENCE;
        // A period shorter than the duty of a former owner would be refused, and there is none to begin with.
        while let Err(error) = pwm.write_setting("duty_cycle", 0).or_else(|_| pwm.write_setting("period", PERIOD_NS)) {
            if Instant::now() >= give_up {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(20));
        }
        pwm.write_setting("period", PERIOD_NS)?;
        let mut pwm = pwm;
        pwm.set_duty_cycle(0)?;
        pwm.write_setting("enable", 1)?;
        Ok(pwm)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.chip.join(format!("pwm{}", self.channel)).join(name)
    }

    fn write_setting(&self, name: &str, value: u32) -> Result<(), PinError> {
        self.write(&self.file(name), &value.to_string())
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), PinError> {
        // sysfs files exist or don't; never create one, which fs::write would.
        fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
            .map_err(|error| self.explain(path, &error))
    }

    fn read(&self, path: &Path) -> Result<String, PinError> {
        fs::read_to_string(path).map_err(|error| self.explain(path, &error))
    }

    fn explain(&self, path: &Path, error: &io::Error) -> PinError {
        let remedy = if error.kind() == io::ErrorKind::PermissionDenied {
            "run as a member of the group that owns it"
        } else {
            "enable PWM in the device tree (`dtoverlay=pwm` on a Raspberry Pi), or set `pwm = \"none\"`"
        };
        self.error(format!("{}: {error}; {remedy}", path.display()))
    }

    fn error(&self, what: String) -> PinError {
        let chip = self.chip.file_name().unwrap_or_default().to_string_lossy();
        PinError::new(format!("{chip}:{}", self.channel), what)
    }
}

impl ErrorType for SysfsPwm {
    type Error = PinError;
}

impl SetDutyCycle for SysfsPwm {
    fn max_duty_cycle(&self) -> u16 {
        1000
    }

    fn set_duty_cycle(&mut self, duty: u16) -> Result<(), PinError> {
        let lit = u32::from(duty.min(1000));
        let high = match self.active {
            Polarity::High => lit,
            Polarity::Low => 1000 - lit,
        };
        self.write_setting("duty_cycle", high * (PERIOD_NS / 1000))
    }
}

impl Drop for SysfsPwm {
    fn drop(&mut self) {
        self.set_duty_cycle(0).ok();
        self.write_setting("enable", 0).ok();
        self.write(&self.chip.join("unexport"), &self.channel.to_string()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that looks like one exported channel of a chip with two.
    struct FakeSysfs(PathBuf);

    impl FakeSysfs {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("doorway-pwm-{name}-{}", std::process::id()));
            let channel = root.join("pwmchip0/pwm1");
            fs::create_dir_all(&channel).unwrap();
            fs::write(root.join("pwmchip0/npwm"), "2\n").unwrap();
            for file in ["pwmchip0/export", "pwmchip0/unexport"] {
                fs::write(root.join(file), "").unwrap();
            }
            for file in ["enable", "period", "duty_cycle"] {
                fs::write(channel.join(file), "").unwrap();
            }
            Self(root)
        }

        /// The text of a setting; a real one takes each write whole, a file keeps the tail of a longer former one.
        fn take(&self, name: &str) -> String {
            let path = self.0.join("pwmchip0/pwm1").join(name);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, "").unwrap();
            text
        }
    }

    impl Drop for FakeSysfs {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn a_lamp_is_dark_when_opened_and_when_dropped() {
        let sysfs = FakeSysfs::new("dark");
        let mut pwm = SysfsPwm::open(&sysfs.0, 0, 1, Polarity::High).unwrap();
        assert_eq!(sysfs.take("period"), "1000000");
        assert_eq!(sysfs.take("duty_cycle"), "0");
        assert_eq!(sysfs.take("enable"), "1");
        pwm.set_duty_cycle(250).unwrap();
        assert_eq!(sysfs.take("duty_cycle"), "250000");
        drop(pwm);
        assert_eq!(sysfs.take("duty_cycle"), "0");
        assert_eq!(sysfs.take("enable"), "0");
    }

    #[test]
    fn a_lamp_to_the_supply_is_dark_when_the_line_is_high() {
        let sysfs = FakeSysfs::new("low");
        let pwm = SysfsPwm::open(&sysfs.0, 0, 1, Polarity::Low).unwrap();
        assert_eq!(sysfs.take("duty_cycle"), "1000000");
        drop(pwm);
    }

    #[test]
    fn a_missing_chip_or_channel_says_what_to_do() {
        let sysfs = FakeSysfs::new("missing");
        let error = SysfsPwm::open(&sysfs.0, 7, 0, Polarity::High).unwrap_err().to_string();
        assert!(error.contains("pwmchip7:0") && error.contains("dtoverlay=pwm"), "{error}");
        let error = SysfsPwm::open(&sysfs.0, 0, 2, Polarity::High).unwrap_err().to_string();
        assert!(error.contains("2 channels"), "{error}");
    }
}
