//! Tools of strangers that are too large for every test run: `go tool pprof` opens the profiles of
//! a working server.
//!
//! `cargo xtask test heavy` installs Go and runs it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;

use std::path::Path;
use std::process::Command;

use process::{Server, free_address, run};

/// What `go tool pprof` says about a profile.
fn pprof(options: &[&str], profile: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "how the test command tells tests where tools are")]
    let go = std::env::var("SQAL_TEST_GO").expect("run `cargo xtask test heavy`, which sets SQAL_TEST_GO");
    let told = Command::new(go)
        .args(["tool", "pprof", "-symbolize=none"])
        .args(options)
        .arg(profile)
        // Nothing of the user's own is read or written.
        .env("HOME", profile.parent().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success(), "{said}\n{}", String::from_utf8_lossy(&told.stderr));
    said
}

/// A profile of a server at an address for administrators, saved as a file.
fn saved(admin: &str, path: &str, file: &Path) {
    let mut response = ureq::get(format!("http://{admin}{path}")).call().unwrap();
    std::fs::write(file, response.body_mut().with_config().limit(100_000_000).read_to_vec().unwrap()).unwrap();
}

/// The numbers and the name on each line of the table of `-top`.
fn table(top: &str) -> Vec<(String, String)> {
    let lines = top.lines().skip_while(|line| !line.contains("flat%")).skip(1);
    let row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        (words[3].to_owned(), words[5..].join(" "))
    };
    lines.map(row).collect()
}

#[test]
fn go_tool_pprof_opens_the_cpu_profile_of_a_line_at_work() {
    let (data, admin) = (tempfile::tempdir().unwrap(), free_address());
    let variables = [("SQAL_ADMIN_LISTEN", admin.as_str()), ("SQAL_FRAMES_PER_MINUTE", "0")];
    let server = Server::start_with(&variables, data.path(), "127.0.0.1:0");
    let file = data.path().join("cpu.pb.gz");
    std::thread::scope(|scope| {
        scope.spawn(|| saved(&admin, "/debug/pprof/profile?seconds=5", &file));
        let mut station = server.station(1);
        station.count = Some(2_000);
        assert_eq!(run(&station).persisted, 2_000);
    });
    let top = pprof(&["-top", "-nodecount=40"], &file);
    assert!(top.contains("Type: cpu") && top.contains("Duration: 5"), "{top}");
    let rows = table(&top);
    assert!(rows.len() >= 10 && rows.iter().all(|(cumulative, _)| cumulative.ends_with('s')), "{top}");
    let all = pprof(&["-top", "-nodefraction=0", "-nodecount=100000"], &file);
    for function in ["tokio::runtime::", "sqal_", "sqlite3"] {
        assert!(table(&all).iter().any(|(_, name)| name.contains(function)), "{function}: {all}");
    }
    // Lines and threads are there too.
    assert!(pprof(&["-lines", "-top"], &file).contains(".rs:"));
    assert!(pprof(&["-tags"], &file).contains("thread"));
}

#[test]
fn go_tool_pprof_opens_the_heap_profile_of_a_server() {
    let (data, admin) = (tempfile::tempdir().unwrap(), free_address());
    let variables =
        [("SQAL_ADMIN_LISTEN", admin.as_str()), ("_RJEM_MALLOC_CONF", "prof:true,prof_active:true,lg_prof_sample:10")];
    let program = env!("CARGO_BIN_EXE_sqal-server-heap");
    let server = Server::start_program(program, &variables, data.path(), "127.0.0.1:0");
    let mut station = server.station(1);
    station.count = Some(50);
    assert_eq!(run(&station).persisted, 50);
    let file = data.path().join("heap.pb.gz");
    saved(&admin, "/debug/pprof/heap", &file);
    let top = pprof(&["-top", "-nodefraction=0", "-nodecount=100000"], &file);
    assert!(top.contains("Type: inuse_space"), "{top}");
    let rows = table(&top);
    assert!(rows.len() >= 10 && rows.iter().any(|(_, name)| name.contains("sqal_")), "{top}");
}
