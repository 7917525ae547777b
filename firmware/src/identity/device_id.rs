//! A device's own id, and the name that follows from it.

use std::fmt;

use rand::RngExt as _;

/// Without what people confuse when they read it from a label: I, L, O, U (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 60 bits: no two devices have the same.
const CHARACTERS: usize = 12;
/// Those that the name has: no two devices of one house have the same.
const NAMED: usize = 4;

/// Twelve characters such as `7K3M90ABCDEF`, random at the first start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId(String);

impl DeviceId {
    pub(super) fn random() -> Self {
        let mut rng = rand::rng();
        let digits = (0..CHARACTERS).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]));
        Self(digits.collect())
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == CHARACTERS && text.bytes().all(|byte| ALPHABET.contains(&byte));
        fits.then(|| Self(text.to_owned()))
    }

    /// The name of a device that was given none, such as `doorway-7K3M`.
    pub fn name(&self) -> String {
        format!("doorway-{}", &self.0[..NAMED])
    }

    /// That name in the network.
    pub fn hostname(&self) -> String {
        self.name().to_ascii_lowercase()
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_from_the_id() {
        let id = DeviceId::parse("7K3M90ABCDEF").unwrap();
        assert_eq!((id.name().as_str(), id.hostname().as_str()), ("doorway-7K3M", "doorway-7k3m"));
        for bad in ["", "7K3M", "7k3m90abcdef", "7K3M90ABCDEF0", "7K3M90ABCDEO", "7K3M/../BCDE", "門門門門"] {
            assert_eq!(DeviceId::parse(bad), None, "{bad}");
        }
        assert_ne!(DeviceId::random(), DeviceId::random());
        assert_eq!(DeviceId::parse(&DeviceId::random().to_string()).unwrap().to_string().len(), 12);
    }
}
