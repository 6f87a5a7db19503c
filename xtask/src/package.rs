//! `cargo xtask package`: Debian packages of the programs, with the tools every Debian has.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::shell::{self, capture, cargo, root};

/// Most that `systemd-analyze security` may find, in tenths of 10: what is left is the network and a user of its own.
const EXPOSURE_MAX: u32 = 15;

/// A package: its programs, its unit with the user it runs as, and what it is.
struct Package {
    name: &'static str,
    programs: &'static [&'static str],
    unit: Option<&'static str>,
    summary: &'static str,
    pages: &'static [&'static str],
}

const PACKAGES: [Package; 3] = [
    Package {
        name: "license-central",
        programs: &["central-server"],
        unit: Some("central-server"),
        summary: "central server: creates licenses from orders and issues them to containers",
        pages: &["configuration.md", "operations.md", "editions.md", "events.md", "api.md", "moving.md"],
    },
    Package {
        name: "license-depot",
        programs: &["depot"],
        unit: Some("depot"),
        summary: "depot: the customers' license portal",
        pages: &["configuration.md", "depot.md"],
    },
    Package {
        name: "license-tools",
        programs: &["cmtool", "license-runtime"],
        unit: None,
        summary: "licenses on this computer: command line and license runtime",
        pages: &["runtime.md", "agent.md"],
    },
];

/// Builds the programs as they ship, and the packages.
pub(crate) fn run() -> Result<()> {
    shell::run(cargo().args(["build", "--release", "--locked", "--workspace", "--bins"]))?;
    for package in &PACKAGES {
        let file = build(package, &root().join("target/release"), &root().join("target/package"))?;
        look_at(&file)?;
        println!("{}", file.display());
    }
    Ok(())
}

/// Packages programs that are built, looks at what came of it, and runs them from where they were unpacked. Says what
/// could not be done here.
pub(crate) fn check(programs: &Path) -> Result<Option<String>> {
    if capture(Command::new("dpkg-deb").arg("--version")).is_err() {
        return Ok(Some("Debian packages: there is no dpkg-deb".to_owned()));
    }
    let target = root().join("target/package/check");
    for package in &PACKAGES {
        look_at(&build(package, programs, &target)?)?;
    }
    let there = capture(Command::new("systemd-analyze").arg("--version")).is_ok();
    Ok((!there).then(|| "what systemd says about the units: there is no systemd-analyze".to_owned()))
}

/// What systemd itself says about a unit, in the tree it was unpacked into: nothing to complain of, and little that it may
/// do which it need not.
fn ask_systemd(tree: &Path, unit: &str) -> Result<()> {
    if capture(Command::new("systemd-analyze").arg("--version")).is_err() {
        return Ok(());
    }
    // Of the units it refers to, those that come with systemd; an empty one says as much as the real one.
    let units = tree.join("usr/lib/systemd/system");
    for other in
        ["network-online.target", "multi-user.target", "sysinit.target", "basic.target", "shutdown.target"]
    {
        fs::write(units.join(other), "[Unit]\n")?;
    }
    let service = units.join(format!("{unit}.service"));
    let root = format!("--root={}", tree.display());
    let verify = Command::new("systemd-analyze")
        .args(["verify", "--man=no", &root])
        .arg(format!("{unit}.service"))
        .output()?;
    let said = String::from_utf8_lossy(&verify.stderr).into_owned();
    ensure!(verify.status.success() && !said.contains(unit), "systemd-analyze verify {unit}: {said}");
    let words = ["security", "--offline=true", &format!("--threshold={EXPOSURE_MAX}")];
    capture(Command::new("systemd-analyze").args(words).arg(&service))
        .map(drop)
        .with_context(|| format!("{unit} may do more than {EXPOSURE_MAX} tenths of what there is"))
}

/// What it says and holds; and that its programs run.
fn look_at(file: &Path) -> Result<()> {
    let info = capture(Command::new("dpkg-deb").arg("--info").arg(file))?;
    let content = capture(Command::new("dpkg-deb").arg("--contents").arg(file))?;
    let package = PACKAGES.iter().find(|package| info.contains(&format!("Package: {}\n", package.name)));
    let package = package.with_context(|| format!("{} names no package of ours", file.display()))?;
    for line in content.lines() {
        ensure!(line.contains(" root/root "), "not owned by root: {line}");
    }
    let unpacked = file.with_extension("unpacked");
    empty(&unpacked)?;
    shell::run(Command::new("dpkg-deb").arg("--extract").arg(file).arg(&unpacked))?;
    for program in package.programs {
        let said = capture(Command::new(unpacked.join("usr/bin").join(program)).arg("--help"))?;
        ensure!(said.contains("Usage"), "{program} says {said}");
    }
    if let Some(unit) = package.unit {
        let unit = unpacked.join(format!("usr/lib/systemd/system/{unit}.service"));
        let text = fs::read_to_string(&unit)?;
        let started = text.lines().find_map(|line| line.strip_prefix("ExecStart=/")).context("no program")?;
        let program = started.split(' ').next().unwrap_or_default();
        ensure!(unpacked.join(program).exists(), "the unit starts {program}, which is not there");
        ask_systemd(&unpacked, package.unit.unwrap_or_default())?;
    }
    if package.name == "license-central" {
        let (server, data) =
            (unpacked.join("usr/bin/central-server"), unpacked.join("var/lib/central-server"));
        fs::create_dir_all(data.parent().context("a folder")?)?;
        let mut init = Command::new(&server);
        init.args(["init", "--firm-code", "6000010", "--data"]).arg(&data).env_remove("CENTRAL_DATABASE");
        capture(&mut init)?;
        capture(Command::new(&server).args(["config", "check"]).arg(data.join("central.toml")))?;
    }
    fs::remove_dir_all(&unpacked).with_context(|| format!("cannot remove {}", unpacked.display()))
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Makes a package of programs in a folder.
fn build(package: &Package, programs: &Path, target: &Path) -> Result<PathBuf> {
    let version = env!("CARGO_PKG_VERSION");
    let architecture = capture(Command::new("dpkg").arg("--print-architecture"))?.trim().to_owned();
    let tree = target.join(package.name);
    empty(&tree)?;
    let put = |from: &Path, to: &str, mode: u32| -> Result<()> {
        let to = tree.join(to);
        fs::create_dir_all(to.parent().context("a folder")?)?;
        fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        Ok(fs::set_permissions(&to, fs::Permissions::from_mode(mode))?)
    };
    for program in package.programs {
        put(&programs.join(program), &format!("usr/bin/{program}"), 0o755)?;
    }
    let documents = format!("usr/share/doc/{}", package.name);
    for page in package.pages {
        put(&root().join("docs").join(page), &format!("{documents}/{page}"), 0o644)?;
    }
    put(&root().join("LICENSE"), &format!("{documents}/copyright"), 0o644)?;
    let packaging = root().join("packaging");
    if let Some(unit) = package.unit {
        let service = format!("{unit}.service");
        put(&packaging.join("systemd").join(&service), &format!("usr/lib/systemd/system/{service}"), 0o644)?;
        let user = format!("{unit}.conf");
        put(&packaging.join("sysusers").join(&user), &format!("usr/lib/sysusers.d/{user}"), 0o644)?;
    }
    if package.name == "license-central" {
        let rules = format!("{documents}/alerts.yml");
        put(&packaging.join("prometheus/alerts.yml"), &rules, 0o644)?;
    }
    let control = format!(
        "Package: {}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Maintainers <root@localhost>\n\
         Section: admin\nPriority: optional\nDepends: libc6, libgcc-s1, ca-certificates\nDescription: {}\n",
        package.name, package.summary
    );
    fs::create_dir_all(tree.join("DEBIAN"))?;
    fs::write(tree.join("DEBIAN/control"), control)?;
    if package.unit.is_some() {
        // The user is made; to start is for whoever has made keys and settings.
        let script = "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n\
            command -v systemd-sysusers >/dev/null && systemd-sysusers\n\
            [ -d /run/systemd/system ] && systemctl daemon-reload\nfi\nexit 0\n";
        let file = tree.join("DEBIAN/postinst");
        fs::write(&file, script)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    let file = target.join(format!("{}_{version}_{architecture}.deb", package.name));
    let words = ["--root-owner-group", "-Zgzip", "-z1", "--build"];
    capture(Command::new("dpkg-deb").args(words).arg(&tree).arg(&file))?;
    fs::remove_dir_all(&tree)?;
    Ok(file)
}
