//! On folders in place of a card's partitions: what is there afterwards, and after a power cut at every step.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;

const SHIPPED_TEXT: &str = "[companion]\nlisten = \"[::]:443\"\ntls = \"own\"\nclaim = true\n";
const FILE: &str = "[station]\nname = \"Gate\"\n[board]\ndescription = \"simulated\"\n[companion]\nsecret = \"correct horse battery\"\n\
    [device]\nhostname = \"gate\"\n[device.wifi]\nssid = \"Home\"\npassphrase = \"staple correct\"\ncountry = \"DE\"\n";

struct Card {
    boot: TempDir,
    root: TempDir,
}

impl Card {
    fn new() -> Self {
        let card = Self { boot: tempfile::tempdir().unwrap(), root: tempfile::tempdir().unwrap() };
        card.put("usr/share/doorway/doorway.toml", SHIPPED_TEXT);
        card.put("etc/doorway/doorway.toml", SHIPPED_TEXT);
        card.put("etc/hostname", "raspberrypi\n");
        card
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn give(&self, name: &str, text: &str) {
        fs::write(self.boot.path().join(name), text).unwrap();
    }

    fn start(&self) -> anyhow::Result<Option<ConfigError>> {
        run(self.boot.path(), self.root.path())
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn on_boot(&self) -> Vec<String> {
        let entries = fs::read_dir(self.boot.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Every file of the root but the identity, which is random.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.to_string_lossy().contains("identity") {
                    found.insert(path.strip_prefix(self.root.path()).unwrap().to_owned(), fs::read(&path).unwrap());
                }
            }
        }
        found
    }
}

#[test]
fn a_first_start_makes_the_identity_and_names_the_device() {
    let card = Card::new();
    assert_eq!(card.start().unwrap(), None);
    let identity = card.text("var/lib/doorway/identity/identity.json");
    let name = card.text("etc/hostname");
    assert!(name.starts_with("doorway-") && name.len() == 13, "{name:?}");
    let before = card.files();
    card.start().unwrap();
    assert_eq!((card.files(), card.text("var/lib/doorway/identity/identity.json")), (before, identity));
}

#[test]
fn a_file_is_taken_over_and_what_it_kept_secret_is_gone_from_the_card() {
    let card = Card::new();
    card.give("doorway.toml", FILE);
    assert_eq!(card.start().unwrap(), None);
    assert_eq!(card.text("etc/hostname"), "gate\n");
    let config = card.text("etc/doorway/doorway.toml");
    assert!(
        config.contains("name = \"Gate\"") && config.contains("claim = true") && !config.contains("wifi"),
        "{config}"
    );
    let wifi = card.text(WIFI);
    assert!(wifi.contains("country=DE") && !wifi.contains("staple"), "{wifi}");
    let mode = |path: &str| fs::metadata(card.root.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!([WIFI, "etc/doorway/doorway.toml", HOSTNAME].map(mode), [0o600, 0o640, 0o644]);
    assert!(card.on_boot().is_empty(), "{:?}", card.on_boot());
    let before = card.files();
    card.start().unwrap();
    assert_eq!(card.files(), before);
}

#[test]
fn a_file_that_windows_gave_another_end_and_without_secrets_stays() {
    let card = Card::new();
    card.give("doorway.toml.txt", "\u{feff}[station]\r\nname = \"Gate\"\r\n");
    card.start().unwrap();
    assert!(card.text("etc/doorway/doorway.toml").contains("Gate"));
    assert_eq!(card.on_boot(), ["doorway.toml.txt"]);
    // Changed on the station since: a file that is known is not taken over once more.
    card.put("etc/doorway/doorway.toml", "[station]\nname = \"Garden\"\n");
    card.start().unwrap();
    assert!(card.text("etc/doorway/doorway.toml").contains("Garden"));
}

#[test]
fn a_bad_file_changes_nothing_and_leaves_a_note_that_goes_when_it_is_mended() {
    let card = Card::new();
    card.start().unwrap();
    let before = card.files();
    for (bad, expected) in [
        (FILE.replace("country = \"DE\"", "country = \"Germany\""), "doorway.toml:12:11: this is no country"),
        (format!("{FILE}[[button]]\nid = \"bell\"\n"), "doorway.toml:14:6: \"bell\" is no call button of the board"),
        (FILE.replace("simulated", "toaster"), "doorway.toml:4:15: "),
    ] {
        card.give("doorway.toml", &bad);
        let error = card.start().unwrap().unwrap().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(card.files(), before);
        assert_eq!(card.on_boot(), ["doorway-error.txt", "doorway.toml"]);
        let note = fs::read_to_string(card.boot.path().join("doorway-error.txt")).unwrap();
        assert!(note.contains(expected) && !note.contains("staple") && !note.contains("horse"), "{note}");
    }
    card.give("doorway.toml", FILE);
    assert_eq!(card.start().unwrap(), None);
    assert!(card.on_boot().is_empty());
}

#[test]
fn no_boot_partition_is_no_trouble() {
    let card = Card::new();
    assert_eq!(run(Path::new("/nowhere/at/all"), card.root.path()).unwrap(), None);
}

#[test]
fn a_power_cut_after_any_step_leaves_what_the_next_start_brings_to_the_same_end() {
    let whole = Card::new();
    whole.give("doorway.toml", FILE);
    whole.give("doorway-error.txt", "an old note");
    whole.start().unwrap();
    let mut steps_done = 0;
    loop {
        let card = Card::new();
        card.give("doorway.toml", FILE);
        card.give("doorway-error.txt", "an old note");
        let places = Places::new(card.boot.path(), card.root.path());
        let identity = Identity::load_or_make(&places.state, None).unwrap().0;
        let steps = plan::plan(&places.look(identity.id.hostname()).unwrap(), |_| Ok(())).steps;
        for step in steps.iter().take(steps_done) {
            places.carry_out(step).unwrap();
        }
        // What the next step may have left: half of a file beside the one that it was to replace, half of an overwriting.
        match steps.get(steps_done) {
            Some(Step::Write(place, bytes)) => {
                let path = places.path(*place);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let beside = path.with_file_name(format!(".{}.new", path.file_name().unwrap().to_string_lossy()));
                fs::write(beside, &bytes[..bytes.len() / 2]).unwrap();
            }
            Some(Step::Erase) => {
                let path = card.boot.path().join("doorway.old");
                let mut half = fs::read(&path).unwrap();
                half[..FILE.len() / 2].fill(b' ');
                fs::write(&path, half).unwrap();
            }
            Some(Step::SetAside | Step::Complain(_) | Step::ComplainNoMore) | None => {}
        }
        // In between, the daemon must find a configuration that it takes.
        crate::config::Config::load(&places.path(Place::Config)).unwrap();
        assert_eq!(card.start().unwrap(), None);
        assert_eq!(card.files(), whole.files(), "cut after {steps_done} steps of {steps:?}");
        assert!(card.on_boot().is_empty(), "cut after {steps_done}: {:?}", card.on_boot());
        if steps_done == steps.len() {
            break;
        }
        steps_done += 1;
    }
    assert_eq!(steps_done, 7, "wifi, configuration, memory, name, note, set aside, erase");
}

#[test]
fn what_the_daemons_user_lays_leads_root_nowhere() {
    use std::os::unix::fs::{MetadataExt as _, symlink};
    let outside = tempfile::tempdir().unwrap();
    let of_outside = || fs::metadata(outside.path()).map(|folder| (folder.uid(), folder.gid(), folder.mode())).unwrap();
    let before = of_outside();
    let lay = |name: &str| {
        let card = Card::new();
        card.put("etc/passwd", "doorway:x:810:810::/var/lib/doorway:/usr/sbin/nologin\n");
        fs::create_dir_all(card.root.path().join("var/lib/doorway")).unwrap();
        symlink(outside.path(), card.root.path().join("var/lib/doorway").join(name)).unwrap();
        card
    };
    let error = lay("identity").start().unwrap_err();
    assert!(format!("{error:#}").contains("identity"), "{error:#}");
    lay("provisioned.json").start().unwrap_err();
    // What is written first, and then renamed.
    lay(".provisioned.json.new").start().unwrap();
    assert_eq!(of_outside(), before);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_user_is_found_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let passwd = folder.path().join("passwd");
    fs::write(&passwd, "root:x:0:0::/root:/bin/sh\ndoorway:x:990:989:Doorway:/var/lib/doorway:/usr/sbin/nologin\n")
        .unwrap();
    let is_root = fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
    assert_eq!(user(&passwd, "doorway"), is_root.then_some(Owner { user: 990, group: 989 }));
    assert_eq!(user(&passwd, "door"), None);
    assert_eq!(user(&folder.path().join("none"), "doorway"), None);
}
