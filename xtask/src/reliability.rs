//! `cargo xtask reliability`: the table of `docs/reliability.md`, from the figures that the proofs have left.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::shell::root;

const HEAD: &str = "\
# Reliability

A license is never lost and never doubled. What is done to show it, and how often it was done without a single failure.
Made by `cargo xtask reliability` from the figures that each proof left when it was last run: by `cargo xtask test`, or
at its large size by `cargo xtask test --long`, which is marked and a row of its own.

The bound: when something did not happen in N independent tries, then it happens in fewer than 3/N of such tries, with
95 % confidence. Where every state was visited there is nothing left to bound, for the model and its sizes. Where there
are too many, all were visited that are no farther from the beginning than is said.
";

const TAIL: &str = "
To repeat a proof: `PROOF_COUNT=N` sets how often, `PROOF_FIRST=N` the first seed, and `PROOF_SEED=N` tries one seed
alone and exactly as it was: a failure prints the command. `PROOF_CONTINUE=1` adds to the figures of the same commit, so that a long run need not be in one piece. To look at a server in use: `central-server doctor --audit` recomputes every invariant from
its tables and compares them with what each container said last.
";

/// How the files of large sizes begin.
const LONG: &str = "long-";

/// The figures of one proof.
struct Proof {
    name: String,
    what: String,
    count: u64,
    unit: String,
    seeds: String,
    more: String,
    commit: String,
    long: bool,
}

/// Writes the table.
pub(crate) fn run() -> Result<()> {
    let text = page(&proofs()?);
    fs::write(root().join("docs/reliability.md"), text).context("cannot write docs/reliability.md")?;
    println!("docs/reliability.md written");
    Ok(())
}

fn proofs() -> Result<Vec<Proof>> {
    let folder = root().join("target/proofs");
    let mut proofs = Vec::new();
    for entry in fs::read_dir(&folder).context("there are no figures; run `cargo xtask test` first")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path)?;
            let long = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(LONG));
            proofs.push(read(&text, long).with_context(|| path.display().to_string())?);
        }
    }
    ensure!(!proofs.is_empty(), "there are no figures; run `cargo xtask test` first");
    proofs.sort_by(|a, b| (&a.name, a.long).cmp(&(&b.name, b.long)));
    Ok(proofs)
}

fn read(text: &str, long: bool) -> Result<Proof> {
    let figures: Value = serde_json::from_str(text)?;
    let field = |name: &str| figures[name].as_str().map(str::to_owned).with_context(|| name.to_owned());
    let seeds = match figures["seeds"].as_array().map(Vec::as_slice) {
        Some([first, last]) => format!("{first} to {last}"),
        _ => "none".to_owned(),
    };
    let more = figures["more"].as_object().context("more")?;
    let more: Vec<String> = more.iter().map(|(name, value)| format!("{value} {name}")).collect();
    let count = figures["count"].as_u64().filter(|count| *count > 0);
    let Some(count) = count else { bail!("a proof that tried nothing") };
    Ok(Proof {
        name: field("name")?,
        what: field("what")?,
        count,
        unit: field("unit")?,
        seeds,
        more: more.join(", "),
        // Of a figure that was made before they were kept with it, nobody can tell.
        commit: field("commit").unwrap_or_else(|_| "unknown".to_owned()),
        long,
    })
}

fn page(proofs: &[Proof]) -> String {
    let one = proofs.first().map(|first| &first.commit);
    let one = one.filter(|commit| proofs.iter().all(|proof| proof.commit == **commit));
    let (of_all, column, rule) = match one {
        Some(commit) => (format!("Commit of all of them: `{commit}`\n\n"), "", ""),
        None => (
            "Not all were last run on the same commit; each row names its own.\n\n".to_owned(),
            " commit |",
            "---|",
        ),
    };
    let mut text = format!(
        "{HEAD}\n{of_all}| proof | N | seeds | besides | bound |{column}\n|---|---|---|---|---|{rule}\n"
    );
    for proof in proofs {
        let Proof { name, count, unit, seeds, more, long, .. } = proof;
        let long = if *long { ", long" } else { "" };
        let commit = if one.is_some() { String::new() } else { format!(" `{}` |", proof.commit) };
        // Writing to a text cannot fail.
        let _ =
            writeln!(text, "| {name}{long} | {count} {unit} | {seeds} | {more} | {} |{commit}", bound(proof));
    }
    text.push('\n');
    let mut told = std::collections::BTreeSet::new();
    for proof in proofs.iter().filter(|proof| told.insert(&proof.name)) {
        let _ = writeln!(text, "* **{}**: {}.", proof.name, proof.what.trim_end_matches('.'));
    }
    text + TAIL
}

fn bound(proof: &Proof) -> String {
    if proof.unit.contains("state") {
        let near = proof.unit.contains("near");
        return if near { "all up to the farthest" } else { "all of them" }.to_owned();
    }
    // Only shown: two digits are plenty.
    #[expect(clippy::cast_precision_loss, reason = "a number to look at")]
    let bound = 3.0 / proof.count as f64;
    format!("3/N = {bound:.1e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_rows() {
        let kills = r#"{"name":"kills","what":"kill -9","count":200,"unit":"kills","seeds":null,"commit":"abc",
            "more":{"done":7}}"#;
        let complete = r#"{"name":"model","what":"all","count":9,"unit":"states","seeds":[1,2],"commit":"abc",
            "more":{}}"#;
        let (first, second) = (read(kills, false).unwrap(), read(complete, false).unwrap());
        let both = page(&[first, second]);
        assert!(both.contains("| kills | 200 kills | none | 7 done | 3/N = 1.5e-2 |\n"), "{both}");
        assert!(both.contains("| model | 9 states | 1 to 2 |  | all of them |\n"), "{both}");
        assert!(both.contains("Commit of all of them: `abc`"), "{both}");
        assert!(read(&kills.replace("200", "0"), false).is_err(), "nothing tried is no proof");

        // A long run of another commit does not lend its commit to the others, nor take theirs.
        let long = kills.replace("200", "900").replace("abc", "def");
        let mixed = page(&[read(kills, false).unwrap(), read(&long, true).unwrap()]);
        assert!(mixed.contains("| kills | 200 kills | none | 7 done | 3/N = 1.5e-2 | `abc` |\n"), "{mixed}");
        assert!(
            mixed.contains("| kills, long | 900 kills | none | 7 done | 3/N = 3.3e-3 | `def` |\n"),
            "{mixed}"
        );
        assert_eq!((mixed.contains("of all of them"), mixed.matches("**kills**").count()), (false, 1));
        let near = complete.replace("states", "states, all near the beginning");
        assert_eq!(bound(&read(&near, true).unwrap()), "all up to the farthest");
        let old = read(&kills.replace(r#""commit":"abc","#, ""), false).unwrap();
        assert_eq!(old.commit, "unknown");
    }
}
