//! `doorwayd probe`: what this machine has, and what would be used of it.

use serde::Serialize;

use crate::sound::{self, SoundProbe};
use crate::video::probe::VideoProbe;
use crate::video::{self, VideoSettings};

/// All that was found, but for the GPIO chips, which say it in words.
#[derive(Serialize)]
struct Found {
    video: VideoProbe,
    sound: SoundProbe,
    board: String,
}

/// Looks for everything and prints it, for a person or as JSON, with what `settings` would use.
pub fn print(json: bool, settings: &VideoSettings) {
    let found =
        Found { video: video::probe(settings), sound: sound::probe(), board: doorway_board::probe().to_string() };
    if json {
        let text = serde_json::to_string_pretty(&found).expect("what was found has only string keys");
        println!("{text}");
        return;
    }
    println!("{}\n{}\n{}", found.video, found.sound, found.board);
}
