//! Nothing but benches: `cargo bench -p benches`.
