//! What was measured against which floor, and whether the goal holds.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

/// What a ratio must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
        }
    }
}

/// Numbers of several rounds.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Rounds(pub(crate) Vec<f64>);

impl Rounds {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The one in the middle; 0 of none.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    fn bounds(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted.first().copied().unwrap_or(0.0), sorted.last().copied().unwrap_or(0.0))
    }
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    /// `R1` and so on.
    pub(crate) id: &'static str,
    /// What is done.
    pub(crate) work: String,
    /// What the ratio must be.
    pub(crate) goal: Goal,
    /// The floor, round by round; a rate or a time.
    pub(crate) floor: Rounds,
    /// The product in the same rounds, in the same unit.
    pub(crate) product: Rounds,
    /// The unit of both: `/s` or `ms`.
    pub(crate) unit: &'static str,
    /// Further numbers, not judged.
    pub(crate) notes: Vec<String>,
}

impl Line {
    /// The ratio of every round.
    pub(crate) fn ratios(&self) -> Rounds {
        Rounds(self.product.0.iter().zip(&self.floor.0).map(|(product, floor)| product / floor).collect())
    }

    /// Whether the goal holds.
    pub(crate) fn holds(&self) -> bool {
        self.goal.holds(self.ratios().median())
    }
}

/// A part of the goals that cannot be measured, and why.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Missing {
    pub(crate) id: &'static str,
    pub(crate) why: String,
}

/// Everything a run has found.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    /// Where and how it was run.
    pub(crate) header: Vec<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) missing: Vec<Missing>,
    /// Floors that stand for themselves: name, median, unit.
    pub(crate) floors: Vec<(String, f64, &'static str)>,
    /// Names of plots, in order, with their captions.
    pub(crate) plots: Vec<(String, String)>,
}

/// A number with three significant digits.
pub(crate) fn short(number: f64) -> String {
    let digits = if number >= 100.0 || number == 0.0 {
        0
    } else if number >= 10.0 {
        1
    } else if number >= 1.0 {
        2
    } else {
        3
    };
    format!("{number:.digits$}")
}

impl Report {
    /// The table, for people.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from(
            "| id | work | goal | ratio (min .. max) | verdict | product | floor |\n|---|---|---|---|---|---|---|\n",
        );
        for line in &self.lines {
            let ratios = line.ratios();
            let (least, most) = ratios.bounds();
            let verdict = if line.holds() { "holds" } else { "**missed**" };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.2} ({least:.2} .. {most:.2}) | {verdict} | {} {} | {} {} |",
                line.id,
                line.work,
                line.goal,
                ratios.median(),
                short(line.product.median()),
                line.unit,
                short(line.floor.median()),
                line.unit
            );
        }
        for missing in &self.missing {
            let _ = writeln!(text, "| {} | {} | | | not measured | | |", missing.id, missing.why);
        }
        text
    }

    fn notes(&self) -> String {
        let mut text = String::new();
        for line in self.lines.iter().filter(|line| !line.notes.is_empty()) {
            let _ = writeln!(text, "* **{}** {}", line.id, line.notes.join("; "));
        }
        text
    }

    /// The whole report as Markdown; plots are in `images`, relative to it.
    pub(crate) fn markdown(&self, images: &str) -> String {
        let mut text = String::new();
        for line in &self.header {
            let _ = writeln!(text, "* {line}");
        }
        let _ = write!(text, "\n{}\n{}", self.table(), self.notes());
        if !self.floors.is_empty() {
            text.push_str("\n### Floors\n\n| floor | median |\n|---|---|\n");
            for (name, median, unit) in &self.floors {
                let _ = writeln!(text, "| {name} | {} {unit} |", short(*median));
            }
        }
        for (name, caption) in &self.plots {
            let _ = write!(text, "\n![{caption}]({images}/{name}.svg)\n\n{caption}\n");
        }
        text
    }

    /// Writes `report.json` and `report.md` into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("report.json"), serde_json::to_vec_pretty(self)?)?;
        std::fs::write(folder.join("report.md"), self.markdown("."))?;
        Ok(())
    }

    /// Puts the report between the marks of a document that explains it.
    pub(crate) fn publish(&self, document: &Path) -> Result<()> {
        let text = std::fs::read_to_string(document)?;
        let cut = |mark: &str| text.find(mark).ok_or_else(|| anyhow::anyhow!("no {mark} in the document"));
        let (begin, end) = (cut(BEGIN)? + BEGIN.len(), cut(END)?);
        let text = format!("{}\n\n{}\n{}", &text[..begin], self.markdown("images").trim_end(), &text[end..]);
        std::fs::write(document, text)?;
        Ok(())
    }
}

const BEGIN: &str = "<!-- report: begin -->";
const END: &str = "<!-- report: end -->";

#[cfg(test)]
mod tests {
    use super::*;

    fn line(goal: Goal, product: &[f64]) -> Line {
        Line {
            id: "R0",
            work: "nothing".to_owned(),
            goal,
            floor: Rounds(vec![10.0; product.len()]),
            product: Rounds(product.to_vec()),
            unit: "/s",
            notes: vec![],
        }
    }

    #[test]
    fn a_verdict_is_about_the_median_of_the_ratios() {
        assert!(line(Goal::AtLeast(0.7), &[1.0, 7.1, 9.0]).holds());
        assert!(!line(Goal::AtLeast(0.7), &[1.0, 6.9, 9.0]).holds());
        assert!(line(Goal::AtMost(1.5), &[14.0, 15.0, 100.0]).holds());
        assert!(!line(Goal::AtMost(1.5), &[1.0, 15.1, 15.2]).holds());
        assert!(!line(Goal::AtLeast(0.7), &[]).holds(), "nothing measured is nothing shown");
    }

    #[test]
    fn a_report_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("performance.md");
        std::fs::write(&document, format!("before\n{BEGIN}\nold\n{END}\nafter\n")).unwrap();
        let report = Report { lines: vec![line(Goal::AtLeast(0.7), &[8.0])], ..Report::default() };
        report.publish(&document).unwrap();
        report.publish(&document).unwrap();
        let text = std::fs::read_to_string(&document).unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("\nafter\n") && !text.contains("\nold\n"));
        assert_eq!(text.matches("| R0 | nothing | >= 0.7 | 0.80 (0.80 .. 0.80) | holds |").count(), 1);
    }
}
