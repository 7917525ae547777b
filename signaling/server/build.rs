//! Compresses the page's files once, when they are built in: a board has better to do than to do it for every browser.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

const PAGE: &str = "../web/static";
/// What is text; pictures are compressed already.
const EXTENSIONS: [&str; 5] = ["css", "html", "js", "svg", "webmanifest"];

fn main() -> Result<(), Box<dyn Error>> {
    // Anew when a file comes or goes, too: by itself cargo notices only those that change.
    println!("cargo::rerun-if-changed={PAGE}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut table = String::from("[\n");
    for path in files(Path::new(PAGE))? {
        let whole = fs::read(&path)?;
        let name = path.strip_prefix(PAGE)?.to_str().ok_or("a file's name is not UTF-8")?;
        let stored = name.replace('/', "-");
        let (brotli, gzip) = (brotli(&whole)?, gzip(&whole)?);
        let (brotli_path, gzip_path) = (out.join(format!("{stored}.br")), out.join(format!("{stored}.gz")));
        fs::write(&brotli_path, brotli)?;
        fs::write(&gzip_path, gzip)?;
        writeln!(
            table,
            "Compressed {{ path: {name:?}, brotli: include_bytes!({brotli_path:?}), gzip: include_bytes!({gzip_path:?}) }},"
        )?;
    }
    fs::write(out.join("compressed.rs"), table + "]\n")?;
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|text| extension == *text)) {
            found.push(path);
        }
    }
    // In the order of their names: the same source makes the same binary.
    found.sort();
    Ok(found)
}

fn brotli(whole: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &*whole, &mut packed, &brotli::enc::BrotliEncoderParams::default())?;
    Ok(packed)
}

fn gzip(whole: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(whole)?;
    packer.finish()
}
