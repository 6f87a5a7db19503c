//! Figures of the proofs: what was tried, how often, with what outcome. Printed, and kept in `target/proofs/`, from
//! where `cargo xtask reliability` makes the tables of `docs/reliability.md`.

use std::path::Path;

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
    /// Prints the figures and keeps them. Call it when everything held: a proof that failed has panicked before.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn tell(&self) {
        let seeds = self.seeds.map(|(first, last)| format!(", seeds {first} to {last}")).unwrap_or_default();
        let more: String = self.more.iter().map(|(name, value)| format!(", {value} {name}")).collect();
        println!(
            "PROOF {}: {} {}{seeds}{more}: nothing lost, nothing doubled",
            self.name, self.count, self.unit
        );
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/proofs");
        std::fs::create_dir_all(&folder).expect("a folder for figures");
        let seeds = self.seeds.map_or("null".to_owned(), |(first, last)| format!("[{first},{last}]"));
        let more: Vec<String> = self.more.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let text = format!(
            "{{\"name\":\"{}\",\"what\":\"{}\",\"count\":{},\"unit\":\"{}\",\"seeds\":{seeds},\"more\":{{{}}}}}\n",
            self.name,
            self.what,
            self.count,
            self.unit,
            more.join(",")
        );
        std::fs::write(folder.join(format!("{}.json", self.name)), text).expect("a file for figures");
    }
}
