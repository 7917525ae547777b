//! The program `doorway-signaling` as a service manager sees it.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorway-signaling"));
    command.env_remove("DOORWAY_SECRET").env_remove("RUST_LOG");
    command
}

fn says(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn bad_settings_end_with_code_two_and_a_remedy() {
    let bad: [(&[&str], &str); 5] = [
        (&["--client-limit", "1025"], "use several rooms"),
        (&["--listen", "0.0.0.0:0"], "set a secret"),
        (&["--host", "door.example.org"], "set a secret"),
        (&["--secret-file", "/nowhere/secret"], "check that the file is there"),
        (&["--listen", "door"], "--listen"),
    ];
    for (arguments, remedy) in bad {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(says(&output).contains(remedy), "{}", says(&output));
    }
    let simple = program().args(["--listen", "0.0.0.0:0"]).env("DOORWAY_SECRET", "password1234").output().unwrap();
    assert_eq!(simple.status.code(), Some(2));
    assert!(says(&simple).contains("easy to guess") && !says(&simple).contains("password1234"), "{}", says(&simple));
    let short = program().env("DOORWAY_SECRET", "tooshort7").args(["--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(short.status.code(), Some(2));
    assert!(says(&short).contains("12 characters") && !says(&short).contains("tooshort7"), "{}", says(&short));
}

#[test]
fn it_listens_and_ends_cleanly_on_either_signal() {
    for signal in ["TERM", "INT"] {
        let mut child = program().args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let listens = log.next().unwrap().unwrap();
        assert!(listens.contains("the companion listens") && listens.contains("127.0.0.1:"), "{listens}");
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert!(child.wait().unwrap().success());
        assert!(log.next().unwrap().unwrap().contains("the companion closes"));
    }
}
