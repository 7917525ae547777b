//! The JSON Schemas in `schema/` are those of the code. `UPDATE_SCHEMA=1 cargo test -p doorway-proto` writes them.

#[path = "support/kinds.rs"]
mod kinds;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kinds::KINDS;

#[test]
fn the_schemas_in_the_tree_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let is_update = std::env::var_os("UPDATE_SCHEMA").is_some();
    for kind in &KINDS {
        let file = folder.join(format!("{}.json", kind.name));
        let schema = serde_json::to_string_pretty(&(kind.schema)()).expect("a schema is JSON") + "\n";
        if is_update {
            fs::create_dir_all(&folder).expect("the folder can be made");
            fs::write(&file, &schema).expect("the file can be written");
        }
        let written = fs::read_to_string(&file).unwrap_or_default();
        assert!(written == schema, "{} is not what the code says: run this test with UPDATE_SCHEMA=1", file.display());
    }
    let expected: BTreeSet<_> = KINDS.iter().map(|kind| format!("{}.json", kind.name)).collect();
    let found: BTreeSet<_> = fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("an ASCII name"))
        .collect();
    assert_eq!(found, expected);
}
