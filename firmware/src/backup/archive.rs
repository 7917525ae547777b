//! The file itself: writing it, and reading it with distrust.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Component, Path};

use sha2::{Digest as _, Sha256};

use crate::durable;

use super::{
    BackupError, CONFIG, FORMAT, Listed, MANIFEST, MAX_BYTES, Manifest, OF_A_STATION, Places, STATE, Setting, Written,
    settings_in,
};

/// Writes the settings of `places` into `file`, which root alone may read. An older backup of that name stays until the new
/// one is whole.
///
/// # Errors
/// When something can't be read or written, or the state folder is none of a station's.
pub fn write(places: &Places, file: &Path) -> Result<Written, BackupError> {
    is_state_folder(&places.state)?;
    let settings = read_settings(places)?;
    let archive = pack(&settings).map_err(BackupError::file("packing", file))?;
    durable::write(file, &archive, 0o600, None).map_err(BackupError::file("writing", file))?;
    let names = settings.into_iter().map(|setting| setting.name).collect();
    Ok(Written { file: file.to_owned(), bytes: archive.len(), names })
}

/// Refuses a folder that is mistyped: a backup without the identity would be found out about on the day that it is needed.
fn is_state_folder(state: &Path) -> Result<(), BackupError> {
    let why = match fs::read_dir(state).map(Iterator::count) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "it is not there",
        Err(error) => return Err(BackupError::file("reading the folder", state)(error)),
        // A station that was told all by its configuration, and has no page over HTTPS, keeps nothing.
        Ok(0) => return Ok(()),
        Ok(_) if OF_A_STATION.iter().any(|name| state.join(name).exists()) => return Ok(()),
        Ok(_) => "nothing of a station is in it",
    };
    Err(BackupError::NoState { state: state.to_owned(), why })
}

fn read_settings(places: &Places) -> Result<Vec<Setting>, BackupError> {
    let content = fs::read(&places.config).map_err(BackupError::file("reading", &places.config))?;
    let mut settings = vec![Setting { name: CONFIG.into(), content }];
    let mut total = 0;
    for name in settings_in(&places.state)? {
        let path = places.state.join(&name);
        let content = fs::read(&path).map_err(BackupError::file("reading", &path))?;
        total += content.len() as u64;
        if total > MAX_BYTES {
            return Err(BackupError::TooLarge { state: places.state.clone() });
        }
        settings.push(Setting { name: format!("{STATE}{}", name.to_string_lossy()), content });
    }
    Ok(settings)
}

fn pack(settings: &[Setting]) -> std::io::Result<Vec<u8>> {
    let files = settings
        .iter()
        .map(|setting| Listed {
            name: setting.name.clone(),
            bytes: setting.content.len() as u64,
            sha256: sha256(&setting.content),
        })
        .collect();
    let manifest = Manifest { format: FORMAT, doorway: env!("CARGO_PKG_VERSION").into(), files };
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, content)
    };
    add(MANIFEST, &serde_json::to_vec_pretty(&manifest)?)?;
    settings.iter().try_for_each(|setting| add(&setting.name, &setting.content))?;
    archive.into_inner()
}

/// The settings in `file`, if it is whole and holds nothing else.
pub(super) fn read(file: &Path) -> Result<Vec<Setting>, BackupError> {
    let unusable = |why: String| BackupError::Unusable { path: file.to_owned(), why };
    let archive = File::open(file).map_err(BackupError::file("opening", file))?;
    unpack(archive.take(2 * MAX_BYTES)).map_err(unusable)
}

fn unpack(archive: impl std::io::Read) -> Result<Vec<Setting>, String> {
    let mut archive = tar::Archive::new(archive);
    let mut entries = archive.entries().map_err(|error| error.to_string())?;
    let mut next = || -> Result<Option<Setting>, String> {
        let Some(entry) = entries.next() else { return Ok(None) };
        let entry = entry.map_err(|_| "it is no tar, or it ends early".to_owned())?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err("it holds something other than files".into());
        }
        let name = entry.path().ok().and_then(|path| path.to_str().map(str::to_owned));
        let name = name.ok_or("it holds a name that is no text")?;
        let mut content = Vec::new();
        entry.take(MAX_BYTES).read_to_end(&mut content).map_err(|_| "it ends early".to_owned())?;
        Ok(Some(Setting { name, content }))
    };
    let first = next()?.filter(|first| first.name == MANIFEST);
    let first = first.ok_or_else(|| format!("it does not begin with {MANIFEST}"))?;
    let format = serde_json::from_slice::<serde_json::Value>(&first.content).ok();
    let format = format.and_then(|manifest| manifest["format"].as_u64()).ok_or("what it says of itself is damaged")?;
    if format != u64::from(FORMAT) {
        return Err(format!("it has format {format}, and this daemon reads {FORMAT}"));
    }
    let manifest: Manifest = serde_json::from_slice(&first.content).map_err(|error| error.to_string())?;
    let mut settings = Vec::new();
    for listed in &manifest.files {
        let setting = next()?.ok_or_else(|| format!("{} is missing", listed.name))?;
        if setting.name != listed.name || !is_ours(&setting.name) {
            return Err(format!("{:?} is not what should be there", setting.name));
        }
        if setting.content.len() as u64 != listed.bytes || sha256(&setting.content) != listed.sha256 {
            return Err(format!("{} is damaged", setting.name));
        }
        settings.push(setting);
    }
    if next()?.is_some() {
        return Err("it holds more than it says".into());
    }
    if settings.iter().filter(|setting| setting.name == CONFIG).count() != 1 {
        return Err(format!("it has no {CONFIG}"));
    }
    Ok(settings)
}

/// Whether a name leads to the configuration or into the state folder, and nowhere else.
fn is_ours(name: &str) -> bool {
    if name == CONFIG {
        return true;
    }
    let Some(below) = name.strip_prefix(STATE) else { return false };
    let path = Path::new(below);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let top = path.components().next().map(Component::as_os_str);
    plain && top.is_some_and(|top| !super::NO_SETTINGS.iter().any(|other| top == *other)) && !below.ends_with('/')
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::station;
    use super::*;

    #[test]
    fn a_backup_is_read_as_it_was_written_and_by_root_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, places) = station();
        let file = folder.path().join("backup.tar");
        write(&places, &file).unwrap();
        let names: Vec<String> = read(&file).unwrap().into_iter().map(|setting| setting.name).collect();
        assert_eq!(names, ["doorway.toml", "state/identity/key.pem", "state/secret"]);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_was_written_is_told() {
        let (folder, places) = station();
        let file = folder.path().join("backup.tar");
        let told = write(&places, &file).unwrap().to_string();
        let bytes = fs::metadata(&file).unwrap().len();
        let expected = format!(
            "{}: {bytes} bytes\n  doorway.toml\n  state/identity/key.pem\n  state/secret\nIt holds the station's keys and \
             secrets: keep it as you keep a door key.",
            file.display()
        );
        assert_eq!(told, expected);
        assert!(!told.contains("horse"), "{told}");
    }

    #[test]
    fn a_folder_that_is_none_of_a_station_is_refused() {
        let (folder, mut places) = station();
        let file = folder.path().join("backup.tar");
        for (wrong, why) in [("stat", "it is not there"), ("etc", "nothing of a station is in it")] {
            places.state = folder.path().join(wrong);
            let error = write(&places, &file).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("--state"), "{error}");
            assert!(!file.exists(), "a backup was left");
        }
        places.state = folder.path().join("fresh");
        fs::create_dir(&places.state).unwrap();
        write(&places, &file).unwrap();
    }

    #[test]
    fn one_that_is_damaged_anywhere_is_no_backup() {
        let settings = [
            Setting { name: "doorway.toml".into(), content: b"[station]\n".to_vec() },
            Setting { name: "state/secret".into(), content: vec![b'x'; 700] },
        ];
        let whole = pack(&settings).unwrap();
        assert_eq!(unpack(&whole[..]).unwrap(), settings);
        for cut in (0..whole.len() - 1024).step_by(97) {
            assert!(unpack(&whole[..cut]).is_err(), "cut at {cut}");
        }
        // The last two blocks are the end of a tar; before them, every byte of a content counts.
        let content = whole.windows(4).rposition(|bytes| bytes == b"xxxx").unwrap();
        let mut damaged = whole.clone();
        damaged[content] = b'y';
        assert_eq!(unpack(&damaged[..]).unwrap_err(), "state/secret is damaged");
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in ["state/secret", "state/identity/key.pem", "doorway.toml"] {
            assert!(is_ours(name), "{name}");
        }
        for name in [
            "state/../etc/passwd",
            "/etc/passwd",
            "state//etc/passwd",
            "state/",
            "passwd",
            "state/upload/x",
            "state/update-dismissed",
            "state/.restore/x",
        ] {
            let setting = Setting { name: name.into(), content: Vec::new() };
            assert!(!is_ours(name), "{name}");
            if let Ok(archive) = pack(&[setting]) {
                assert!(unpack(&archive[..]).is_err(), "{name}");
            }
        }
    }

    #[test]
    fn a_later_format_is_said_to_be_one() {
        let mut archive = tar::Builder::new(Vec::new());
        let manifest = br#"{"format":2,"new":true}"#;
        let mut header = tar::Header::new_gnu();
        header.set_size(manifest.len() as u64);
        archive.append_data(&mut header, MANIFEST, &manifest[..]).unwrap();
        let why = unpack(&archive.into_inner().unwrap()[..]).unwrap_err();
        assert_eq!(why, "it has format 2, and this daemon reads 1");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_backup_or_an_error(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2048)) {
            let _ = unpack(&bytes[..]);
        }
    }
}
