//! The goals: each measures the product and its floor by turns, several times, so that whatever else the machine does
//! meets both.

pub(crate) mod access;
pub(crate) mod activation;
pub(crate) mod apply;
pub(crate) mod growth;
pub(crate) mod lists;
pub(crate) mod orders;
pub(crate) mod overview;
pub(crate) mod postgres;
pub(crate) mod start;

use std::path::{Path, PathBuf};

use anyhow::Result;
use central_server::command::initialise;
use central_server::data_dir::DataDir;

use crate::program;
use crate::report::{Line, Report, Rounds, short};
use licensing_bench::generate::{Target, firm_code, generate};

/// Clients where there are many.
pub(crate) const CLIENTS: usize = 64;
/// Bytes of a typical request of a transfer.
pub(crate) const TRANSFER_BYTES: usize = 1_100;

/// A run.
pub(crate) struct Bench {
    /// For everything that is made on the way.
    pub(crate) folder: PathBuf,
    /// Only to see that everything works: few rounds, small numbers.
    pub(crate) quick: bool,
    /// Licenses in the large database.
    pub(crate) size: u64,
    /// What was found.
    pub(crate) report: Report,
    /// Where plots go.
    pub(crate) plots: PathBuf,
}

impl Bench {
    /// Rounds of every measurement, after one that is not counted.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 2 } else { 11 }
    }

    /// A number of operations: the full one, or few.
    pub(crate) fn scaled(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(8) } else { full }
    }

    /// A new folder.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// A new, empty server.
    pub(crate) fn empty(&self, name: &str) -> Result<PathBuf> {
        let data = self.folder.join(name);
        initialise(&DataDir::new(&data), program::file(&data), firm_code(), "Measured vendor")?;
        Ok(data)
    }

    /// A server with so many licenses, made once in a run.
    pub(crate) fn filled(&self, licenses: u64) -> Result<PathBuf> {
        let data = self.folder.join(format!("filled-{licenses}"));
        if !data.exists() {
            eprintln!("making a database with {licenses} licenses ...");
            let target = Target { place: program::file(&data), data: data.clone() };
            generate(&target, licenses, 1, |_| {})?;
        }
        Ok(data)
    }

    /// Licenses in the large database of this run.
    pub(crate) fn large(&self) -> u64 {
        if self.quick { 20_000 } else { self.size }
    }

    /// Takes a finished line and shows it.
    pub(crate) fn found(&mut self, line: Line) {
        let verdict = if line.holds() { "holds" } else { "MISSED" };
        let ratio = line.ratios().median();
        eprintln!("{}: {} = {ratio:.3}, goal {}: {verdict}", line.id, line.work, line.goal);
        self.report.lines.push(line);
    }
}

/// How much of its floor a server reaches that does nothing but the work of the floor and to read the rows it decides
/// on, by the library of the database itself: what is to be had at most.
pub(crate) fn limit(floor: &Rounds, reads: &Rounds) -> String {
    let shares = floor.0.iter().zip(&reads.0).map(|(floor, reads)| floor / (floor + reads)).collect();
    short(Rounds(shares).median())
}

/// Bytes of a file with everything SQLite keeps beside it.
pub(crate) fn file_size(path: &Path) -> u64 {
    let of = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let wal = path.with_extension("db-wal");
    of(path) + of(&wal)
}
