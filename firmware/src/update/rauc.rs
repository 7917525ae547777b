//! RAUC over its D-Bus interface, `de.pengutronix.rauc.Installer`, through systemd's `busctl`.
//!
//! A D-Bus crate would do the same for 3.3 MB more of binary (zbus 5, measured), and an update is rare: a question costs a
//! process of 25 ms here, and nothing at all while there is no update.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::failure::Failure;

const SERVICE: [&str; 3] = ["de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer"];
/// Reading the head of a bundle from a slow server takes a while, starting RAUC on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(90);

/// What RAUC says of a bundle that it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bundle {
    pub(super) compatible: String,
    pub(super) version: String,
    /// Binds the installation to what was looked at; an old RAUC tells none.
    pub(super) manifest_hash: Option<String>,
}

/// How far an installation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    Running { percent: u8 },
    Done,
    Failed(Failure),
}

/// Whether RAUC answers, and what kind of device it says that this is.
pub(super) async fn compatible() -> Result<String, Failure> {
    let [compatible] = properties(["Compatible"]).await?;
    text(&compatible).ok_or(Failure::NoRauc {})
}

/// The name of the slot that was booted, by its bootname where it has one.
pub(super) async fn booted_slot() -> Result<Option<String>, Failure> {
    let slots = call("GetSlotStatus", &[]).await?;
    Ok(booted_in(&slots))
}

/// Looks at the bundle's head: its signature, and what it is for.
pub(super) async fn inspect(source: &str) -> Result<Bundle, Failure> {
    match call_for_words("InspectBundle", &["sa{sv}", source, "0"]).await {
        Ok(answer) => inspected(&answer).ok_or(Failure::Damaged {}),
        // Before RAUC 1.9.
        Err(words) if words.contains("No such method") => {
            let answer = call("Info", &["s", source]).await?;
            let text = |index: usize| answer["data"][index].as_str().map(str::to_owned);
            let (compatible, version) = text(0).zip(text(1)).ok_or(Failure::Damaged {})?;
            Ok(Bundle { compatible, version, manifest_hash: None })
        }
        Err(words) => Err(Failure::of_rauc(&words)),
    }
}

/// Begins to install. RAUC goes on by itself; see [`progress`].
pub(super) async fn install(source: &str, bundle: &Bundle) -> Result<(), Failure> {
    let mut arguments = vec!["sa{sv}", source];
    match &bundle.manifest_hash {
        Some(hash) => arguments.extend(["1", "require-manifest-hash", "s", hash]),
        None => arguments.push("0"),
    }
    call("InstallBundle", &arguments).await.map(drop)
}

/// Asks how far it is.
pub(super) async fn progress() -> Result<Progress, Failure> {
    let [operation, progress, last_error] = properties(["Operation", "Progress", "LastError"]).await?;
    Ok(judge(&operation, &progress, &last_error))
}

fn judge(operation: &Value, progress: &Value, last_error: &Value) -> Progress {
    let percent = progress["data"][0].as_u64().unwrap_or(0).min(100) as u8;
    if text(operation).as_deref() != Some("idle") {
        return Progress::Running { percent };
    }
    // Its last step, with how it ended.
    match progress["data"][1].as_str() {
        Some("Installing done.") => Progress::Done,
        Some(_) | None => Progress::Failed(Failure::of_rauc(&text(last_error).unwrap_or_default())),
    }
}

fn inspected(answer: &Value) -> Option<Bundle> {
    let info = &answer["data"][0];
    let update = &info["update"]["data"];
    // A variant inside a variant, or not: it depends on the version of RAUC.
    let update = update.get("data").unwrap_or(update);
    Some(Bundle {
        compatible: text(&update["compatible"])?,
        version: text(&update["version"])?,
        manifest_hash: text(&info["manifest-hash"]),
    })
}

fn booted_in(slots: &Value) -> Option<String> {
    let slots = slots["data"][0].as_array()?;
    let booted = slots.iter().find(|slot| text(&slot[1]["state"]).as_deref() == Some("booted"))?;
    text(&booted[1]["bootname"]).or_else(|| booted[0].as_str().map(str::to_owned))
}

/// The text in a value as busctl prints it: `{"type":"s","data":"…"}`.
fn text(value: &Value) -> Option<String> {
    value["data"].as_str().map(str::to_owned)
}

async fn call(method: &str, arguments: &[&str]) -> Result<Value, Failure> {
    call_for_words(method, arguments).await.map_err(|words| Failure::of_rauc(&words))
}

async fn call_for_words(method: &str, arguments: &[&str]) -> Result<Value, String> {
    let said = busctl(&[&["call"], &SERVICE[..], &[method], arguments].concat()).await?;
    // A method that returns nothing prints nothing.
    Ok(serde_json::from_str(said.trim()).unwrap_or_default())
}

async fn properties<const N: usize>(names: [&str; N]) -> Result<[Value; N], Failure> {
    let said = busctl(&[&["get-property"], &SERVICE[..], &names[..]].concat()).await;
    let said = said.map_err(|words| Failure::of_rauc(&words))?;
    let values: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect();
    values.try_into().map_err(|_| Failure::NoRauc {})
}

/// What busctl printed, or what it complained about.
async fn busctl(arguments: &[&str]) -> Result<String, String> {
    let timeout = format!("--timeout={}", PATIENCE.as_secs());
    let mut command = Command::new("busctl");
    command.args(["--json=short", &timeout]).args(arguments);
    command.stdin(Stdio::null()).kill_on_drop(true).env("LC_ALL", "C.UTF-8");
    let finished = tokio::time::timeout(PATIENCE + Duration::from_secs(10), command.output()).await;
    let output = match finished {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(format!("failed to connect to bus: busctl: {error}")),
        Err(_) => return Err("timed out".into()),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_busctl_prints_of_a_bundle_is_understood() {
        let answer = r#"{"type":"a{sv}","data":[{"update":{"type":"v","data":{"type":"a{sv}","data":{"version":
            {"type":"s","data":"1.1.0+5"},"compatible":{"type":"s","data":"doorway-test"}}}},
            "manifest-hash":{"type":"s","data":"2523c6"}}]}"#;
        let bundle = inspected(&json(answer)).unwrap();
        assert_eq!((bundle.compatible.as_str(), bundle.version.as_str()), ("doorway-test", "1.1.0+5"));
        assert_eq!(bundle.manifest_hash.as_deref(), Some("2523c6"));
        let flat =
            r#"{"data":[{"update":{"type":"a{sv}","data":{"version":{"data":"1.0.0"},"compatible":{"data":"x"}}}}]}"#;
        assert_eq!(inspected(&json(flat)).unwrap().manifest_hash, None);
        assert_eq!(inspected(&json("{}")), None);
    }

    #[test]
    fn the_booted_slot_is_known_by_its_bootname() {
        let slots = r#"{"type":"a(sa{sv})","data":[[["rootfs.1",{"state":{"type":"s","data":"inactive"},"bootname":
            {"type":"s","data":"B"}}],["rootfs.0",{"bootname":{"type":"s","data":"A"},"state":{"type":"s","data":"booted"}}]]]}"#;
        assert_eq!(booted_in(&json(slots)).as_deref(), Some("A"));
        assert_eq!(booted_in(&json("{\"data\":[[]]}")), None);
    }

    #[test]
    fn an_installation_is_over_when_rauc_is_idle_and_how_its_last_step_tells() {
        let state = |operation: &str, percent: u64, step: &str, error: &str| {
            let text = |text: &str| serde_json::json!({ "type": "s", "data": text });
            judge(&text(operation), &serde_json::json!({ "type": "(isi)", "data": [percent, step, 1] }), &text(error))
        };
        assert_eq!(state("installing", 40, "Verifying signature done.", ""), Progress::Running { percent: 40 });
        assert_eq!(state("idle", 100, "Installing done.", ""), Progress::Done);
        let failed = state("idle", 100, "Installing failed.", "signature verification failed: x");
        assert_eq!(failed, Progress::Failed(Failure::WrongKey {}));
        // RAUC died in the middle and was started anew.
        assert!(matches!(state("idle", 0, "", ""), Progress::Failed(Failure::Other { .. })));
    }
}
