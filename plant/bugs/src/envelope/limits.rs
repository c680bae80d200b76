//! [`IntakeLimits`]: what an intake of faults holds at most.

use crate::attachment::LARGEST_ATTACHMENT;

/// What the intake holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeLimits {
    /// Groups that wait to be written; the versions of the firmware of a group count apart.
    pub most_groups: usize,
    /// Devices of a group that waits.
    pub most_devices: usize,
    /// Files of a group: of those that wait, and of its bug while it is not ended.
    pub most_files: usize,
    /// The bytes of a file.
    pub largest_file: usize,
    /// The bytes of all files that wait. While they are written, this number of bytes can wait
    /// beside them.
    pub most_file_bytes: usize,
    /// New groups of a project in an hour. What comes beyond them and is in no bug yet is counted
    /// in one bug of the project.
    pub most_new_groups: usize,
    /// The bytes of files of a project that are attached in a day of UTC.
    pub most_daily_bytes: u64,
}

/// 1 000 groups of 1 000 devices and 5 files, [`LARGEST_ATTACHMENT`] a file and 64 MiB together; of
/// each project 60 new groups an hour and 200 MiB of files a day.
impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            most_groups: 1_000,
            most_devices: 1_000,
            most_files: 5,
            largest_file: LARGEST_ATTACHMENT,
            most_file_bytes: 64 << 20,
            most_new_groups: 60,
            most_daily_bytes: 200 << 20,
        }
    }
}
