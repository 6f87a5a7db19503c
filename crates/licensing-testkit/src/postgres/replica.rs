//! A primary with a synchronous standby, and what becomes of them when the primary dies.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::{Cluster, MISSING, User, checked, programs, run_as};

/// Nothing is acknowledged that the standby does not have.
const SYNCHRONOUS: &str = "synchronous_standby_names=*";

/// A copy of a running server, made to follow it.
fn follow(bin: &Path, user: Option<&User>, primary: &Cluster, data: &Path) -> io::Result<()> {
    let mut backup = run_as(user, &bin.join("pg_basebackup"));
    backup.arg("--host").arg(&primary.socket).args(["--port", &primary.port, "--username=postgres"]);
    backup.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--pgdata"]).arg(data);
    checked("pg_basebackup", &backup.current_dir("/").output()?)
}

/// A primary and its synchronous standby.
#[derive(Debug)]
pub struct Pair {
    /// The one that accepts writes.
    pub primary: Cluster,
    /// The one that has everything that was acknowledged.
    pub standby: Cluster,
}

impl Pair {
    /// Starts both.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start.
    pub fn start() -> io::Result<Self> {
        let primary = Cluster::start(&[SYNCHRONOUS])?;
        let standby = Cluster::start_on(&[SYNCHRONOUS], |bin, user, data| follow(bin, user, &primary, data))?;
        let pair = Self { primary, standby };
        pair.wait_until_synchronous()?;
        Ok(pair)
    }

    /// How a database is reached, whichever of the two is the primary.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let host = |cluster: &Cluster| {
            format!("{}:{}", cluster.socket.display().to_string().replace('/', "%2F"), cluster.port)
        };
        format!("postgres://postgres@{},{}/{database}", host(&self.primary), host(&self.standby))
    }

    /// The primary dies and the standby takes its place; then a new standby takes the place of the dead one, without
    /// anything of what that had.
    ///
    /// # Errors
    /// A server does not do what it should.
    pub fn fail_over(&mut self) -> io::Result<()> {
        self.primary.stop()?;
        self.promote()?;
        std::mem::swap(&mut self.primary, &mut self.standby);
        let bin = programs().ok_or_else(|| io::Error::other(MISSING))?;
        let data = self.standby.socket.join("data");
        std::fs::remove_dir_all(&data)?;
        follow(&bin, User::for_root()?.as_ref(), &self.primary, &data)?;
        self.standby.start_again()?;
        self.wait_until_synchronous()
    }

    /// Makes the standby a primary. No statement waits for it: replay may cancel one that does, and is held up by it
    /// before.
    fn promote(&self) -> io::Result<()> {
        for _ in 0..600 {
            if self.standby.sql("postgres", "SELECT pg_is_in_recovery()").is_ok_and(|answer| answer == "f") {
                return Ok(());
            }
            // Refused when it is one already, which the next round sees.
            let _ = self.standby.sql("postgres", "SELECT pg_promote(false)");
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(io::Error::other("the standby does not take over"))
    }

    /// Waits until the standby has everything.
    ///
    /// # Errors
    /// It does not get there.
    pub fn wait_until_synchronous(&self) -> io::Result<()> {
        let synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')";
        for _ in 0..600 {
            if self.primary.sql("postgres", synchronous)? == "1" {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(io::Error::other("the standby does not follow"))
    }
}
