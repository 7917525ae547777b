use super::*;

const NAMED: &str = "[station]\nname = \"Gate\"\n[device]\nhostname = \"gate\"\n";
const SECRET: &str = "[companion]\nsecret = \"correct horse battery\"\n";

fn found(file: &str) -> Found {
    Found {
        file: Some(file.into()),
        own_name: "doorway-7k3m".into(),
        hostname: Some("doorway-7k3m\n".into()),
        memory: Some(Memory::default()),
        ..Found::default()
    }
}

fn planned(found: &Found) -> Plan {
    plan(found, |_| Ok(()))
}

fn kinds(plan: &Plan) -> Vec<&'static str> {
    let kind = |step: &Step| match step {
        Step::Write(Place::Wifi, _) => "wifi",
        Step::Write(Place::Config, _) => "config",
        Step::Write(Place::Memory, _) => "memory",
        Step::Write(Place::Hostname, _) => "hostname",
        Step::SetAside => "set aside",
        Step::Erase => "erase",
        Step::Complain(_) => "complain",
        Step::ComplainNoMore => "complain no more",
    };
    plan.steps.iter().map(kind).collect()
}

#[test]
fn with_nothing_on_the_card_there_is_nothing_to_do() {
    let idle = Found { file: None, ..found("") };
    assert_eq!(planned(&idle).steps, []);
    let unnamed = Found { hostname: None, ..idle };
    assert_eq!(planned(&unnamed).steps, [Step::Write(Place::Hostname, b"doorway-7k3m\n".to_vec())]);
    // The memory is the mark that a first start came to its end.
    assert_eq!(kinds(&planned(&Found { memory: None, ..unnamed })), ["hostname", "memory"]);
}

#[test]
fn a_file_is_taken_over_once_and_stays_unless_it_holds_secrets() {
    let first = planned(&found(NAMED));
    assert_eq!(kinds(&first), ["config", "hostname", "memory"]);
    let Step::Write(Place::Memory, memory) = &first.steps[2] else { panic!("{first:?}") };
    let memory: Memory = serde_json::from_slice(memory).unwrap();
    let again = Found { memory: Some(memory.clone()), hostname: Some("gate\n".into()), ..found(NAMED) };
    assert_eq!(planned(&again).steps, []);
    let changed = Found { file: Some(NAMED.replace("Gate", "Garden").into()), ..again };
    assert_eq!(kinds(&planned(&changed)), ["config", "memory"]);
}

#[test]
fn a_file_with_secrets_is_erased_after_all_else() {
    let both = format!("{SECRET}[device]\nhostname = \"gate\"\n[device.wifi]\nssid = \"Home\"\ncountry = \"DE\"\n");
    assert_eq!(kinds(&planned(&found(&both))), ["wifi", "config", "hostname", "memory", "set aside", "erase"]);
}

#[test]
fn a_file_that_was_taken_over_and_not_erased_is_erased_at_the_next_start() {
    let memory = Memory { file: Some(fingerprint(SECRET.as_bytes())), hostname: None };
    let cut_off = Found { memory: Some(memory), ..found(SECRET) };
    assert_eq!(kinds(&planned(&cut_off)), ["set aside", "erase"]);
    // Also if it is no longer what this version takes.
    let refused = plan(&cut_off, |_| Err(ConfigError::whole(std::path::Path::new("x"), String::new(), "")));
    assert_eq!((kinds(&refused), refused.refused), (vec!["set aside", "erase"], None));
    assert_eq!(kinds(&planned(&Found { half_erased: true, file: None, ..found("") })), ["erase"]);
}

#[test]
fn a_name_that_was_given_stays_without_its_file() {
    let memory = Memory { file: None, hostname: Some("gate".into()) };
    let lost = Found { memory: Some(memory), file: None, ..found("") };
    assert_eq!(planned(&lost).steps, [Step::Write(Place::Hostname, b"gate\n".to_vec())]);
}

#[test]
fn a_bad_file_changes_nothing_and_is_complained_about_once() {
    let bad = found("[station]\nnmae = \"x\"\n");
    let refused = planned(&bad);
    assert_eq!(kinds(&refused), ["complain"]);
    assert!(refused.refused.is_some());
    let Step::Complain(complaint) = &refused.steps[0] else { panic!("{refused:?}") };
    let text = std::str::from_utf8(complaint).unwrap();
    assert!(text.starts_with("\u{feff}Doorway has not taken over doorway.toml"), "{text}");
    assert!(
        text.contains("doorway.toml:2:1: unknown field `nmae`") && text.contains("\r\n  2 | nmae = \"x\"\r\n"),
        "{text}"
    );
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
    let again = Found { complaint: Some(complaint.clone()), ..bad };
    assert_eq!((planned(&again).steps, planned(&again).refused.is_some()), (vec![], true));
    let mended = Found { file: Some(NAMED.into()), ..again };
    assert_eq!(kinds(&planned(&mended)), ["config", "hostname", "memory", "complain no more"]);
}

#[test]
fn a_file_that_does_not_suit_the_board_is_refused() {
    let error = ConfigError::whole(std::path::Path::new("doorway.toml"), "no such button".into(), "take another");
    let refused = plan(&found(NAMED), |_| Err(error.clone()));
    assert_eq!((kinds(&refused), refused.refused), (vec!["complain"], Some(error)));
}
