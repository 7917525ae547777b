//! What an ALSA error means, and what the installer can do about it.

use std::path::{Path, PathBuf};

use alsa::Direction;

use super::device::DeviceError;

/// What an error of a running PCM asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing to do yet.
    NotReady,
    /// The buffer ran over or empty: prepare and start again.
    Xrun,
    /// The machine slept: resume.
    Suspended,
    /// The card is gone.
    Gone,
    /// Anything else: close it and try again.
    Other,
}

pub(super) fn classify(errno: i32) -> Fault {
    match errno {
        libc::EAGAIN | libc::EINTR => Fault::NotReady,
        libc::EPIPE => Fault::Xrun,
        libc::ESTRPIPE => Fault::Suspended,
        libc::ENODEV | libc::ENXIO | libc::ENOTTY | libc::EBADFD => Fault::Gone,
        _ => Fault::Other,
    }
}

/// Why a PCM cannot be opened or used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) error: alsa::Error,
    /// Its card takes nothing but IEC 958 frames.
    pub(super) wants_iec958: bool,
}

impl Refusal {
    pub(super) fn of(error: alsa::Error) -> Self {
        Self { error, wants_iec958: false }
    }
}

/// A sentence for the installer about a PCM that cannot be used.
pub(super) fn remedy(name: &str, direction: Direction, refusal: Refusal) -> DeviceError {
    let cards = alsa::card::Iter::new().filter(Result::is_ok).count();
    let errno = refusal.error.errno();
    if refusal.wants_iec958 {
        return DeviceError(format!(
            "the speaker '{name}' is HDMI that takes IEC 958 frames only: name it `sysdefault:CARD=...` or `hdmi:CARD=...` as \
             `playback` under [sound] (`aplay -L` lists both), or another speaker"
        ));
    }
    if errno == libc::EBUSY
        && let Some(holder) = sound_server(&programs_with_cards(Path::new("/proc")))
    {
        let (role, _) = role_and_key(direction);
        return DeviceError(format!(
            "{holder} holds the {role} '{name}': this is a desktop's sound server, which takes all cards; stop it for good \
             (`sudo systemctl --global mask pipewire.socket pipewire.service pipewire-pulse.socket wireplumber.service \
             pulseaudio.socket`, then restart), or use a system without desktop"
        ));
    }
    DeviceError(sentence(name, direction, errno, cards))
}

/// The programs that have a sound card's PCM open, as the kernel names them.
fn programs_with_cards(proc: &Path) -> Vec<String> {
    let folders = |path: &Path, prefix: &str| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        named.map(|entry| entry.path()).collect()
    };
    let cards = folders(&proc.join("asound"), "card");
    let pcms = cards.iter().flat_map(|card| folders(card, "pcm"));
    let streams = pcms.flat_map(|pcm| folders(&pcm, "sub"));
    let owners = streams.filter_map(|stream| {
        let status = std::fs::read_to_string(stream.join("status")).ok()?;
        let owner = status.lines().find_map(|line| line.strip_prefix("owner_pid"))?;
        let owner: u32 = owner.trim_start_matches([' ', ':']).trim().parse().ok()?;
        std::fs::read_to_string(proc.join(owner.to_string()).join("comm")).ok()
    });
    owners.map(|name| name.trim().to_owned()).collect()
}

/// The sound server among them. Its threads go by other names, so the beginning counts.
fn sound_server(programs: &[String]) -> Option<&'static str> {
    let known = [
        ("pipewire", "PipeWire"),
        ("wireplumber", "PipeWire"),
        ("data-loop", "PipeWire"),
        ("pulseaudio", "PulseAudio"),
    ];
    known
        .into_iter()
        .find_map(|(name, called)| programs.iter().any(|program| program.starts_with(name)).then_some(called))
}

/// Why neither microphone nor speaker can work at the moment: this machine has no sound card at all. Looks for device nodes
/// only, as the loop asks and a card that is opened may take its time.
pub(super) fn no_card(name: &str, direction: Direction) -> Option<String> {
    let mut nodes = std::fs::read_dir("/dev/snd").into_iter().flatten().flatten();
    let card = nodes.any(|node| node.file_name().as_encoded_bytes().starts_with(b"controlC"));
    (!card).then(|| sentence(name, direction, libc::ENODEV, 0))
}

fn sentence(name: &str, direction: Direction, errno: i32, cards: usize) -> String {
    let (role, key) = role_and_key(direction);
    if cards == 0 {
        return format!(
            "no sound card was found for the {role} '{name}': connect one, or set `source` under [sound] to \"test\" or \"none\""
        );
    }
    let cause = std::io::Error::from_raw_os_error(errno);
    match errno {
        libc::EBUSY => format!(
            "the {role} '{name}' is used by another program: stop that program, or name another PCM as `{key}` under [sound]"
        ),
        libc::EACCES | libc::EPERM => {
            format!("the {role} '{name}' may not be used by this user: add the user to the group 'audio'")
        }
        libc::ENOENT => format!(
            "there is no {role} called '{name}': `doorwayd probe` lists the names to use as `{key}` under [sound]"
        ),
        libc::ENODEV | libc::ENXIO | libc::EBADFD | libc::ENOTTY => {
            format!("the sound card behind the {role} '{name}' is gone: connect it again")
        }
        libc::EINVAL | libc::ENOTSUP => format!(
            "the {role} '{name}' cannot do 48 kHz in this direction ({cause}): `doorwayd probe` lists others to name as `{key}` under [sound]"
        ),
        _ => format!("the {role} '{name}' does not work ({cause}): `doorwayd probe` lists the sound cards"),
    }
}

fn role_and_key(direction: Direction) -> (&'static str, &'static str) {
    match direction {
        Direction::Capture => ("microphone", "capture"),
        Direction::Playback => ("speaker", "playback"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desktops_sound_server_that_holds_the_card_is_named() {
        let proc = tempfile::tempdir().unwrap();
        let stream = proc.path().join("asound/card1/pcm0c/sub0");
        std::fs::create_dir_all(&stream).unwrap();
        std::fs::create_dir_all(proc.path().join("812")).unwrap();
        std::fs::write(stream.join("status"), "state: RUNNING\nowner_pid   : 812\ntrigger_time: 1.2\n").unwrap();
        std::fs::write(proc.path().join("812/comm"), "pipewire\n").unwrap();
        let programs = programs_with_cards(proc.path());
        assert_eq!(programs, ["pipewire"]);
        assert_eq!(sound_server(&programs), Some("PipeWire"));
        assert_eq!(sound_server(&["arecord".to_owned()]), None);
        let busy = alsa::Error::new("snd_pcm_hw_params", libc::EINVAL);
        let hdmi = Refusal { error: busy, wants_iec958: true };
        assert!(remedy("plughw:CARD=vc4hdmi0,DEV=0", Direction::Playback, hdmi).0.contains("IEC 958"));
    }

    #[test]
    fn every_error_of_a_running_card_has_its_answer() {
        assert_eq!(classify(libc::EAGAIN), Fault::NotReady);
        assert_eq!(classify(libc::EPIPE), Fault::Xrun);
        assert_eq!(classify(libc::ESTRPIPE), Fault::Suspended);
        assert_eq!(classify(libc::ENODEV), Fault::Gone);
        assert_eq!(classify(libc::EBADFD), Fault::Gone);
        assert_eq!(classify(libc::EIO), Fault::Other);
    }

    #[test]
    fn each_reason_says_what_to_do() {
        let say = |errno, cards| sentence("hw:1,0", Direction::Capture, errno, cards);
        assert!(say(libc::ENOENT, 0).contains("connect one"));
        assert!(say(libc::ENOENT, 1).contains("doorwayd probe"));
        assert!(say(libc::EBUSY, 1).contains("stop that program"));
        assert!(say(libc::EACCES, 1).contains("group 'audio'"));
        assert!(say(libc::ENODEV, 1).contains("connect it again"));
        assert!(say(libc::EINVAL, 1).contains("48 kHz"));
        assert!(say(libc::EIO, 1).contains("doorwayd probe"));
        for errno in [libc::ENOENT, libc::EBUSY, libc::EIO] {
            assert!(say(errno, 2).contains("'hw:1,0'"));
        }
    }
}
