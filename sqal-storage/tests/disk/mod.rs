//! [`SmallDisk`]: a file system of a few megabytes that a test can fill.
#![allow(dead_code, clippy::unwrap_used, reason = "each test takes what it needs, and fails by panicking")]

/// A file system of a few megabytes, removed with the test. It needs the right to mount one.
pub(crate) struct SmallDisk {
    pub(crate) path: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    pub(crate) fn new(megabytes: u32) -> Self {
        let folder = tempfile::Builder::new().prefix("sqal-disk-").tempdir().unwrap();
        let path = folder.path().to_owned();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=755"), "tmpfs"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(mounted.success(), "a small disk needs the right to mount: run the tests as root");
        Self { path, _folder: folder }
    }

    /// Fills the file system; returns the file to remove.
    pub(crate) fn fill(&self) -> std::path::PathBuf {
        let ballast = self.path.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
