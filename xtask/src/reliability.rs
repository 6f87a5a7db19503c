//! `cargo xtask reliability`: the table of `docs/reliability.md`, from the figures that the proofs have left.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::shell::{capture, root};

const HEAD: &str = "\
# Reliability

A license is never lost and never doubled. What is done to show it, and how often it was done without a single failure.
Made by `cargo xtask reliability` from the figures of the last `cargo xtask test`, or of `cargo xtask test --long`.

The bound: when something did not happen in N independent tries, then it happens in fewer than 3/N of such tries, with
95 % confidence. Where every state was visited there is nothing left to bound, for the model and its sizes.
";

const TAIL: &str = "
To repeat a proof: `PROOF_COUNT=N` sets how often, `PROOF_FIRST=N` the first seed, and `PROOF_SEED=N` tries one seed
alone and exactly as it was: a failure prints the command. To look at a server in use: `central-server doctor --audit` recomputes every invariant from
its tables and compares them with what each container said last.
";

/// The figures of one proof.
struct Proof {
    name: String,
    what: String,
    count: u64,
    unit: String,
    seeds: String,
    more: String,
}

/// Writes the table.
pub(crate) fn run() -> Result<()> {
    let text = page(&proofs()?, &commit()?);
    fs::write(root().join("docs/reliability.md"), text).context("cannot write docs/reliability.md")?;
    println!("docs/reliability.md written");
    Ok(())
}

/// The commit the figures belong to, marked when something was changed since.
fn commit() -> Result<String> {
    let mut git = std::process::Command::new("git");
    let described =
        capture(git.current_dir(root()).args(["describe", "--always", "--dirty", "--abbrev=12"]))?;
    Ok(described.trim().to_owned())
}

fn proofs() -> Result<Vec<Proof>> {
    let folder = root().join("target/proofs");
    let mut proofs = Vec::new();
    for entry in fs::read_dir(&folder).context("there are no figures; run `cargo xtask test` first")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path)?;
            proofs.push(read(&text).with_context(|| path.display().to_string())?);
        }
    }
    ensure!(!proofs.is_empty(), "there are no figures; run `cargo xtask test` first");
    proofs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(proofs)
}

fn read(text: &str) -> Result<Proof> {
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
    })
}

fn page(proofs: &[Proof], commit: &str) -> String {
    let mut text = format!(
        "{HEAD}\nCommit: `{commit}`\n\n| proof | N | seeds | besides | bound |\n|---|---|---|---|---|\n"
    );
    for proof in proofs {
        let Proof { name, count, unit, seeds, more, .. } = proof;
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| {name} | {count} {unit} | {seeds} | {more} | {} |", bound(proof));
    }
    text.push('\n');
    for proof in proofs {
        let _ = writeln!(text, "* **{}**: {}.", proof.name, proof.what.trim_end_matches('.'));
    }
    text + TAIL
}

fn bound(proof: &Proof) -> String {
    if proof.unit.contains("state") {
        return "all of them".to_owned();
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
        let text =
            r#"{"name":"kills","what":"kill -9","count":200,"unit":"kills","seeds":null,"more":{"done":7}}"#;
        let complete = r#"{"name":"model","what":"all","count":9,"unit":"states","seeds":[1,2],"more":{}}"#;
        let page = page(&[read(text).unwrap(), read(complete).unwrap()], "abc");
        assert!(page.contains("| kills | 200 kills | none | 7 done | 3/N = 1.5e-2 |"), "{page}");
        assert!(page.contains("| model | 9 states | 1 to 2 |  | all of them |"), "{page}");
        assert!(read(&text.replace("200", "0")).is_err(), "nothing tried is no proof");
    }
}
