//! What somebody may put onto a station's card: of the corpus that the fuzz target starts from, the valid files are taken
//! over and the others explained.

use std::fs;
use std::path::Path;

use doorwayd::config::Config;
use doorwayd::provision::file;

const SHIPPED: &str = "[companion]\nlisten = \"[::]:443\"\nredirect = \"[::]:80\"\ntls = \"own\"\nclaim = true\n";

#[test]
fn of_the_corpus_the_valid_files_are_taken_over_and_the_others_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/card");
    let mut seen = 0;
    for entry in fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        match file::read(&fs::read(&path).expect("a readable file"), SHIPPED) {
            Ok(wishes) => {
                assert!(name.starts_with("valid-"), "{name} was taken over");
                if let Some((text, config)) = wishes.config {
                    let read =
                        Config::parse(Path::new("doorway.toml"), &text).unwrap_or_else(|error| panic!("{error}"));
                    assert_eq!(read, config, "{name}");
                }
            }
            Err(error) => {
                assert!(name.starts_with("hostile-"), "{name}: {error}");
                let error = error.to_string();
                assert!(error.starts_with("doorway.toml") && error.contains("remedy: "), "{name}: {error}");
                assert!(!error.contains("horse"), "{name}: {error}");
            }
        }
        seen += 1;
    }
    assert!(seen > 20);
}
