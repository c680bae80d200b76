//! [`LogStore`]: a custom sample store, an append-only file of JSON lines with an index.
//!
//! It has a hundred lines, and its index is in memory. It is not suited for a production line,
//! because it reads its whole file at the start and keeps all of it in memory. It shows what an
//! adapter must satisfy: the laws of [`SampleStore`], which its tests run by one macro.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use async_trait::async_trait;
use sqal_core::{Sample, SampleId};
use sqal_storage::{
    Inserted, MemoryStore, SampleQuery, SampleStore, StorageError, StorageErrorKind,
    samples::{DeviceTally, Hourly, HourlyQuery, Page},
};
use tokio::sync::Mutex;

/// A store in a file of JSON lines.
#[derive(Debug)]
pub struct LogStore {
    log: Mutex<Log>,
    /// The memory store answers queries; the file keeps the samples.
    index: MemoryStore,
}

#[derive(Debug)]
struct Log {
    file: File,
    /// The most bytes of the file.
    most_bytes: u64,
}

fn error(kind: StorageErrorKind, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
    StorageError { source: Some(source.into()), ..StorageError::new("log", kind) }
}

impl LogStore {
    /// Opens or creates a file, and reads its samples. If a crash has cut the last line, that line
    /// is removed.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the file cannot be read or written, or a line cannot be parsed.
    pub async fn open(path: &Path) -> Result<Self, StorageError> {
        let unavailable = |source| error(StorageErrorKind::Unavailable, source);
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(unavailable)?;
        let (index, mut whole) = (MemoryStore::new(), 0);
        let mut lines = BufReader::new(&mut file);
        let mut line = String::new();
        while lines.read_line(&mut line).map_err(unavailable)? > 0 && line.ends_with('\n') {
            let corrupt = |source| error(StorageErrorKind::Corrupt(format!("at byte {whole}")), source);
            let batch: Vec<Sample> = serde_json::from_str(&line).map_err(corrupt)?;
            index.insert(&batch).await?;
            whole += line.len() as u64;
            line.clear();
        }
        file.set_len(whole).map_err(unavailable)?;
        Ok(Self { log: Mutex::new(Log { file, most_bytes: u64::MAX }), index })
    }

    /// Limits the file to a number of bytes; a batch that would make it longer is
    /// [`Full`](StorageErrorKind::Full).
    pub async fn limit_to(&self, most_bytes: u64) {
        self.log.lock().await.most_bytes = most_bytes;
    }
}

impl Log {
    /// Appends a line durably, or not at all.
    fn append(&mut self, line: &[u8]) -> Result<(), StorageError> {
        let before = self.file.metadata().map_err(|source| error(StorageErrorKind::Unavailable, source))?.len();
        if before.saturating_add(line.len() as u64) > self.most_bytes {
            return Err(StorageError::new("log", StorageErrorKind::Full));
        }
        self.file.write_all(line).and_then(|()| self.file.sync_data()).map_err(|source| {
            // A part of a line must not stay before the next line.
            let _ = self.file.set_len(before);
            error(StorageErrorKind::Full, source)
        })
    }
}

#[async_trait]
impl SampleStore for LogStore {
    async fn insert(&self, batch: &[Sample]) -> Result<Vec<Inserted>, StorageError> {
        // A batch is one line, so it is stored as a whole or not at all.
        let mut line = serde_json::to_vec(batch).map_err(|source| error(StorageErrorKind::Refused, source))?;
        line.push(b'\n');
        // The lock is held until the index contains the batch too. Therefore file and index agree
        // on which of two writers of one id was first.
        let mut log = self.log.lock().await;
        log.append(&line)?;
        self.index.insert(batch).await
    }

    async fn get(&self, id: &SampleId) -> Result<Option<Sample>, StorageError> {
        self.index.get(id).await
    }

    async fn query(&self, query: &SampleQuery) -> Result<Page, StorageError> {
        self.index.query(query).await
    }

    async fn hourly(&self, query: &HourlyQuery) -> Result<Vec<Hourly>, StorageError> {
        self.index.hourly(query).await
    }
    async fn by_device(&self, query: &HourlyQuery) -> Result<Vec<DeviceTally>, StorageError> {
        self.index.by_device(query).await
    }

    async fn ping(&self) -> Result<(), StorageError> {
        self.index.ping().await
    }
}
