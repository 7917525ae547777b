//! The `[update]` table.

use std::time::Duration;

use super::{Check, raw, units};
use crate::update::{UpdateSettings, is_address};

impl Check<'_> {
    pub(super) fn update(&self, raw: raw::Update) -> UpdateSettings {
        if let Some(url) = raw.url.as_ref().filter(|url| !is_address(url.get_ref())) {
            // Without the address: it may hold a password.
            let remedy = "write it as https://HOST/PATH";
            self.wrong(url, "an update comes from an https:// or http:// address".into(), remedy);
        }
        let restart_after_quiet = match &raw.restart {
            None => Some(Duration::from_secs(600)),
            Some(off) if off.get_ref() == "off" => None,
            Some(quiet) => {
                let span = units::parse_span(quiet.get_ref());
                if span.is_none() {
                    let message = format!("{} is no time without a call", quiet.get_ref());
                    self.wrong(quiet, message, "take \"off\", or a duration such as \"10 min\"");
                }
                span
            }
        };
        UpdateSettings {
            url: raw.url.map(toml::Spanned::into_inner),
            check_daily: raw.check == raw::UpdateCheck::Daily,
            restart_after_quiet,
        }
    }
}
