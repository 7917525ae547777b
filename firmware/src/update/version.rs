//! Versions of the device image: `X.Y.Z+N`, in the order of `sort -V`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version, such as `1.4.0+17`: the 17th build of 1.4.0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    release: [u32; 3],
    build: u32,
}

/// A text that is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version is written X.Y.Z+N")]
pub struct NotAVersion;

impl FromStr for Version {
    type Err = NotAVersion;

    /// Without `+N` it is build 0.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let (release, build) = text.split_once('+').map_or((text, None), |(release, build)| (release, Some(build)));
        let mut parts = release.split('.');
        let mut next = || number(parts.next()?);
        let release = [next(), next(), next()];
        let [Some(major), Some(minor), Some(patch)] = release else { return Err(NotAVersion) };
        if parts.next().is_some() {
            return Err(NotAVersion);
        }
        let build = build.map_or(Some(0), number).ok_or(NotAVersion)?;
        Ok(Self { release: [major, minor, patch], build })
    }
}

/// Digits only, and none in front that `sort -V` would skip: `1.02.0` and `1.2.0` are not two names of one version.
fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (plain && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.release;
        write!(f, "{major}.{minor}.{patch}+{}", self.build)
    }
}

impl Version {
    /// How `offered` compares with the version that runs.
    ///
    /// # Errors
    /// When one of them is no version.
    pub fn compare(offered: &str, running: &str) -> Result<Ordering, NotAVersion> {
        Ok(offered.parse::<Self>()?.cmp(&running.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_order_and_nonsense_is_none() {
        let sorted =
            ["0.9.9+99", "1.0.0", "1.0.0+1", "1.0.0+2", "1.0.0+10", "1.0.1+1", "1.2.0+0", "1.10.0+0", "2.0.0+0"];
        for pair in sorted.windows(2) {
            assert_eq!(Version::compare(pair[1], pair[0]), Ok(Ordering::Greater), "{pair:?}");
        }
        assert_eq!(Version::compare("1.0.0", "1.0.0+0"), Ok(Ordering::Equal));
        for nonsense in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "1.0.0+",
            "1.0.0-rc1",
            "v1.0.0",
            "1..0",
            "01.0.0+1",
            "1.0.0+1+2",
            " 1.0.0",
            "1.0.0+99999999999",
        ] {
            assert_eq!(nonsense.parse::<Version>(), Err(NotAVersion), "{nonsense:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_version_survives_its_text_and_orders_as_its_numbers(a: [u32; 4], b: [u32; 4]) {
            let version = |[x, y, z, n]: [u32; 4]| format!("{x}.{y}.{z}+{n}");
            proptest::prop_assert_eq!(version(a).parse::<Version>().unwrap().to_string(), version(a));
            proptest::prop_assert_eq!(Version::compare(&version(a), &version(b)), Ok(a.cmp(&b)));
        }

        #[test]
        fn any_text_is_a_version_or_none(text in "\\PC{0,20}|[0-9.+]{0,12}") {
            let _ = text.parse::<Version>();
        }
    }
}
