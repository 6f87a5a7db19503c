//! The traits of a Linux computer, read without privileges where possible. Whatever cannot be read is absent.

use std::fs;
use std::path::{Path, PathBuf};

use crate::traits::{HostTrait, HostTraits, tidy};

/// This computer.
#[derive(Debug, Clone)]
pub struct LinuxHost {
    root: PathBuf,
}

impl Default for LinuxHost {
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl LinuxHost {
    /// A computer whose `/etc`, `/proc` and `/sys` are below `root`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn text(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn entries(&self, path: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root.join(path)).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Model, family and stepping; not the clock rate or the microcode, which change by themselves.
    fn cpu(&self) -> Option<String> {
        let info = self.text("proc/cpuinfo")?;
        let first = info.split("\n\n").next()?;
        let wanted =
            ["vendor_id", "cpu family", "model", "model name", "stepping", "CPU implementer", "CPU part"];
        let facts = first.lines().filter_map(|line| line.split_once(':'));
        let facts: Vec<&str> =
            facts.filter(|(key, _)| wanted.contains(&key.trim())).map(|(_, value)| value.trim()).collect();
        Some(facts.join(" "))
    }

    /// Serials of the fixed disks.
    fn disk_serials(&self) -> Option<String> {
        let serial = |disk: PathBuf| {
            ["device/serial", "serial", "device/wwid", "wwid"]
                .iter()
                .filter_map(|file| fs::read_to_string(disk.join(file)).ok())
                .map(|serial| serial.trim().to_owned())
                .find(|serial| !serial.is_empty())
        };
        join(self.fixed_disks().into_iter().filter_map(serial))
    }

    /// Sizes of the fixed disks.
    fn disk_layout(&self) -> Option<String> {
        let size =
            |disk: PathBuf| fs::read_to_string(disk.join("size")).ok().map(|size| size.trim().to_owned());
        join(self.fixed_disks().into_iter().filter_map(size))
    }

    fn fixed_disks(&self) -> Vec<PathBuf> {
        let fixed = |disk: &PathBuf| {
            let name = disk.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let removable = fs::read_to_string(disk.join("removable")).is_ok_and(|flag| flag.trim() == "1");
            let real = ["sd", "nvme", "vd", "xvd", "hd", "mmcblk"].iter().any(|kind| name.starts_with(kind));
            real && !removable
        };
        self.entries("sys/block").into_iter().filter(fixed).collect()
    }

    /// Addresses of physical network cards that their maker gave them.
    fn network_cards(&self) -> Option<String> {
        let address = |card: PathBuf| {
            if !card.join("device").exists() {
                return None;
            }
            let address = fs::read_to_string(card.join("address")).ok()?.trim().to_owned();
            let first = u8::from_str_radix(address.get(..2)?, 16).ok()?;
            // Bit 1 of the first byte: locally administered, so nobody's in particular.
            (first & 2 == 0 && address.chars().any(|c| !matches!(c, '0' | ':'))).then_some(address)
        };
        join(self.entries("sys/class/net").into_iter().filter_map(address))
    }

    /// The name under which the root file system is mounted by identity, when the boot loader says it.
    fn root_filesystem(&self) -> Option<String> {
        let command_line = self.text("proc/cmdline").unwrap_or_default();
        let by_boot = command_line
            .split_whitespace()
            .find(|word| word.starts_with("root=UUID=") || word.starts_with("root=PARTUUID="));
        if let Some(word) = by_boot {
            return Some(word.to_owned());
        }
        let created =
            fs::metadata(self.root.join("lost+found")).or_else(|_| fs::metadata(self.root.join("etc")));
        let created = created.and_then(|metadata| metadata.created()).ok()?;
        let created = created.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(format!("created {}.{}", created.as_secs(), created.subsec_nanos()))
    }

    /// Memory, to the nearest gigabyte.
    fn memory(&self) -> Option<String> {
        let info = self.text("proc/meminfo")?;
        let line = info.lines().find(|line| line.starts_with("MemTotal:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(format!("{} gb", (kib + (1 << 19)) >> 20))
    }
}

fn join(values: impl Iterator<Item = String>) -> Option<String> {
    let values: Vec<String> = values.collect();
    if values.is_empty() { None } else { Some(values.join(",")) }
}

impl HostTraits for LinuxHost {
    fn collect(&self) -> Vec<HostTrait> {
        let dmi = |file: &str| self.text(&format!("sys/class/dmi/id/{file}"));
        let board = match (dmi("board_vendor"), dmi("board_name")) {
            (Some(vendor), Some(name)) => Some(format!("{vendor} {name}")),
            (vendor, name) => vendor.or(name),
        };
        let raw = [
            ("machine_id", self.text("etc/machine-id")),
            ("product_uuid", dmi("product_uuid")),
            ("board_serial", dmi("board_serial")),
            ("board_name", board),
            ("firmware", dmi("bios_vendor")),
            ("cpu", self.cpu()),
            ("disk_serial", self.disk_serials()),
            ("disk_layout", self.disk_layout()),
            ("network_card", self.network_cards()),
            ("root_filesystem", self.root_filesystem()),
            ("memory", self.memory()),
        ];
        tidy(raw.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_has_enough_to_bind_to_and_says_the_same_twice() {
        let traits = LinuxHost::default().collect();
        assert!(traits.len() >= 2, "{traits:?}");
        assert_eq!(traits, LinuxHost::default().collect());
    }

    #[test]
    fn reads_what_a_computer_shows_and_skips_what_is_nobodys() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("etc/machine-id", "3d1219c7c4c5404aaa1f6d2a48adfda4\n");
        put("sys/class/dmi/id/product_uuid", "00000000-0000-0000-0000-000000000000\n");
        put("sys/class/dmi/id/board_serial", "To be filled by O.E.M.\n");
        put("sys/class/net/eth0/address", "02:fc:00:00:00:01\n");
        put("sys/class/net/eth0/device/x", "");
        put("sys/class/net/eth1/address", "a4:bb:6d:00:00:01\n");
        put("sys/class/net/eth1/device/x", "");
        put("sys/block/sda/device/serial", "S3Z9NB0K\n");
        put("sys/block/sdb/removable", "1\n");
        put("sys/block/sdb/device/serial", "STICK\n");
        let traits = LinuxHost::at(root.path()).collect();
        let value = |name: &str| traits.iter().find(|t| t.name == name).map(|t| t.value.as_str());
        assert_eq!(value("machine_id"), Some("3d1219c7c4c5404aaa1f6d2a48adfda4"));
        assert_eq!(value("product_uuid"), None);
        assert_eq!(value("board_serial"), None);
        assert_eq!(value("network_card"), Some("a4:bb:6d:00:00:01"));
        assert_eq!(value("disk_serial"), Some("s3z9nb0k"));
    }
}
