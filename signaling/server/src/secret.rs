//! What the household knows, and whether it is hard to guess.

use std::collections::HashSet;
use std::fmt;

use subtle::ConstantTimeEq;

/// The least characters of a secret.
const MIN_CHARACTERS: usize = 12;
/// The most bytes.
const MAX_BYTES: usize = 256;
/// The least different characters.
const MIN_DIFFERENT: usize = 5;
/// The least of what a guesser has to find: a character, or a word, a row or a year that everybody tries, counts as one.
const MIN_PARTS: usize = 8;

/// What passwords are made of all over the world, and what somebody would try on a doorbell.
const COMMON: [&str; 96] = [
    "abcd",
    "access",
    "admin",
    "alexander",
    "andrea",
    "angel",
    "apple",
    "asdf",
    "baby",
    "bell",
    "bonjour",
    "buster",
    "camera",
    "changeme",
    "charlie",
    "chocolate",
    "computer",
    "daniel",
    "default",
    "demo",
    "dogs",
    "door",
    "doorbell",
    "doorway",
    "dragon",
    "family",
    "flower",
    "football",
    "freedom",
    "front",
    "ginger",
    "gast",
    "geheim",
    "guest",
    "hallo",
    "hello",
    "home",
    "house",
    "hunter",
    "iloveyou",
    "intercom",
    "internet",
    "jennifer",
    "jessica",
    "jordan",
    "kennwort",
    "killer",
    "klingel",
    "letmein",
    "login",
    "love",
    "maggie",
    "master",
    "michael",
    "michelle",
    "monkey",
    "mustang",
    "mypass",
    "nicole",
    "nothing",
    "open",
    "pass",
    "passwd",
    "passwort",
    "password",
    "pepper",
    "princess",
    "private",
    "qwer",
    "qwerty",
    "qwertz",
    "raspberry",
    "root",
    "schatz",
    "secret",
    "sesame",
    "shadow",
    "soccer",
    "sommer",
    "start",
    "station",
    "summer",
    "sunshine",
    "super",
    "superman",
    "test",
    "thomas",
    "trustno",
    "user",
    "welcome",
    "wifi",
    "willkommen",
    "winter",
    "whatever",
    "wlan",
    "zuhause",
];
/// Neighbours on a keyboard.
const ROWS: [&str; 5] = ["qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjklm", "yxcvbnm"];

/// The shared secret of a companion. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It has too few characters.
    #[error("the secret is too short")]
    Short,
    /// It has too many bytes.
    #[error("the secret is too long")]
    Long,
    /// It is among the first that somebody would try.
    #[error("the secret is too easy to guess")]
    Simple,
}

impl SecretError {
    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Short => "take 12 characters or more; `openssl rand -base64 18` makes a good one",
            Self::Long => "take 256 bytes at most",
            Self::Simple => "take words that do not belong together; `openssl rand -base64 18` makes a good one",
        }
    }
}

impl Secret {
    /// A secret that somebody chooses, without the white space around it.
    ///
    /// # Errors
    /// When `text` is no good one.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        let secret = Self::kept(text)?;
        let characters: Vec<char> = secret.0.chars().collect();
        if characters.len() < MIN_CHARACTERS {
            return Err(SecretError::Short);
        }
        let different: HashSet<char> = characters.iter().copied().collect();
        let has_controls = characters.iter().any(|one| one.is_control());
        if has_controls || different.len() < MIN_DIFFERENT || parts(&characters) < MIN_PARTS {
            return Err(SecretError::Simple);
        }
        Ok(secret)
    }

    /// A secret that was good enough when it was chosen: a stricter rule must not lock a household out.
    ///
    /// # Errors
    /// When there is nothing in `text`, or too much.
    pub fn kept(text: &str) -> Result<Self, SecretError> {
        match text.trim() {
            "" => Err(SecretError::Short),
            text if text.len() > MAX_BYTES => Err(SecretError::Long),
            text => Ok(Self(text.into())),
        }
    }

    /// The text, to write it down or to give it to whoever has to know it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Takes as long for a wrong guess as for a right one.
    pub(crate) fn is(&self, guess: &str) -> bool {
        self.0.as_bytes().ct_eq(guess.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How many parts a guesser has to find, what is repeated being none.
fn parts(characters: &[char]) -> usize {
    let lower: Vec<char> = characters.iter().map(|one| one.to_lowercase().next().unwrap_or(*one)).collect();
    let letters: Vec<char> = lower.iter().map(|one| as_letter(*one)).collect();
    let mut parts = 0;
    let mut at = 0;
    while at < lower.len() {
        if let Some(length) = repeated(&lower, at) {
            at += length;
            continue;
        }
        parts += 1;
        at += word(&letters[at..]).max(row(&lower[at..])).max(year(&lower[at..])).max(1);
    }
    parts
}

/// The letter that a digit or sign often stands for.
fn as_letter(one: char) -> char {
    match one {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// The length of what stands at `at` and right before it too.
fn repeated(text: &[char], at: usize) -> Option<usize> {
    (1..=at.min(text.len() - at)).rev().find(|length| text[at - length..at] == text[at..at + length])
}

/// The length of the longest common word that the text begins with.
fn word(text: &[char]) -> usize {
    let begins =
        |word: &&str| word.chars().count() <= text.len() && word.chars().eq(text[..word.len()].iter().copied());
    COMMON.iter().filter(|word| begins(word)).map(|word| word.len()).max().unwrap_or(0)
}

/// The length of the row that the text begins with: of the alphabet, of digits, or of a keyboard.
fn row(text: &[char]) -> usize {
    let of = |next: &dyn Fn(char, char) -> bool| 1 + text.windows(2).take_while(|pair| next(pair[0], pair[1])).count();
    let step = |a: char, b: char| i64::from(u32::from(b)) - i64::from(u32::from(a));
    let on_row = |row: &str, a: char, b: char| row.chars().zip(row.chars().skip(1)).any(|pair| pair == (a, b));
    let longest = [of(&|a, b| step(a, b) == 1 || (a, b) == ('9', '0')), of(&|a, b| step(a, b) == -1)]
        .into_iter()
        .chain(ROWS.iter().map(|row| of(&|a, b| on_row(row, a, b))))
        .max();
    longest.filter(|length| *length >= 3).unwrap_or(0)
}

fn year(text: &[char]) -> usize {
    match text {
        ['1', '9', a, b, ..] | ['2', '0', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => 4,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_would_try_first_is_refused() {
        for simple in [
            "password1234",
            "Passw0rd!2024",
            "aaaaaaaaaaaa",
            "aaaaaaaaaaab",
            "abababababab",
            "123456789012",
            "098765432109",
            "abcdefghijkl",
            "qwertyuiop12",
            "ASDFghjkl123",
            "passwordpassword",
            "letmein-letmein",
            "Doorway-Intercom",
            "welcome home 2025",
            "iloveyou12345",
            "Summer2024!!",
            "secretsecret1",
            "klingel 1234 klingel",
            "correct\u{7}horse battery",
        ] {
            assert_eq!(Secret::new(simple), Err(SecretError::Simple), "{simple}");
        }
    }

    #[test]
    fn what_nobody_tries_is_taken() {
        for good in [
            "correct horse battery",
            "correct horse",
            "companion-of-the-tests",
            "virtual-board-secret",
            "tk4m-92xq-hv7w-pm3d",
            "cb1f6bdf7e51d9f9e0d9c4ba5aa2bd31",
            "482915073648",
            "Unter den Linden ist es grün",
            "廚房的平板在牆上掛著很好看",
        ] {
            assert!(Secret::new(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn its_length_is_bounded_and_its_line_end_does_not_count() {
        assert_eq!(Secret::new("short\n\n\n\n\n\n\n\n"), Err(SecretError::Short));
        assert_eq!(Secret::new("twelve bytes".get(..11).unwrap()), Err(SecretError::Short));
        assert_eq!(Secret::new(&"correct horse ".repeat(20)), Err(SecretError::Long));
        let secret = Secret::new("  correct horse\r\n").unwrap();
        assert!(secret.is("correct horse"));
        assert!(!secret.is("correct hors") && !secret.is("correct horse\n") && !secret.is(""));
    }

    #[test]
    fn one_that_was_chosen_under_an_older_rule_still_holds() {
        assert!(Secret::kept("password1234").unwrap().is("password1234"));
        assert_eq!(Secret::kept(" \n"), Err(SecretError::Short));
        assert_eq!(format!("{:?}", Secret::kept("password1234")), "Ok(Secret(…))");
    }
}
