//! Figures of the proofs: what was tried, how often, with what outcome. Printed, and kept in `target/proofs/`, from
//! where `cargo xtask reliability` makes the tables of `docs/reliability.md`.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

/// Set by `cargo xtask test --long`: the proofs run at their large size.
pub const LONG: &str = "PROOF_LONG";

/// Set by `cargo xtask test`: the commit the proofs were built from.
pub const COMMIT: &str = "PROOF_COMMIT";

/// Set by hand: exactly so many tries.
pub const COUNT: &str = "PROOF_COUNT";

/// Set by hand: the first seed, to try others than last time.
pub const FIRST: &str = "PROOF_FIRST";

/// Set by hand: this run goes on where the last one of the same commit ended, and its figures are added to those kept.
pub const CONTINUE: &str = "PROOF_CONTINUE";

/// Set by hand: only the history of this seed.
pub const SEED: &str = "PROOF_SEED";

#[expect(clippy::disallowed_methods, reason = "the one place where proofs are told their size")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str) -> Option<u64> {
    setting(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// How often to try: `ci` in every run, `long` in a long one.
///
/// # Panics
/// A setting is not a number.
#[must_use]
pub fn size(ci: u64, long: u64) -> u64 {
    commit();
    number(COUNT).unwrap_or(if setting(LONG).is_some() { long } else { ci })
}

/// The commit at hand when this was first called, marked when something was changed since: a proof calls it, or
/// [`size`], when it begins.
pub fn commit() -> &'static str {
    static BEGUN: OnceLock<String> = OnceLock::new();
    BEGUN.get_or_init(|| setting(COMMIT).or_else(described).unwrap_or_else(|| "unknown".to_owned()))
}

fn described() -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(env!("CARGO_MANIFEST_DIR")).args(["describe", "--always", "--dirty", "--abbrev=12"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The seed to begin with.
///
/// # Panics
/// A setting is not a number.
#[must_use]
pub fn first_seed() -> u64 {
    number(FIRST).unwrap_or(0)
}

/// The only seed to try, when somebody looks into a failure.
///
/// # Panics
/// It is not a number.
#[must_use]
pub fn only_seed() -> Option<u64> {
    number(SEED)
}

/// A folder for databases of tests in which nothing has to survive the computer: in memory where the system has such a
/// place, so that syncing costs nothing.
///
/// # Panics
/// It cannot be made.
#[must_use]
pub fn fast_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// What one proof has to show.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Short, unique name, also the name of the file.
    pub name: &'static str,
    /// What was tried, one sentence.
    pub what: &'static str,
    /// How often.
    pub count: u64,
    /// Of what (`states`, `histories of 60 steps`, `kills`).
    pub unit: &'static str,
    /// First and last seed, where there are any.
    pub seeds: Option<(u64, u64)>,
    /// Anything else worth a column, as name and value.
    pub more: Vec<(&'static str, u64)>,
}

impl Figures {
    /// Prints the figures and keeps them with the commit. Call it when everything held: a proof that failed has
    /// panicked before. Those of a long run are kept beside those of the others. A run that goes on where one of the
    /// same commit has ended adds to it, so that hours need not be in one piece.
    ///
    /// # Panics
    /// The file cannot be written, or the run was to go on and there is nothing that it continues.
    pub fn tell(mut self) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/proofs");
        std::fs::create_dir_all(&folder).expect("a folder for figures");
        let long = if setting(LONG).is_some() { "long-" } else { "" };
        let file = folder.join(format!("{long}{}.json", self.name));
        if setting(CONTINUE).is_some() {
            let kept = std::fs::read(&file).expect("figures to go on from");
            self.add(&serde_json::from_slice(&kept).expect("figures"));
        }
        let seeds = self.seeds.map(|(first, last)| format!(", seeds {first} to {last}")).unwrap_or_default();
        let more: String = self.more.iter().map(|(name, value)| format!(", {value} {name}")).collect();
        println!(
            "PROOF {}: {} {}{seeds}{more}: nothing lost, nothing doubled",
            self.name, self.count, self.unit
        );
        let more: serde_json::Map<String, Value> =
            self.more.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let Self { name, what, count, unit, seeds, .. } = self;
        let kept = json!({ "name": name, "what": what, "count": count, "unit": unit, "seeds": seeds,
            "commit": commit(), "more": more });
        std::fs::write(file, format!("{kept}\n")).expect("a file for figures");
    }

    fn add(&mut self, kept: &Value) {
        assert_eq!(kept["commit"], commit(), "only a run of the same commit can be continued");
        let number = |value: &Value| value.as_u64().expect("a number");
        if let Some((first, last)) = self.seeds {
            assert_eq!(number(&kept["seeds"][1]) + 1, first, "{FIRST} has to be the seed after the last");
            self.seeds = Some((number(&kept["seeds"][0]), last));
        }
        self.count += number(&kept["count"]);
        for (name, value) in &mut self.more {
            *value += number(&kept["more"][*name]);
        }
    }
}
