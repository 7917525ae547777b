//! What several of these tests send.

use std::sync::Arc;

/// An access unit with a number in it, of at least this many bytes; a keyframe has its parameter sets before.
pub(crate) fn picture(number: u32, keyframe: bool, size: usize) -> Arc<[u8]> {
    let mut unit = Vec::new();
    if keyframe {
        unit.extend_from_slice(&[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40]);
        unit.extend_from_slice(&[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
    }
    unit.extend_from_slice(&[0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
    // No three zero bytes in a row, which would look like a start code.
    unit.extend(number.to_be_bytes().iter().flat_map(|byte| [*byte, 0xff]));
    unit.resize(size.max(unit.len()), 0xab);
    unit.into()
}
