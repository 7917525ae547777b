//! What an endpoint has to know to come in.

use std::sync::Arc;

use doorway_proto::rooms::Refused;
use doorway_proto::signaling::Refusal;

use crate::claim::Claim;
use crate::settings::{Secret, Settings};

pub(crate) enum Entry {
    /// Nothing: only this machine can connect.
    Open,
    Secret(Secret),
    /// The secret that the first page chooses; before that nobody comes in.
    Claimed(Arc<Claim>),
}

impl Entry {
    pub(crate) fn new(settings: &Settings) -> Self {
        match (&settings.secret, &settings.claim) {
            (Some(secret), _) => Self::Secret(secret.clone()),
            (None, Some(claim)) => Self::Claimed(claim.clone()),
            (None, None) => Self::Open,
        }
    }

    /// The secret to know, if any.
    pub(crate) fn secret(&self) -> Result<Option<&Secret>, Refused> {
        match self {
            Self::Open => Ok(None),
            Self::Secret(secret) => Ok(Some(secret)),
            Self::Claimed(claim) => claim.secret().map(Some).ok_or_else(|| {
                Refused::new(Refusal::Unclaimed, "nobody has set up this station yet: open its page to do so")
            }),
        }
    }
}
