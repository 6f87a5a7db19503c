//! A server whose database was restored from a backup: containers are ahead of it, nothing is activated twice, and the
//! reconciliation makes it whole again. Real processes, real files.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]
#![expect(unreachable_pub, reason = "the support module is shared by several test programs")]

#[path = "support/fleet.rs"]
mod fleet;

use fleet::{Central, Computer};
use licensing_testkit::proof;

/// A server, a ticket of one license, and what happened after the backup was made: the license went into a container.
struct Story {
    central: Central,
    ticket: String,
    license: String,
    holder: (Computer, String),
    other: (Computer, String),
    backup: String,
}

impl Story {
    fn new() -> Self {
        let central = Central::new(proof::fast_folder());
        let (ticket, license) = central.sell("O-1", 2);
        let with_dongle = |name: &str| {
            let computer = central.computer(name);
            let serial = computer.dongle();
            (computer, serial)
        };
        let (holder, other) = (with_dongle("holder"), with_dongle("other"));
        let backup = central.folder.path().join("backup.db").display().to_string();
        // One of the two was there before, so that the server has known the container.
        let story = Self { central, ticket, license, holder, other, backup };
        story.activate(&story.holder).unwrap();
        match &story.central.postgres {
            Some(database) => database.dump(story.backup.as_ref()).unwrap(),
            None => assert!(story.central.administer(&["backup", "--out", &story.backup]).status.success()),
        }
        story.activate(&story.holder).unwrap();
        story
    }

    /// Brings the backup back with the tools of the database alone, while the server is stopped.
    fn put_back(&self) {
        if let Some(postgres) = &self.central.postgres {
            return postgres.restore(self.backup.as_ref()).unwrap();
        }
        let database = self.central.data().join("central.db");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", database.display()));
        }
        std::fs::copy(&self.backup, &database).unwrap();
    }

    fn activate(&self, (computer, serial): &(Computer, String)) -> Result<serde_json::Value, String> {
        let share = format!("{}=1", self.license);
        computer.run(&["activate", "--ticket", &self.ticket, "--container", serial, "--license", &share])
    }

    fn contact(&self, (computer, serial): &(Computer, String)) -> Result<serde_json::Value, String> {
        computer.run(&["auto-update", "--container", serial])
    }

    fn vendor(&self, words: &[&str]) {
        self.central.computer("vendor").ok(words);
    }

    fn available(&self) -> u64 {
        let shown = self.central.computer("viewer").ok(&["ticket", "show", &self.ticket, "--all"]);
        shown["licenses"][0]["available"].as_u64().unwrap()
    }

    /// Everything is where it was before the disaster.
    fn is_whole(&self) {
        assert_eq!(self.available(), 0);
        assert_eq!(self.holder.0.held(&self.holder.1), 2);
        assert_eq!(self.other.0.held(&self.other.1), 0);
        let contexts = [self.holder.0.context(&self.holder.1), self.other.0.context(&self.other.1)];
        let (sound, said) = self.central.audit(&contexts);
        assert!(sound && said.contains("0 differences"), "{said}");
        assert_eq!(self.activate(&self.other), Err("license_not_available".to_owned()));
        // And the license can be moved as ever.
        let (computer, serial) = &self.holder;
        computer.ok(&["deactivate", "--ticket", &self.ticket, "--container", serial]);
        self.activate(&self.other).unwrap();
        assert_eq!((self.available(), self.other.0.held(&self.other.1)), (1, 1));
    }
}

#[test]
fn a_backup_copied_back_by_hand_is_noticed_and_reconciled() {
    let mut story = Story::new();
    story.central.kill();
    story.put_back();
    // On another computer there is no mark that tells how far the server had come.
    let _ = std::fs::remove_file(story.central.data().join("served.json"));
    story.central.start();
    assert_eq!(story.available(), 1, "the server has forgotten an activation");
    assert_eq!(story.contact(&story.holder), Err("server_behind_container".to_owned()));
    let (sound, said) = story.central.audit(&[story.holder.0.context(&story.holder.1)]);
    assert!(!sound && said.contains("DIFFERS"), "the audit sees it as well: {said}");
    story.vendor(&["reconciliation", "begin"]);
    assert_eq!(
        story.activate(&story.other),
        Err("server_reconciling".to_owned()),
        "it may be in a container"
    );
    story.contact(&story.holder).unwrap();
    assert_eq!(story.available(), 0);
    story.vendor(&["reconciliation", "end"]);
    story.is_whole();
}

#[test]
fn the_restore_command_never_lets_anything_be_activated_twice() {
    let mut story = Story::new();
    let refused = story.central.administer(&["restore", "--from", &story.backup]);
    let said = String::from_utf8(refused.stderr).unwrap();
    let on_postgres = story.central.postgres.is_some();
    let why = if on_postgres { "with its own tools" } else { "stop the server" };
    assert!(!refused.status.success() && said.contains(why), "{said}");
    story.central.kill();
    if on_postgres {
        story.put_back();
        let restored = story.central.administer(&["restore"]);
        assert!(restored.status.success(), "{restored:?}");
    } else {
        assert!(!story.central.administer(&["restore"]).status.success(), "of what?");
        let restored = story.central.administer(&["restore", "--from", &story.backup]);
        assert!(restored.status.success(), "{restored:?}");
        let kept = std::fs::read_dir(story.central.data()).unwrap().filter_map(Result::ok);
        assert_eq!(kept.filter(|f| f.file_name().to_string_lossy().contains("replaced")).count(), 1);
    }
    story.central.start();
    assert_eq!(story.activate(&story.other), Err("server_reconciling".to_owned()), "nobody had to begin it");
    story.contact(&story.holder).unwrap();
    assert_eq!(story.activate(&story.other), Err("server_reconciling".to_owned()));
    story.vendor(&["reconciliation", "end"]);
    story.is_whole();
}

#[test]
fn a_server_does_not_start_on_a_database_that_is_older_than_what_it_served() {
    let mut story = Story::new();
    story.central.stop();
    story.put_back();
    let (code, said) = story.central.refuses_to_start();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("ends before event") && said.contains("central-server restore"), "{said}");
    let (sound, said) = story.central.audit(&[]);
    assert!(!sound && said.contains("PROBLEM  what was served"), "{said}");
    let restore = if story.central.postgres.is_some() {
        story.central.administer(&["restore"])
    } else {
        story.central.administer(&["restore", "--from", &story.backup])
    };
    assert!(restore.status.success(), "{restore:?}");
    story.central.start();
    story.contact(&story.holder).unwrap();
    story.vendor(&["reconciliation", "end"]);
    story.is_whole();
    // The mark has gone along.
    story.central.stop();
    story.central.start();
}

#[test]
fn what_is_no_backup_replaces_nothing() {
    let mut story = Story::new();
    story.central.kill();
    let database = story.central.data().join("central.db");
    let garbage = story.central.folder.path().join("garbage.db");
    std::fs::write(&garbage, b"this is no database, and it is long enough to be looked at as one").unwrap();
    let empty = story.central.folder.path().join("empty.db");
    std::fs::write(&empty, b"").unwrap();
    let half = story.central.folder.path().join("half.db");
    let bytes = std::fs::read(&story.backup).unwrap();
    std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let missing = story.central.folder.path().join("missing.db");
    for from in [&garbage, &empty, &half, &missing, &database] {
        let refused = story.central.administer(&["restore", "--from", &from.display().to_string()]);
        assert!(!refused.status.success(), "{}: {refused:?}", from.display());
    }
    story.central.start();
    story.is_whole();
}
