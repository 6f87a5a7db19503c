//! What the program ends with when it is looked after: scripts act on it.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// The exit code, and what was said.
fn run(words: &[&str], data: &Path) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_central-server"));
    command.env_remove("CENTRAL_DATABASE").args(words);
    if words[0] != "config" {
        command.arg("--data").arg(data);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), said)
}

#[test]
fn doctor_and_settings_end_with_the_documented_codes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("central");
    assert_eq!(run(&["init", "--firm-code", "6000010"], &data).0, 0);
    assert_eq!(run(&["doctor"], &data), (0, run(&["doctor"], &data).1));
    let settings = data.join("central.toml");
    let sound = fs::read(&settings).unwrap();
    let path = settings.display().to_string();
    assert_eq!(run(&["config", "check", &path], &data).0, 0);

    for wrong in ["listen = 7", "no such setting = 1", "[limits]\nrequests = 0"] {
        fs::write(&settings, wrong).unwrap();
        for words in [&["config", "check", &path][..], &["doctor"], &["serve"], &["migrate"]] {
            let (code, said) = run(words, &data);
            assert_eq!(code, 2, "{words:?} with {wrong}: {said}");
            assert!(said.contains("rule: Settings are those"), "{said}");
        }
    }
    let missing = folder.path().join("nothing.toml").display().to_string();
    assert_eq!(run(&["config", "check", &missing], &data).0, 2);
    fs::write(&settings, sound).unwrap();

    let token = data.join("admin.token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = run(&["doctor"], &data);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("1 problem found") && said.contains("next: Do what each line"), "{said}");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();

    let database = data.join("central.db");
    let aside = data.join("aside.db");
    fs::rename(&database, &aside).unwrap();
    let (code, said) = run(&["doctor"], &data);
    assert_eq!(code, 4, "{said}");
    fs::write(&database, "this is no database, and it is long enough to be looked at as one".repeat(99))
        .unwrap();
    let (code, said) = run(&["doctor"], &data);
    assert_eq!(code, 5, "{said}");
    fs::rename(&aside, &database).unwrap();
    assert_eq!(run(&["doctor"], &data).0, 0);
}
