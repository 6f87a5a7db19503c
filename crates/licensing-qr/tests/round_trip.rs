//! Files through codes and pictures, and what is no code.

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use licensing_qr::{
    Collector, PART_BYTES, PARTS_MAX, PICTURE_BYTES_MAX, Part, QrError, encode, png, read_picture, svg,
    terminal,
};
use proptest::prelude::*;

fn file(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 7 % 251).expect("a byte")).collect()
}

fn collect(parts: impl IntoIterator<Item = Part>) -> Result<Vec<u8>, QrError> {
    let mut collector = Collector::default();
    parts.into_iter().try_for_each(|part| collector.add(part))?;
    collector.file()
}

fn saved(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("written");
    bytes.into_inner()
}

#[test]
fn files_of_any_length_come_back_from_their_pictures() {
    for length in [1, 2, 497, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 5_000] {
        let parts = encode(&file(length), PART_BYTES).expect("codes");
        assert_eq!(parts.len(), length.div_ceil(PART_BYTES));
        // Photographed backwards, and one of them twice.
        let again = parts.iter().rev().chain(parts.first());
        let read = again.flat_map(|part| read_picture(&png(part).expect("a picture")).expect("read"));
        assert_eq!(collect(read), Ok(file(length)), "{length}");
    }
}

#[test]
fn the_format_is_this_text() {
    let parts = encode(b"license", 4).expect("codes");
    let texts: Vec<String> = parts.iter().map(Part::to_string).collect();
    assert_eq!(texts, ["CMQR1:1:2:CC1D3B0234846714:NRUWGZI", "CMQR1:2:2:CC1D3B0234846714:NZZWK"]);
    let copied = format!(" {}\n", texts[1].to_lowercase());
    assert_eq!(copied.parse(), Ok(parts[1].clone()), "as people copy it");
}

#[test]
fn a_photograph_with_everything_around_it_is_read() {
    let part = encode(&file(600), PART_BYTES).expect("codes").remove(0);
    let code = image::load_from_memory(&png(&part).expect("a picture")).expect("a picture").into_luma8();
    // A grey, unevenly lit scene larger than what is searched first, with the code in it, as a JPEG.
    let mut scene = RgbImage::from_fn(3_000, 2_200, |x, _| {
        let light = u8::try_from(90 + x / 40).unwrap_or(u8::MAX);
        Rgb([light, light, light.saturating_sub(10)])
    });
    let code = image::imageops::resize(&code, 1_500, 1_500, image::imageops::FilterType::Triangle);
    for (x, y, Luma([value])) in code.enumerate_pixels() {
        let value = 30 + value / 2;
        scene.put_pixel(x + 700, y + 300, Rgb([value, value, value]));
    }
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let read = read_picture(&saved(DynamicImage::ImageRgb8(scene.clone()), format)).expect("read");
        assert_eq!(read, std::slice::from_ref(&part));
    }
}

#[test]
fn a_code_captured_from_a_screen_is_read_at_any_scale() {
    let part = encode(&file(PART_BYTES), PART_BYTES).expect("codes").remove(0);
    let code = image::load_from_memory(&png(&part).expect("a picture")).expect("a picture").into_luma8();
    for side in [360, 420, 421, 500, 565, 640] {
        for filter in [image::imageops::FilterType::Nearest, image::imageops::FilterType::Triangle] {
            let shown = image::imageops::resize(&code, side, side, filter);
            let read = read_picture(&saved(DynamicImage::ImageLuma8(shown), ImageFormat::Png));
            assert_eq!(read, Ok(vec![part.clone()]), "{side} {filter:?}");
        }
    }
}

#[test]
fn several_codes_in_one_picture_are_all_read() {
    let parts = encode(&file(900), 450).expect("codes");
    let pictures: Vec<GrayImage> = parts
        .iter()
        .map(|part| image::load_from_memory(&png(part).expect("a picture")).expect("a picture").into_luma8())
        .collect();
    let mut both = GrayImage::from_pixel(pictures[0].width() * 2, pictures[0].height(), Luma([255]));
    for (picture, at) in pictures.iter().zip([0, i64::from(pictures[0].width())]) {
        image::imageops::replace(&mut both, picture, at, 0);
    }
    let read = read_picture(&saved(DynamicImage::ImageLuma8(both), ImageFormat::Png)).expect("read");
    assert_eq!(collect(read), Ok(file(900)));
}

#[test]
fn what_is_wrong_is_told() {
    let parts = encode(&file(2_000), PART_BYTES).expect("codes");
    let missing = QrError::Incomplete { missing: vec![2, 4], of: 4 };
    assert_eq!(collect([parts[0].clone(), parts[2].clone()]), Err(missing.clone()));
    assert_eq!(missing.to_string(), "codes are missing: 2, 4 of 4");
    let other = encode(&file(2_001), PART_BYTES).expect("codes");
    assert_eq!(collect([parts[0].clone(), other[1].clone()]), Err(QrError::Mixed));
    let mut changed = parts.clone();
    changed[1].bytes[0] ^= 1;
    assert_eq!(collect(changed.clone()), Err(QrError::Damaged));
    changed.push(parts[1].clone());
    assert_eq!(collect(changed), Err(QrError::Mixed), "two that contradict each other");
    assert_eq!(collect([]), Err(QrError::NoCode));
    assert_eq!(encode(&[], PART_BYTES), Err(QrError::FileTooLong));
    assert_eq!(encode(&file(usize::from(PARTS_MAX) * 10 + 1), 10), Err(QrError::FileTooLong));
    for text in [
        "",
        "https://example.org",
        "CMQR2:1:1:CC1D3B0234846714:NRUWGZI",
        "CMQR1:0:1:CC1D3B0234846714:NRUWGZI",
        "CMQR1:2:1:CC1D3B0234846714:NRUWGZI",
        "CMQR1:01:1:CC1D3B0234846714:NRUWGZI",
        "CMQR1:1:65:CC1D3B0234846714:NRUWGZI",
        "CMQR1:1:1:7FCAE2E3FD5FF0:NRUWGZI",
        "CMQR1:1:1:CC1D3B0234846714:",
        "CMQR1:1:1:CC1D3B0234846714:1",
        "CMQR1:1:1:CC1D3B0234846714:NRUWGZI:x",
    ] {
        assert_eq!(text.parse::<Part>(), Err(QrError::NotOurCode), "{text}");
    }
}

#[test]
fn pictures_are_bounded_before_they_are_decoded() {
    assert_eq!(read_picture(&vec![0; PICTURE_BYTES_MAX + 1]), Err(QrError::PictureTooLarge));
    // A few bytes that say they are a picture of 60 000 by 60 000 pixels.
    let mut bomb = saved(DynamicImage::ImageLuma8(GrayImage::new(8, 8)), ImageFormat::Png);
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(read_picture(&bomb), Err(QrError::PictureTooLarge));
    assert_eq!(read_picture(b"GIF89a\x01\x00\x01\x00"), Err(QrError::NoPicture));
    assert_eq!(read_picture(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), Err(QrError::NoPicture));
    let empty = saved(DynamicImage::ImageLuma8(GrayImage::new(300, 300)), ImageFormat::Png);
    assert_eq!(read_picture(&empty), Err(QrError::NoCode));
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[test]
fn a_terminal_shows_the_very_code() {
    let part = encode(&file(200), PART_BYTES).expect("codes").remove(0);
    assert_eq!(terminal(&part, 40, true), Err(QrError::FileTooLong), "too narrow");
    for is_terminal in [true, false] {
        let shown = terminal(&part, 120, is_terminal).expect("letters");
        let lines: Vec<Vec<char>> = shown
            .lines()
            .map(|line| {
                line.trim_start_matches("\u{1b}[30;107m").trim_end_matches("\u{1b}[0m").chars().collect()
            })
            .collect();
        let width = u32::try_from(lines[0].len()).expect("a width");
        // Seen by a camera: each letter two squares.
        let picture = GrayImage::from_fn(width * 6, width * 6, |x, y| {
            let (column, row) = ((x / 6) as usize, (y / 6) as usize);
            let drawn = matches!(
                (lines[row / 2][column], row % 2),
                ('\u{2588}', _) | ('\u{2580}', 0) | ('\u{2584}', 1)
            );
            Luma([if drawn == is_terminal { 0 } else { 255 }])
        });
        let read = read_picture(&saved(DynamicImage::ImageLuma8(picture), ImageFormat::Png)).expect("read");
        assert_eq!(read, std::slice::from_ref(&part));
    }
    let drawn = svg(&part).expect("a drawing");
    assert!(drawn.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\""), "{drawn}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damaged_pictures_and_texts_are_refused_without_a_panic(
        at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        length in 1_usize..700,
        jpeg in any::<bool>(),
    ) {
        let part = encode(&file(length), PART_BYTES).unwrap().remove(0);
        let mut bytes = png(&part).unwrap();
        if jpeg {
            bytes = saved(image::load_from_memory(&bytes).unwrap(), ImageFormat::Jpeg);
        }
        for (at, value) in &at {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        // Error correction may still give the part; nothing else is ever read.
        if let Ok(read) = read_picture(&bytes) {
            prop_assert_eq!(read, vec![part.clone()]);
        }
        let mut text = part.to_string().into_bytes();
        for (at, value) in &at {
            let at = at.index(text.len());
            text[at] = *value;
        }
        if let Ok(read) = String::from_utf8_lossy(&text).parse::<Part>() {
            let mut collector = Collector::default();
            collector.add(read.clone()).unwrap();
            prop_assert!(read == part || read.of > 1 || collector.file() == Err(QrError::Damaged));
        }
    }
}
