//! The sequence parameter set (ITU-T H.264 section 7.3.2.1.1), as far as a call needs it: profile, level and size.

/// The same as bytes of a sequence parameter set.
const PROFILE_LEVEL: [u8; 3] = [66, 0xe0, 31];

/// Macroblocks per frame that level 3.1 allows (H.264 table A-1, `MaxFS`).
const MAX_FRAME_MACROBLOCKS: u32 = 3_600;
/// Macroblocks per second that level 3.1 allows (`MaxMBPS`).
const MAX_MACROBLOCKS_PER_SECOND: u32 = 108_000;
/// Macroblocks of reference pictures that level 3.1 allows (`MaxDpbMbs`).
const MAX_REFERENCE_MACROBLOCKS: u32 = 18_000;
/// Neither side of a picture may be longer (the square root of eight times `MaxFS`, in pixels).
const MAX_SIDE: u32 = 169 * 16;

/// What a sequence parameter set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// 66 is baseline.
    pub profile_idc: u8,
    /// The constraint set flags, set 0 in the highest bit.
    pub constraints: u8,
    /// Ten times the level.
    pub level_idc: u8,
    /// How the order of pictures is coded; 2 rules out reordering, so also B-frames.
    pub pic_order_cnt_type: u32,
    /// How many pictures may be referred to.
    pub max_num_ref_frames: u32,
    /// Needed by the extended profile, which constraint set 2 promises compatibility with.
    pub direct_8x8_inference: bool,
    /// Width after cropping, in pixels.
    pub width: u32,
    /// Height after cropping, in pixels.
    pub height: u32,
    macroblocks: u32,
}

/// Why a sequence parameter set cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpsError {
    /// The bytes end early or hold a value out of range.
    #[error("the H.264 stream's parameter set is damaged")]
    Damaged,
    /// Browsers were promised constrained baseline.
    #[error(
        "the H.264 stream has profile {profile_idc} with constraints {constraints:#04x} where constrained baseline \
         (66 with constraint set 1) was asked for"
    )]
    Profile {
        /// The profile that it has.
        profile_idc: u8,
        /// Its constraint set flags.
        constraints: u8,
    },
    /// The picture is larger than the offer says.
    #[error("{width}x{height} with {references} reference pictures needs more than H.264 level 3.1")]
    Level {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// How many pictures may be referred to.
        references: u32,
    },
}

impl Sps {
    /// Reads a NAL unit, header byte included.
    ///
    /// # Errors
    /// [`SpsError::Damaged`] when the bytes are not a sequence parameter set.
    pub fn parse(nal: &[u8]) -> Result<Self, SpsError> {
        if nal.first().is_none_or(|header| header & 0x1f != 7) {
            return Err(SpsError::Damaged);
        }
        parse_payload(&mut Bits::new(&nal[1..])).ok_or(SpsError::Damaged)
    }

    /// The `profile-level-id` that this parameter set stands for, as six hexadecimal digits.
    pub fn profile_level_id(&self) -> String {
        format!("{:02x}{:02x}{:02x}", self.profile_idc, self.constraints, self.level_idc)
    }
}

/// Makes a sequence parameter set say what the offer says, [`doorway_engine::H264_PROFILE_LEVEL_ID`], where that is true of the stream.
///
/// Encoders pick the lowest level that fits the size, and leave out the constraint flags that they need not set;
/// browsers compare these bytes with the offer. A stream of a lower level obeys every limit of a higher one. A higher
/// level is lowered when size and reference pictures obey level 3.1. Constraint set 2 (extended profile) holds for
/// constrained baseline when `direct_8x8_inference_flag` is set, which no such stream uses anyway, having no B-frames.
/// The three bytes follow the NAL header at a fixed place and hold no zero, so emulation prevention is not touched.
///
/// # Errors
/// When the stream is not constrained baseline or exceeds the level. The bytes stay as they were.
pub fn conform(nal: &mut [u8]) -> Result<Sps, SpsError> {
    let mut sps = Sps::parse(nal)?;
    let Sps { profile_idc, constraints, width, height, .. } = sps;
    if profile_idc != 66 || constraints & 0x40 == 0 || !sps.direct_8x8_inference {
        return Err(SpsError::Profile { profile_idc, constraints });
    }
    let references = sps.max_num_ref_frames;
    let reference_macroblocks = references.saturating_mul(sps.macroblocks);
    let small_enough = sps.macroblocks <= MAX_FRAME_MACROBLOCKS && width <= MAX_SIDE && height <= MAX_SIDE;
    if !small_enough || reference_macroblocks > MAX_REFERENCE_MACROBLOCKS {
        return Err(SpsError::Level { width, height, references });
    }
    nal[1..4].copy_from_slice(&PROFILE_LEVEL);
    [sps.profile_idc, sps.constraints, sps.level_idc] = PROFILE_LEVEL;
    Ok(sps)
}

/// The largest size and rate of the same shape that level 3.1 allows. Sides are even, as 4:2:0 needs them.
pub fn fit_level(size: (u32, u32), rate: u32) -> ((u32, u32), u32) {
    let (full_width, full_height) = (even(size.0), even(size.1));
    let (mut width, mut height) = (full_width, full_height);
    while macroblocks(width, height) > MAX_FRAME_MACROBLOCKS || width > MAX_SIDE || height > MAX_SIDE {
        if width <= 16 {
            height = MAX_SIDE;
            break;
        }
        // Whole macroblocks, so that 1920x1080 becomes 1280x720 and not something that needs cropping.
        width -= if width % 16 == 0 { 16 } else { width % 16 };
        height = even((u64::from(width) * u64::from(full_height) / u64::from(full_width)).min(1 << 20) as u32);
    }
    let rate = rate.clamp(1, MAX_MACROBLOCKS_PER_SECOND / macroblocks(width, height));
    ((width, height), rate)
}

fn even(side: u32) -> u32 {
    (side & !1).max(16)
}

fn macroblocks(width: u32, height: u32) -> u32 {
    width.div_ceil(16).saturating_mul(height.div_ceil(16))
}

fn parse_payload(bits: &mut Bits<'_>) -> Option<Sps> {
    let profile_idc = bits.byte()?;
    let constraints = bits.byte()?;
    let level_idc = bits.byte()?;
    bits.exp_golomb()?; // seq_parameter_set_id
    let mut chroma_format_idc = 1;
    if matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_format_idc = bits.exp_golomb()?;
        if chroma_format_idc == 3 {
            bits.bit()?;
        }
        bits.exp_golomb()?; // bit_depth_luma_minus8
        bits.exp_golomb()?; // bit_depth_chroma_minus8
        bits.bit()?; // qpprime_y_zero_transform_bypass_flag
        if bits.bit()? {
            skip_scaling_lists(bits, if chroma_format_idc == 3 { 12 } else { 8 })?;
        }
    }
    bits.exp_golomb()?; // log2_max_frame_num_minus4
    let pic_order_cnt_type = bits.exp_golomb()?;
    match pic_order_cnt_type {
        0 => {
            bits.exp_golomb()?;
        }
        1 => {
            bits.bit()?;
            bits.exp_golomb()?;
            bits.exp_golomb()?;
            let cycle = bits.exp_golomb().filter(|&count| count < 256)?;
            for _ in 0..cycle {
                bits.exp_golomb()?;
            }
        }
        2 => {}
        _ => return None,
    }
    let max_num_ref_frames = bits.exp_golomb()?;
    bits.bit()?; // gaps_in_frame_num_value_allowed_flag
    let width_in_macroblocks = bits.exp_golomb().filter(|&count| count < 1024)? + 1;
    let height_in_map_units = bits.exp_golomb().filter(|&count| count < 1024)? + 1;
    let frame_mbs_only = bits.bit()?;
    let height_in_macroblocks = height_in_map_units * if frame_mbs_only { 1 } else { 2 };
    if !frame_mbs_only {
        bits.bit()?; // mb_adaptive_frame_field_flag
    }
    let direct_8x8_inference = bits.bit()?;
    let (mut crop_width, mut crop_height) = (0, 0);
    if bits.bit()? {
        let (left, right) = (bits.exp_golomb()?, bits.exp_golomb()?);
        let (top, bottom) = (bits.exp_golomb()?, bits.exp_golomb()?);
        let unit_x = if matches!(chroma_format_idc, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma_format_idc == 1 { 2 } else { 1 } * if frame_mbs_only { 1 } else { 2 };
        crop_width = left.checked_add(right)?.checked_mul(unit_x)?;
        crop_height = top.checked_add(bottom)?.checked_mul(unit_y)?;
    }
    Some(Sps {
        profile_idc,
        constraints,
        level_idc,
        pic_order_cnt_type,
        max_num_ref_frames,
        direct_8x8_inference,
        width: (width_in_macroblocks * 16).checked_sub(crop_width)?,
        height: (height_in_macroblocks * 16).checked_sub(crop_height)?,
        macroblocks: width_in_macroblocks * height_in_macroblocks,
    })
}

fn skip_scaling_lists(bits: &mut Bits<'_>, count: usize) -> Option<()> {
    for list in 0..count {
        if !bits.bit()? {
            continue;
        }
        let (mut last, mut next) = (8_i64, 8_i64);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                let coded = i64::from(bits.exp_golomb()?);
                let delta = if coded % 2 == 0 { -(coded / 2) } else { (coded + 1) / 2 };
                next = (last + delta).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// Reads bits of a NAL unit's payload, leaving out emulation prevention bytes (section 7.4.1).
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    left_in_byte: u32,
    zeros: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, left_in_byte: 0, zeros: 0 }
    }

    fn bit(&mut self) -> Option<bool> {
        if self.left_in_byte == 0 {
            if self.zeros >= 2 && self.bytes.get(self.at) == Some(&3) {
                self.at += 1;
                self.zeros = 0;
            }
            self.zeros = if *self.bytes.get(self.at)? == 0 { self.zeros + 1 } else { 0 };
            self.at += 1;
            self.left_in_byte = 8;
        }
        self.left_in_byte -= 1;
        Some((self.bytes[self.at - 1] >> self.left_in_byte) & 1 == 1)
    }

    fn byte(&mut self) -> Option<u8> {
        (0..8).try_fold(0, |value, _| Some(value << 1 | u8::from(self.bit()?)))
    }

    /// An unsigned Exp-Golomb code of at most 32 bits (section 9.1).
    fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = (0..zeros).try_fold(0_u32, |value, _| Some(value << 1 | u32::from(self.bit()?)))?;
        Some((1_u32 << zeros) - 1 + rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What x264 writes for 1280x720 at 30 frames per second.
    const X264_720P: &[u8] = &[
        0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00,
        0x03, 0x03, 0xc0, 0xf1, 0x83, 0x24, 0x80,
    ];

    #[test]
    fn an_encoders_parameter_set_is_read() {
        let sps = Sps::parse(X264_720P).expect("a sound parameter set");
        assert_eq!((sps.width, sps.height), (1280, 720));
        assert_eq!(sps.profile_level_id(), "42c01f");
        assert_eq!(sps.pic_order_cnt_type, 2);
    }

    #[test]
    fn a_lower_level_is_raised_to_what_the_offer_says() {
        let mut nal = X264_720P.to_vec();
        nal[3] = 13;
        let sps = conform(&mut nal).expect("constrained baseline");
        assert_eq!(sps.profile_level_id(), doorway_engine::H264_PROFILE_LEVEL_ID);
        assert_eq!(Sps::parse(&nal), Ok(sps));
        assert_eq!(nal[4..], X264_720P[4..]);
    }

    #[test]
    fn another_profile_is_refused_and_left_alone() {
        let mut main = X264_720P.to_vec();
        main[1] = 77;
        let before = main.clone();
        assert_eq!(conform(&mut main), Err(SpsError::Profile { profile_idc: 77, constraints: 0xc0 }));
        assert_eq!(main, before);
    }

    #[test]
    fn sizes_are_made_to_fit_the_level() {
        assert_eq!(fit_level((1280, 720), 30), ((1280, 720), 30));
        assert_eq!(fit_level((1280, 720), 60), ((1280, 720), 30));
        assert_eq!(fit_level((641, 361), 30), ((640, 360), 30));
        assert_eq!(fit_level((1920, 1080), 60), ((1280, 720), 30));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..80), lead in any::<bool>()) {
            if lead && bytes.len() > 3 {
                bytes[0] = 0x67;
            }
            let _ = Sps::parse(&bytes);
            let _ = conform(&mut bytes);
        }

        #[test]
        fn every_size_fits_after_fitting(width in 0_u32..9000, height in 0_u32..9000, rate in 0_u32..200) {
            let ((width, height), rate) = fit_level((width.max(1), height.max(1)), rate);
            prop_assert!(macroblocks(width, height) <= MAX_FRAME_MACROBLOCKS);
            prop_assert!(macroblocks(width, height) * rate <= MAX_MACROBLOCKS_PER_SECOND);
            prop_assert!(width % 2 == 0 && height % 2 == 0 && rate >= 1);
        }
    }
}
