//! A message on its way out, shared by all connections that receive it.

use std::sync::{Arc, OnceLock};

use crate::signaling::{ToClient, ToStation};

/// A message on its way out. Clones share the message and its text, which is made when it is first asked for.
#[derive(Debug, Clone)]
pub struct Outgoing(Arc<Shared>);

/// What an [`Outgoing`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// To a client.
    Client(ToClient),
    /// To a station.
    Station(ToStation),
}

#[derive(Debug)]
struct Shared {
    content: Content,
    text: OnceLock<Box<str>>,
}

impl Outgoing {
    pub(super) fn to_client(message: ToClient) -> Self {
        Self::new(Content::Client(message))
    }

    pub(super) fn to_station(message: ToStation) -> Self {
        Self::new(Content::Station(message))
    }

    fn new(content: Content) -> Self {
        Self(Arc::new(Shared { content, text: OnceLock::new() }))
    }

    /// The message, for an endpoint in the same process.
    pub fn content(&self) -> &Content {
        &self.0.content
    }

    /// The message as a JSON text, for a socket.
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| {
            let text = match &self.0.content {
                Content::Client(message) => serde_json::to_string(message),
                Content::Station(message) => serde_json::to_string(message),
            };
            text.expect("messages have string keys only").into_boxed_str()
        })
    }
}

/// The bytes of [`Outgoing::text`], so that a socket's buffer type can take an `Outgoing` over without a copy.
impl AsRef<[u8]> for Outgoing {
    fn as_ref(&self) -> &[u8] {
        self.text().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_broadcast_is_made_once() {
        let one = Outgoing::to_client(ToClient::Pong {});
        let other = one.clone();
        assert_eq!(one.text(), r#"{"type":"pong"}"#);
        assert!(std::ptr::eq(one.text(), other.text()));
    }
}
