//! A certificate's fingerprint, as devices show it, and as words that two people can compare.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// 80 bits: as many as nobody can try out for another certificate with the same words.
const WORDS: usize = 5;

/// The SHA-256 of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Its start as five words such as `lusab babad gutih tugad mudof`, which can be read out in any language
    /// (D. S. Wilkerson, "A Proposal for Proquints", arXiv:0901.4016).
    pub fn words(&self) -> String {
        let words: Vec<String> =
            self.0.chunks(2).take(WORDS).map(|pair| word(u16::from_be_bytes([pair[0], pair[1]]))).collect();
        words.join(" ")
    }
}

/// `AB:CD:…`, as browsers and phones write it.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// Consonants stand for four bits, vowels for two.
fn word(bits: u16) -> String {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let letter = |letters: &[u8], shift: u32| char::from(letters[usize::from(bits >> shift) % letters.len()]);
    [letter(CONSONANTS, 12), letter(VOWELS, 10), letter(CONSONANTS, 6), letter(VOWELS, 4), letter(CONSONANTS, 0)]
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_proposal() {
        // 127.0.0.1 and 63.84.220.193, from its table of examples.
        assert_eq!([word(0x7f00), word(0x0001)], ["lusab", "babad"]);
        assert_eq!([word(0x3f54), word(0xdcc1)], ["gutih", "tugad"]);
    }

    #[test]
    fn a_fingerprint_is_written_as_devices_write_it() {
        let fingerprint = Fingerprint::of(b"");
        assert!(fingerprint.to_string().starts_with("E3:B0:C4:42:98:FC:1C:14:"), "{fingerprint}");
        assert_eq!(fingerprint.to_string().len(), 95);
        assert_eq!(fingerprint.words().split(' ').count(), 5);
    }
}
