//! What of an SDP is read or mended before str0m has it: what clients leave out of an answer although the offer says it.

use std::fmt::Write as _;

/// A media line of the answer, with all that belongs to it.
struct Section<'a> {
    lines: Vec<&'a str>,
}

impl Section<'_> {
    fn has(&self, attribute: &str) -> bool {
        self.lines.iter().any(|line| line.starts_with(attribute))
    }

    /// The parameters of a payload type, where there are any.
    fn parameters(&self, payload_type: u8) -> Option<usize> {
        let start = format!("a=fmtp:{payload_type} ");
        self.lines.iter().position(|line| line.starts_with(&start))
    }
}

/// The names of an SDP's lines, in their order.
pub(super) fn names(sdp: &str) -> Vec<String> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(str::to_owned).collect()
}

/// The name of the first line of a kind.
pub(super) fn line_of<'a>(sdp: &'a str, kind: &str) -> Option<&'a str> {
    let of_kind = |line: &str| line.strip_prefix("m=").and_then(|rest| rest.strip_prefix(kind)).is_some();
    let mut section = sdp.lines().skip_while(|line| !of_kind(line)).skip(1).take_while(|line| !line.starts_with("m="));
    section.find_map(|line| line.strip_prefix("a=mid:"))
}

/// The answer with the name of each line (some clients name no line that they reject), and with the parameters that were
/// offered for H.264 where it agrees to the payload type and is silent about them.
pub(super) fn complete(answer: &str, offered: &[String], h264: u8, parameters: &str) -> String {
    let mut lines = answer.lines().peekable();
    let mut whole = String::with_capacity(answer.len() + 256);
    while let Some(line) = lines.next_if(|line| !line.starts_with("m=")) {
        put(&mut whole, line);
    }
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in lines {
        if line.starts_with("m=") {
            sections.push(Section { lines: Vec::new() });
        }
        if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        }
    }
    for (index, section) in sections.iter().enumerate() {
        let silent = section.has(&format!("a=rtpmap:{h264} H264/"));
        let known = section.parameters(h264);
        for (at, line) in section.lines.iter().enumerate() {
            if silent && known == Some(at) && !line.contains("profile-level-id") {
                put(&mut whole, &format!("a=fmtp:{h264} {parameters}"));
            } else {
                put(&mut whole, line);
            }
        }
        if silent && known.is_none() {
            put(&mut whole, &format!("a=fmtp:{h264} {parameters}"));
        }
        if let Some(name) = offered.get(index).filter(|_| !section.has("a=mid:")) {
            put(&mut whole, &format!("a=mid:{name}"));
        }
    }
    whole
}

fn put(whole: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _ = write!(whole, "{line}\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";

    fn completed(answer: &str) -> String {
        complete(answer, &["snd".to_owned(), "app".to_owned(), "vid".to_owned()], 102, PARAMETERS)
    }

    #[test]
    fn an_answer_that_says_everything_stays_as_it_is() {
        let whole = format!(
            "v=0\r\nm=audio 9 X 111\r\na=mid:snd\r\nm=application 9 Y z\r\na=mid:app\r\nm=video 9 X 102\r\n\
             a=rtpmap:102 H264/90000\r\na=fmtp:102 {PARAMETERS}\r\na=mid:vid\r\n"
        );
        assert_eq!(completed(&whole), whole);
    }

    #[test]
    fn a_line_without_a_name_has_that_of_the_offer_s_line_in_its_place() {
        let answer = "v=0\r\nm=audio 9 X 111\r\na=mid:snd\r\nm=application 9 Y z\r\na=mid:app\r\nm=video 0 X 120\r\n";
        assert_eq!(completed(answer), format!("{answer}a=mid:vid\r\n"));
        assert!(completed("m=a\nm=b\nm=c\nm=d\n").ends_with("m=d\r\n"), "a line too many has none");
    }

    #[test]
    fn an_agreed_payload_type_has_the_parameters_that_were_offered() {
        let added = format!("a=fmtp:102 {PARAMETERS}\r\n");
        for fmtp in ["", "a=fmtp:102 packetization-mode=1\r\n"] {
            let answer = format!("m=video 9 X 102\r\na=mid:vid\r\na=rtpmap:102 H264/90000\r\n{fmtp}");
            assert_eq!(completed(&answer).matches(&added).count(), 1, "{fmtp}");
        }
        assert!(!completed("m=video 9 X 120\r\na=mid:vid\r\na=rtpmap:120 VP8/90000\r\n").contains("fmtp"));
    }
}
