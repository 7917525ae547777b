//! Builds the companion anew when a file of the page comes or goes; cargo notices only those that change.

fn main() {
    println!("cargo::rerun-if-changed=../web/static");
}
