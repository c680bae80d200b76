//! The server's files are for its own user only, and the heads of its database are outside of it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use process::{Server, free_address, run};
use sqal_storage::{
    SqliteStore,
    evidence::Evidence,
    heads::{HeadSigner, Heads},
    sealed::KeyRing,
    sqlite::SqliteConfig,
};

const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The evidence from an examination of the database against its heads.
fn examine(data: &Path, heads: &Heads) -> Evidence {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(data.join("sqal.db"))).await.unwrap();
        let mut snapshot = store.snapshot().await.unwrap();
        let evidence = snapshot.examine(&heads.expected).await.unwrap();
        snapshot.close().await.unwrap();
        store.close().await;
        evidence
    })
}

#[test]
fn what_is_kept_is_for_one_user_and_stated_outside_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for (start, expected) in [(1, 20), (2, 40)] {
        let server = Server::start_with(&[("MASTER_ENCRYPTION_KEY", KEY)], &data, &free_address());
        let mut station = server.station(start);
        station.count = Some(20);
        assert_eq!(run(&station).persisted, 20);
        for name in ["sqal.db", "sqal.db-wal", "heads.ndjson", "in-use"] {
            assert_eq!(mode(&data.join(name)), 0o600, "{name}");
        }
        assert_eq!(mode(&data), 0o700);
        let (log, orderly) = server.terminate();
        assert!(orderly, "{log}");
        let public = HeadSigner::of(&KeyRing::from_texts(KEY, []).unwrap()).public();
        assert!(log.contains(&public.to_string()) && !log.contains(KEY), "{log}");
        let text = std::fs::read_to_string(data.join("heads.ndjson")).unwrap();
        let heads = Heads::read(&text, Some(&[public])).unwrap();
        assert!(heads.count >= start, "{text}");
        let counted: u64 = heads.expected.devices.values().map(|(counted, _)| counted).sum();
        assert_eq!(counted, expected, "the last head is made when everything is written");
        let evidence = examine(&data, &heads);
        assert_eq!((evidence.findings.first, evidence.contents.samples), (Vec::new(), expected));
    }
}
