//! What a snapshot of a host makes of the files that it finds, on small trees of our own.

use super::*;
use std::path::PathBuf;

/// A small /proc of its own for a test; gone at the end.
struct Root(PathBuf);

impl Root {
    fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = format!("tributary-doctor-{}-{name}", std::process::id());
        let root = Self(std::env::temp_dir().join(folder));
        for (path, text) in files {
            let path = root.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn limits_are_read_soft_and_hard() {
    let root = Root::with(
        "limits",
        &[(
            "proc/self/limits",
            "Limit                     Soft Limit           Hard Limit           Units\n\
             Max open files            1024                 20000                files\n\
             Max locked memory         8388608              unlimited            bytes\n",
        )],
    );
    let host = Host::read(&root.0);
    assert_eq!(host.nofile, Some((1024, 20_000)));
    assert_eq!(host.memlock_bytes, Some((8_388_608, u64::MAX)));
}

#[test]
fn the_tightest_cgroup_on_the_way_up_counts_in_both_hierarchies() {
    let root = Root::with(
        "cgroup",
        &[
            ("proc/self/cgroup", "4:memory:/a/b\n0::/c/d\n"),
            (
                "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3000\n"),
            ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "70\n"),
            ("sys/fs/cgroup/c/d/memory.max", "max\n"),
            ("sys/fs/cgroup/c/memory.max", "5000\n"),
        ],
    );
    assert_eq!(Host::read(&root.0).cgroup_memory_bytes, Some((3000, 70)));
}

#[test]
fn what_cannot_be_read_is_none_and_the_namespace_shows_by_tcp_mem() {
    let root = Root::with(
        "bare",
        &[
            ("proc/sys/net/ipv4/tcp_ehash_entries", "-262144\n"),
            (
                "sys/kernel/mm/transparent_hugepage/enabled",
                "always [madvise] never\n",
            ),
            (
                "etc/systemd/system/tributary.service",
                "[Service]\n# LimitNOFILE=5\nLimitNOFILE=7\n",
            ),
        ],
    );
    let host = Host::read(&root.0);
    assert_eq!((host.nofile, host.somaxconn), (None, None));
    assert!(!host.first_netns);
    assert_eq!(host.ehash_entries, Some(262_144));
    assert_eq!(host.huge_pages.as_deref(), Some("madvise"));
    assert_eq!(host.unit_nofile.as_deref(), Some("7"));
}
