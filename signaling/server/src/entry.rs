//! What an endpoint has to know to come in, and how often it may be wrong about it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use doorway_proto::rooms::Refused;
use doorway_proto::signaling::Refusal;
use metrics::Counter;
use tokio::time::Instant;
use tracing::warn;

use crate::claim::Claim;
use crate::guesses::{Alarm, Guesses};
use crate::numbers::Numbers;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::source::Source;

pub(crate) struct Entry {
    asks: Asks,
    guesses: Mutex<Guesses>,
    wrong: Counter,
    unanswered: Counter,
}

enum Asks {
    /// Nothing: only this machine can connect.
    Nothing,
    Secret(Secret),
    /// The secret that the first page chooses; before that nobody comes in.
    Claimed(Arc<Claim>),
}

/// Why somebody does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Nobody has set up the station yet.
    Unclaimed,
    /// They said no secret.
    NoSecret,
    /// They said a wrong one.
    WrongSecret,
    /// They said wrong ones too often. This one was not looked at, and neither are others until then.
    TooOften(Duration),
}

impl Entry {
    pub(crate) fn new(settings: &Settings, numbers: &Numbers) -> Self {
        let asks = match (&settings.secret, &settings.claim) {
            (Some(secret), _) => Asks::Secret(secret.clone()),
            (None, Some(claim)) => Asks::Claimed(claim.clone()),
            (None, None) => Asks::Nothing,
        };
        Self {
            asks,
            guesses: Mutex::new(Guesses::new(Instant::now().into_std())),
            wrong: numbers.wrong_secrets.clone(),
            unanswered: numbers.secrets_unanswered.clone(),
        }
    }

    /// Whether somebody who says this comes in.
    pub(crate) fn check(&self, said: Option<&str>, source: Source) -> Result<(), Denied> {
        let secret = match &self.asks {
            Asks::Nothing => return Ok(()),
            Asks::Secret(secret) => secret,
            Asks::Claimed(claim) => claim.secret().ok_or(Denied::Unclaimed)?,
        };
        let said = said.ok_or(Denied::NoSecret)?;
        let now = Instant::now().into_std();
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = match guesses.handle_guess(source, now) {
            Err(wait) => {
                self.unanswered.increment(1);
                Err(Denied::TooOften(wait))
            }
            Ok(()) if secret.is(said) => {
                guesses.handle_right(source, now);
                Ok(())
            }
            Ok(()) => {
                self.wrong.increment(1);
                Err(Denied::WrongSecret)
            }
        };
        if let Some(Alarm { wrong, unanswered }) = guesses.poll_alarm(now) {
            warn!(
                wrong,
                unanswered,
                "somebody guesses the household's secret; they have to wait longer and longer. See that it is a good one"
            );
        }
        checked
    }
}

impl Denied {
    pub(crate) fn refused(self) -> Refused {
        match self {
            Self::Unclaimed => {
                Refused::new(Refusal::Unclaimed, "nobody has set up this station yet: open its page to do so")
            }
            Self::NoSecret => {
                Refused::new(Refusal::Secret, "the companion asks for a secret: enter the one it was set up with")
            }
            Self::WrongSecret => Refused::new(Refusal::Secret, "the secret is wrong: ask who set up the companion"),
            Self::TooOften(wait) => {
                let seconds = wait.as_secs() + 1;
                let why = format!("too many wrong secrets came from here: try again in {seconds} s");
                Refused::new(Refusal::TooFast, why)
            }
        }
    }
}
