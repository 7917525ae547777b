//! Whom a press rings, and in what order.

use std::collections::BTreeMap;

use crate::ids::{ButtonId, ClientId};
use crate::settings::RingGroup;

/// The ring groups of the call buttons.
#[derive(Debug)]
pub(crate) struct RingPlan {
    groups: BTreeMap<ButtonId, RingGroup>,
}

impl RingPlan {
    pub(crate) fn new(groups: BTreeMap<ButtonId, RingGroup>) -> Self {
        Self { groups }
    }

    /// Whether a press of this button rings anybody at all.
    pub(crate) fn is_call_button(&self, button: &ButtonId) -> bool {
        self.groups.contains_key(button)
    }

    /// Of those who are here, with their names, whoever one of the pressed buttons rings, and the first that does. All ring at
    /// once; who comes first gets the first of the places.
    pub(crate) fn rung<'a, N: AsRef<str> + 'a>(
        &'a self,
        pressed: &'a [ButtonId],
        here: impl IntoIterator<Item = (&'a ClientId, &'a N)> + 'a,
    ) -> impl Iterator<Item = (&'a ClientId, &'a ButtonId)> + 'a {
        here.into_iter().filter_map(|(client, name)| {
            let rings = |button: &&ButtonId| self.groups.get(*button).is_some_and(|group| group.rings(name.as_ref()));
            Some((client, pressed.iter().find(rings)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_rung_by_two_buttons_is_rung_by_the_one_that_was_pressed_first() {
        let flat = RingGroup::Named(["Kitchen".to_owned()].into());
        let plan = RingPlan::new([("call".into(), RingGroup::Everybody), ("flat".into(), flat)].into());
        let here: BTreeMap<ClientId, &str> = [("a".into(), "Attic"), ("k".into(), "Kitchen")].into();
        let rung = |pressed: &[ButtonId]| -> Vec<(String, String)> {
            plan.rung(pressed, &here).map(|(client, button)| (client.to_string(), button.to_string())).collect()
        };
        let one = |client: &str, button: &str| (client.to_owned(), button.to_owned());
        assert_eq!(rung(&["flat".into()]), [one("k", "flat")]);
        assert_eq!(rung(&["flat".into(), "call".into()]), [one("a", "call"), one("k", "flat")]);
        assert_eq!(rung(&["exit".into()]), []);
        assert!(plan.is_call_button(&"flat".into()) && !plan.is_call_button(&"exit".into()));
    }
}
