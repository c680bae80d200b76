//! [`own_folder`]: a folder for the files of one test, named after the test and emptied when the
//! test runs again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The empty folder of the running test, under the folder that Cargo keeps for tests.
///
/// Its name is that of the test binary and of the test, which is the name of the test's thread, so
/// no two tests have one folder. Its files stay after the test, so that they can be examined if the
/// test fails.
pub(crate) fn own_folder() -> PathBuf {
    let thread = std::thread::current();
    let test = thread.name().unwrap().replace("::", "/");
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME")).join(test);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        removed => removed.unwrap(),
    }
    fs::create_dir_all(&path).unwrap();
    path
}
