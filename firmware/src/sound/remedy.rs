//! What an ALSA error means, and what the installer can do about it.

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

/// A sentence for the installer about a PCM that cannot be used.
pub(super) fn remedy(name: &str, direction: Direction, error: &alsa::Error) -> DeviceError {
    let cards = alsa::card::Iter::new().filter(Result::is_ok).count();
    DeviceError(sentence(name, direction, error.errno(), cards))
}

/// Why neither microphone nor speaker can work at the moment: this machine has no sound card at all. Looks for device nodes
/// only, as the loop asks and a card that is opened may take its time.
pub(super) fn no_card(name: &str, direction: Direction) -> Option<String> {
    let mut nodes = std::fs::read_dir("/dev/snd").into_iter().flatten().flatten();
    let card = nodes.any(|node| node.file_name().as_encoded_bytes().starts_with(b"controlC"));
    (!card).then(|| sentence(name, direction, libc::ENODEV, 0))
}

fn sentence(name: &str, direction: Direction, errno: i32, cards: usize) -> String {
    let (role, key) = match direction {
        Direction::Capture => ("microphone", "capture"),
        Direction::Playback => ("speaker", "playback"),
    };
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

#[cfg(test)]
mod tests {
    use super::*;

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
