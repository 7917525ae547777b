//! Who hears the visitor and is heard.

use doorway_core::ClientId;

/// The talkers whose sound is on, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Routes {
    talkers: Vec<ClientId>,
}

impl Routes {
    pub(super) fn open(&mut self, client: ClientId) {
        if !self.talkers.contains(&client) {
            self.talkers.push(client);
        }
    }

    pub(super) fn shut(&mut self, client: &ClientId) {
        self.talkers.retain(|talker| talker != client);
    }

    pub(super) fn talkers(&self) -> &[ClientId] {
        &self.talkers
    }
}
