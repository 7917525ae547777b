//! A receiver of a picture for a sender that is not ours: it offers, the sender answers, and pictures are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result};
use str0m::change::SdpPendingOffer;
use tokio::task::JoinHandle;

use super::media::{Happened, Media};

/// An offer that waits for its answer.
pub struct Offering {
    media: Media,
    pending: SdpPendingOffer,
    /// The SDP for the sender; its candidate is in it.
    pub sdp: String,
}

impl Offering {
    /// Offers to receive H.264 on loopback.
    ///
    /// # Errors
    /// When there is no socket left.
    pub async fn new() -> Result<Self> {
        let (media, sdp, pending) = Media::offer().await?;
        Ok(Self { media, pending, sdp })
    }

    /// Takes the sender's answer, in which its candidates are, and receives from then on.
    ///
    /// # Errors
    /// When it is no answer to this offer.
    pub fn receive(mut self, answer: &str) -> Result<PictureCount> {
        self.media.take_answer(self.pending, answer)?;
        let (frames, connected) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, up) = (Arc::clone(&frames), Arc::clone(&connected));
        let mut media = self.media;
        let task = tokio::spawn(async move {
            loop {
                for happened in media.drain().context("receiving")? {
                    match happened {
                        Happened::Connected => up.store(true, Ordering::Relaxed),
                        Happened::VideoFrame => {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        Happened::Closed => return Ok(()),
                        Happened::ChannelOpen | Happened::ChannelText(_) | Happened::AudioPacket => {}
                    }
                }
                media.wait().await?;
            }
        });
        Ok(PictureCount { frames, connected, task })
    }
}

/// Counts the pictures that arrive; dropping it ends that.
#[derive(Debug)]
pub struct PictureCount {
    frames: Arc<AtomicU64>,
    connected: Arc<AtomicBool>,
    task: JoinHandle<Result<()>>,
}

impl PictureCount {
    /// Whole pictures so far.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }
}

impl Drop for PictureCount {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_sender_that_answers_is_connected() {
        let offering = Offering::new().await.unwrap();
        let (mut sender, answer) = Media::answer(&offering.sdp).await.unwrap();
        let receiver = offering.receive(&answer).unwrap();
        let connected = async {
            while !receiver.is_connected() {
                sender.drain().unwrap();
                sender.wait().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), connected).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_answer_is_refused() {
        assert!(Offering::new().await.unwrap().receive("hello").is_err());
    }
}
