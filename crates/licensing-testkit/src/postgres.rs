//! A PostgreSQL server for tests: in a temporary folder, reached through a socket in it, run by a user without
//! rights, and gone when whoever started it ends, however that happens.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Names the socket folder of a server that was started for a whole run of tests.
pub const VARIABLE: &str = "LICENSING_TEST_POSTGRES";

/// Which database stories run on: `postgres`, or SQLite when it is absent.
pub const DATABASE_VARIABLE: &str = "LICENSING_TEST_DATABASE";

/// A database for a story, where this run of tests is about PostgreSQL.
///
/// # Panics
/// PostgreSQL is wanted and not installed or does not start.
#[must_use]
pub fn database_of_this_run() -> Option<Database> {
    #[expect(clippy::disallowed_methods, reason = "how a run of tests tells its programs")]
    let wanted = std::env::var_os(DATABASE_VARIABLE).is_some_and(|database| database == "postgres");
    wanted.then(|| Cluster::shared().database())
}

/// What to do where the programs are missing.
pub const MISSING: &str =
    "PostgreSQL is not installed; install it (Debian: apt-get install postgresql) and run the tests again";

/// Settings of every server here. Nothing survives the machine, and nothing has to.
const SETTINGS: [&str; 8] = [
    "listen_addresses=",
    "max_connections=300",
    "fsync=off",
    "shared_buffers=64MB",
    "autovacuum_naptime=10s",
    "log_min_messages=warning",
    "max_prepared_transactions=0",
    "unix_socket_permissions=0777",
];

/// Runs the server until standard input ends, which it does when the process that started it is gone. Lines of it
/// stop the server, as a power cut of its machine would, and start it again.
///
/// A limit on the size of its files makes it believe that the disk is full.
const GUARD: &str = r#"trap '' INT TERM HUP
bin=$1 folder=$2; shift 2
start() { "$bin/postgres" -D "$folder/data" -k "$folder" "$@" </dev/null >>"$folder/log" 2>&1 & server=$!; }
stop() { kill -QUIT $server; wait $server; }
start "$@"
while read -r order; do
    case $order in
        stop) stop ;;
        start) start "$@" ;;
        full*) ulimit -S -f "${order#full }" ;;
    esac
done
stop 2>/dev/null
rm -rf "$folder""#;

mod replica;

pub use replica::Pair;

/// Where the programs `postgres`, `initdb` and `psql` are.
#[must_use]
pub fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = ["/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt/postgresql"]
        .iter()
        .flat_map(|folder| {
            let versions = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
            versions.map(|version| version.path().join("bin")).chain([Path::new(folder).join("bin")])
        })
        .filter(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .collect();
    found.sort();
    found.pop()
}

/// A user a server can be run as: PostgreSQL refuses to be run by root.
struct User {
    name: &'static str,
    uid: u32,
    gid: u32,
}

fn id(option: &str, name: &str) -> Option<u32> {
    let output =
        Command::new("id").args([option, name]).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

impl User {
    /// Somebody without rights, where this process is root.
    fn for_root() -> io::Result<Option<Self>> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(None);
        }
        let of = |name| Some(Self { name, uid: id("-u", name)?, gid: id("-g", name)? });
        let user = of("postgres").or_else(|| of("nobody"));
        user.map(Some)
            .ok_or_else(|| io::Error::other("there is no user postgres or nobody to run a server as"))
    }
}

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    socket: PathBuf,
    port: String,
    /// The guard of a server of this process, with the pipe that keeps it running.
    guard: Option<(Child, Option<Mutex<ChildStdin>>)>,
}

impl Cluster {
    /// Starts a server with further settings (`name=value`).
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start; the message says what to do.
    pub fn start(settings: &[&str]) -> io::Result<Self> {
        Self::start_after(settings, |_| Ok(()))
    }

    /// Starts a server that speaks TLS on a port of this computer, with copies of these files.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_with_tls(port: u16, certificate: &Path, key: &Path) -> io::Result<Self> {
        let user = User::for_root()?;
        let settings = ["listen_addresses=localhost", &format!("port={port}"), "ssl=on"];
        Self::start_after(&settings, |data| {
            for (from, name) in [(certificate, "server.crt"), (key, "server.key")] {
                let to = data.join(name);
                fs::copy(from, &to)?;
                fs::set_permissions(&to, fs::Permissions::from_mode(0o600))?;
                if let Some(user) = &user {
                    chown(&to, Some(user.uid), Some(user.gid))?;
                }
            }
            Ok(())
        })
    }

    fn start_after(settings: &[&str], prepare: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<Self> {
        Self::start_on(settings, |bin, user, data| {
            let mut initdb = run_as(user, &bin.join("initdb"));
            initdb.args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "-D",
            ]);
            checked("initdb", &initdb.arg(data).current_dir("/").output()?)?;
            prepare(data)
        })
    }

    /// Starts a server on what `make` puts into a folder.
    fn start_on(
        settings: &[&str],
        make: impl FnOnce(&Path, Option<&User>, &Path) -> io::Result<()>,
    ) -> io::Result<Self> {
        let bin = programs().ok_or_else(|| io::Error::other(MISSING))?;
        let user = User::for_root()?;
        let folder = new_folder()?;
        if let Some(user) = &user {
            chown(&folder, Some(user.uid), Some(user.gid))?;
        }
        let data = folder.join("data");
        make(&bin, user.as_ref(), &data)?;
        let mut guard = run_as(user.as_ref(), Path::new("sh"));
        guard.args(["-c", GUARD, "sh"]).arg(&bin).arg(&folder);
        for setting in SETTINGS.iter().chain(settings) {
            guard.args(["-c", setting]);
        }
        let mut guard = guard.current_dir("/").stdin(Stdio::piped()).spawn()?;
        let orders = guard.stdin.take().map(Mutex::new);
        let port = settings.iter().find_map(|setting| setting.strip_prefix("port="));
        let port = port.unwrap_or("5432").to_owned();
        let cluster = Self { socket: folder, port, guard: Some((guard, orders)) };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    fn order(&self, order: &str) -> io::Result<()> {
        let orders = self.guard.as_ref().and_then(|(_, orders)| orders.as_ref());
        let mut orders = orders
            .ok_or_else(|| io::Error::other("not a server of this process"))?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        orders.write_all(order.as_bytes())
    }

    /// Ends the server at once, without letting anybody finish; its data stay.
    ///
    /// # Errors
    /// It is not a server of this process.
    pub fn stop(&self) -> io::Result<()> {
        self.order("stop\n")?;
        while self.socket.join("data/postmaster.pid").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Makes the server believe that the disk is full: from its next start on no file of it may grow beyond so many
    /// KiB, or whatever it is with `None`.
    ///
    /// # Errors
    /// It is not a server of this process.
    pub fn limit_files(&self, kib: Option<u32>) -> io::Result<()> {
        let limit = kib.map_or("unlimited".to_owned(), |kib| (kib * 2).to_string());
        self.order(&format!("full {limit}\n"))
    }

    /// Starts a server again that was stopped.
    ///
    /// # Errors
    /// It is not a server of this process, or does not start.
    pub fn start_again(&self) -> io::Result<()> {
        self.order("start\n")?;
        self.wait_until_ready()
    }

    /// The server of this run of tests, or one of this process where there is none.
    ///
    /// # Panics
    /// PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            #[expect(clippy::disallowed_methods, reason = "how a run of tests tells its programs")]
            match std::env::var_os(VARIABLE) {
                Some(socket) => Self { socket: PathBuf::from(socket), port: "5432".to_owned(), guard: None },
                None => Self::start(&[]).unwrap_or_else(|error| unreachable!("{error}")),
            }
        })
    }

    /// The folder with the socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How a database of this server is reached.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let host = self.socket.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{host}:{}/{database}", self.port)
    }

    /// Runs SQL in a database and gives what it answers, unaligned.
    ///
    /// # Errors
    /// The server says no.
    pub fn sql(&self, database: &str, sql: &str) -> io::Result<String> {
        let output = self.psql(database)?.args(["--command", sql]).output()?;
        checked("psql", &output)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn psql(&self, database: &str) -> io::Result<Command> {
        let bin = programs().ok_or_else(|| io::Error::other(MISSING))?;
        let mut psql = Command::new(bin.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .args(["--username=postgres", "--dbname", database, "--port", &self.port, "--host"])
            .arg(&self.socket);
        Ok(psql)
    }

    /// A new, empty database, dropped with the value.
    ///
    /// # Panics
    /// The server does not make one.
    #[must_use]
    pub fn database(&'static self) -> Database {
        self.database_from("")
    }

    fn database_from(&'static self, how: &str) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        for _ in 0..1_000 {
            let name = format!("t_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
            match self.sql("postgres", &format!("CREATE DATABASE {name}{how}")) {
                Ok(_) => return Database { cluster: self, name },
                // Left by a process that had this number before.
                Err(error) if error.to_string().contains("already exists") => {}
                Err(error) => unreachable!("{error}"),
            }
        }
        unreachable!("a thousand databases of this name")
    }

    fn wait_until_ready(&self) -> io::Result<()> {
        for _ in 0..600 {
            if self.sql("postgres", "SELECT 1").is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.socket.join("log")).unwrap_or_default();
        Err(io::Error::other(format!("PostgreSQL does not start: {log}")))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some((guard, orders)) = &mut self.guard {
            drop(orders.take());
            let _ = guard.wait();
        }
    }
}

/// A database of its own for one test.
#[derive(Debug)]
pub struct Database {
    cluster: &'static Cluster,
    name: String,
}

impl Database {
    /// How it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// Runs SQL in it and gives what it answers, unaligned.
    ///
    /// # Errors
    /// The server says no.
    pub fn sql(&self, sql: &str) -> io::Result<String> {
        self.cluster.sql(&self.name, sql)
    }

    /// Another database with everything that is in this one, which nobody may use meanwhile.
    ///
    /// # Panics
    /// The server does not make one.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.disconnect().unwrap_or_else(|error| unreachable!("{error}"));
        self.cluster.database_from(&format!(" TEMPLATE {}", self.name))
    }

    /// Ends every connection to it.
    ///
    /// # Errors
    /// The server says no.
    pub fn disconnect(&self) -> io::Result<()> {
        let others = format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        );
        self.cluster.sql("postgres", &others).map(drop)
    }

    /// Writes everything in it to a file, as operators do, while it may be in use.
    ///
    /// # Errors
    /// `pg_dump` says no.
    pub fn dump(&self, file: &Path) -> io::Result<()> {
        let bin = programs().ok_or_else(|| io::Error::other(MISSING))?;
        let mut dump = Command::new(bin.join("pg_dump"));
        dump.args(["--username=postgres", "--port", &self.cluster.port, "--host"]).arg(&self.cluster.socket);
        checked("pg_dump", &dump.arg("--file").arg(file).arg(&self.name).output()?)
    }

    /// Replaces everything in it with what is in such a file, as operators do.
    ///
    /// # Errors
    /// `psql` says no.
    pub fn restore(&self, file: &Path) -> io::Result<()> {
        self.cluster.sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name))?;
        self.cluster.sql("postgres", &format!("CREATE DATABASE {}", self.name))?;
        let output = self.cluster.psql(&self.name)?.arg("--file").arg(file).output()?;
        checked("psql", &output)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // One that cannot be dropped goes with its server.
        let _ = self.cluster.sql("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// A port of this computer nobody listens on.
///
/// # Errors
/// There is none.
pub fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A folder others may look into, for the socket; the data below it is the server's alone.
fn new_folder() -> io::Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    loop {
        let name = format!("licensing-pg-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        let folder = std::env::temp_dir().join(name);
        match fs::create_dir(&folder) {
            Ok(()) => {
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
                return Ok(folder);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

fn run_as(user: Option<&User>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={}", user.name), format!("--regid={}", user.gid)]);
    command.arg("--clear-groups").arg(program);
    command
}

fn checked(what: &str, output: &Output) -> io::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{what}: {}: {}", output.status, told.trim())))
}
