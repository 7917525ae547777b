//! H.264 byte streams (ITU-T H.264 Annex B): finding NAL units and access units between start codes.
//!
//! Everything here reads bytes that a camera, an encoder or a file made, so nothing may panic on any input.

use std::ops::Range;

/// What a NAL unit holds, from its header's `nal_unit_type` (H.264 table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NalKind {
    /// A slice of a picture that refers to others.
    Slice,
    /// A slice of an IDR picture, from which a decoder can begin.
    Idr,
    /// Supplemental information that a decoder may ignore.
    Sei,
    /// A sequence parameter set.
    Sps,
    /// A picture parameter set.
    Pps,
    /// An access unit delimiter.
    Delimiter,
    /// Anything else, by its number.
    Other(u8),
}

impl NalKind {
    /// The kind that a NAL unit's first byte declares.
    pub fn of_header(header: u8) -> Self {
        match header & 0x1f {
            1 => Self::Slice,
            5 => Self::Idr,
            6 => Self::Sei,
            7 => Self::Sps,
            8 => Self::Pps,
            9 => Self::Delimiter,
            other => Self::Other(other),
        }
    }

    fn is_picture(self) -> bool {
        match self {
            // 2..=4 are slices in data partitions, which constrained baseline forbids but a stray file may hold.
            Self::Slice | Self::Idr | Self::Other(2..=4) => true,
            Self::Sei | Self::Sps | Self::Pps | Self::Delimiter | Self::Other(_) => false,
        }
    }

    fn begins_an_access_unit(self) -> bool {
        match self {
            Self::Sei | Self::Sps | Self::Pps | Self::Delimiter | Self::Other(14..=18) => true,
            Self::Slice | Self::Idr | Self::Other(_) => false,
        }
    }
}

/// One NAL unit of a byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nal<'a> {
    /// What it holds.
    pub kind: NalKind,
    /// Header and payload, without start code and without the zero bytes that may trail it. Never empty.
    pub bytes: &'a [u8],
    /// Where its start code begins in the stream.
    pub start: usize,
}

/// All NAL units of a byte stream, in order. Bytes before the first start code are skipped.
pub fn nal_units(stream: &[u8]) -> impl Iterator<Item = Nal<'_>> {
    let mut next = start_code(stream, 0);
    std::iter::from_fn(move || {
        loop {
            let code = next.clone()?;
            next = start_code(stream, code.end);
            let end = next.as_ref().map_or(stream.len(), |following| following.start);
            let bytes = trim_zeros(&stream[code.end..end]);
            if let Some(&header) = bytes.first() {
                return Some(Nal { kind: NalKind::of_header(header), bytes, start: code.start });
            }
        }
    })
}

/// Whether a decoder can begin with this access unit.
///
/// Looks no further than the first slice's header, so that it costs nothing on a large access unit.
pub fn is_keyframe(access_unit: &[u8]) -> bool {
    let mut from = 0;
    while let Some(code) = start_code(access_unit, from) {
        let kind = access_unit.get(code.end).map(|&header| NalKind::of_header(header));
        match kind {
            Some(kind) if kind.is_picture() => return kind == NalKind::Idr,
            Some(_) | None => from = code.end,
        }
    }
    false
}

/// Splits a byte stream into access units (H.264 section 7.4.1.2.3).
///
/// Arbitrary slice order is not supported: a picture is taken to begin with the slice of its first macroblock, which
/// constrained baseline guarantees. NAL units that follow the last picture form a last, incomplete unit.
pub fn access_units(stream: &[u8]) -> Vec<Range<usize>> {
    let mut units = Vec::new();
    let mut begin = None;
    let mut has_picture = false;
    for nal in nal_units(stream) {
        let first_of_picture = nal.kind.is_picture() && nal.bytes.get(1).is_some_and(|byte| byte & 0x80 != 0);
        if has_picture && (nal.kind.begins_an_access_unit() || first_of_picture) {
            units.extend(begin.replace(nal.start).map(|from| from..nal.start));
            has_picture = false;
        }
        begin.get_or_insert(nal.start);
        has_picture |= nal.kind.is_picture();
    }
    units.extend(begin.map(|from| from..stream.len()));
    units
}

/// Appends a NAL unit with its start code.
pub fn append_nal(stream: &mut Vec<u8>, nal: &[u8]) {
    stream.extend_from_slice(&[0, 0, 0, 1]);
    stream.extend_from_slice(nal);
}

/// The next start code at or after `from`: `00 00 01`, with the zero byte before it where there is one.
fn start_code(stream: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    while let Some(window) = stream.get(at..at + 3) {
        match window[2] {
            1 if window[0] == 0 && window[1] == 0 => {
                let long = at > from && stream[at - 1] == 0;
                return Some(at - usize::from(long)..at + 3);
            }
            0 => at += 1,
            // No start code can touch this byte.
            _ => at += 3,
        }
    }
    None
}

fn trim_zeros(bytes: &[u8]) -> &[u8] {
    let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &bytes[..used]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPS: &[u8] = &[0x67, 0x42, 0xe0, 0x1f];
    const PPS: &[u8] = &[0x68, 0xce];
    const IDR: &[u8] = &[0x65, 0x88, 0x80];
    const IDR_SECOND_SLICE: &[u8] = &[0x65, 0x40, 0x12];
    const P: &[u8] = &[0x41, 0x9a, 0x02];

    fn stream(nals: &[&[u8]]) -> Vec<u8> {
        let mut stream = Vec::new();
        nals.iter().for_each(|nal| append_nal(&mut stream, nal));
        stream
    }

    #[test]
    fn nal_units_are_found_behind_long_and_short_start_codes() {
        let bytes = [&[0, 0, 0, 1][..], SPS, &[0, 0, 1], PPS, &[0, 0, 0, 0, 1], IDR].concat();
        let found: Vec<_> = nal_units(&bytes).map(|nal| nal.bytes).collect();
        assert_eq!(found, [SPS, PPS, IDR]);
    }

    #[test]
    fn parameter_sets_begin_the_access_unit_of_the_picture_behind_them() {
        let bytes = stream(&[SPS, PPS, IDR, IDR_SECOND_SLICE, P, P, SPS, PPS, IDR]);
        let units = access_units(&bytes);
        let expected =
            [stream(&[SPS, PPS, IDR, IDR_SECOND_SLICE]), stream(&[P]), stream(&[P]), stream(&[SPS, PPS, IDR])];
        assert_eq!(units.iter().map(|range| bytes[range.clone()].to_vec()).collect::<Vec<_>>(), expected);
        assert_eq!(
            units.iter().map(|range| is_keyframe(&bytes[range.clone()])).collect::<Vec<_>>(),
            [true, false, false, true]
        );
    }

    #[test]
    fn bytes_without_a_start_code_hold_nothing() {
        assert_eq!(nal_units(b"no start code").count(), 0);
        assert!(access_units(&[0, 0]).is_empty());
        assert!(access_units(&[0, 0, 0, 1]).is_empty());
        assert!(!is_keyframe(&[0, 0, 1]));
    }

    /// Random bytes hold start codes far too rarely, so the alphabet is small.
    fn hostile_stream() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![4 => Just(0_u8), 3 => Just(1), 1 => Just(0x65), 1 => Just(0x67), 1 => any::<u8>()];
        prop::collection::vec(byte, 0..400)
    }

    proptest! {
        #[test]
        fn any_bytes_split_into_ordered_units_that_cover_all_nal_units(bytes in hostile_stream()) {
            let units = access_units(&bytes);
            for pair in units.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
            }
            for unit in &units {
                prop_assert!(unit.start < unit.end && unit.end <= bytes.len());
                is_keyframe(&bytes[unit.clone()]);
            }
            let whole = nal_units(&bytes).count();
            let split: usize = units.iter().map(|unit| nal_units(&bytes[unit.clone()]).count()).sum();
            prop_assert_eq!(whole, split);
        }

        #[test]
        fn appended_nal_units_are_read_back(
            nals in prop::collection::vec(prop::collection::vec(2_u8.., 1..20), 0..20)
        ) {
            let slices: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
            let bytes = stream(&slices);
            prop_assert_eq!(nal_units(&bytes).map(|nal| nal.bytes).collect::<Vec<_>>(), slices);
        }
    }
}
