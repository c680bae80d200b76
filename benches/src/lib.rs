//! Shared code of the benches: a peer in another language. Run them with `cargo bench -p benches`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A peer process that analyses on demand and reports its own time.
#[derive(Debug)]
pub struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a script of `benches/peers`, and sends it samples with our results. The peer must
    /// agree with all of them.
    ///
    /// # Panics
    ///
    /// If the interpreter does not exist, or the peer computes other results.
    #[must_use]
    pub fn start(script: &str, samples: &Value) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "which interpreter has the peer's libraries is the caller's affair"
        )]
        let python = std::env::var("PEER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = format!("{}/peers/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(python)
            .arg(script)
            .envs([("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a Python with NumPy and SciPy; PEER_PYTHON names it");
        let input = process.stdin.take().expect("piped");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let mut peer = Self { process, input, output };
        let wrong: Vec<String> =
            serde_json::from_str(&peer.ask(&samples.to_string())).expect("a list of disagreements");
        assert!(wrong.is_empty(), "the peer does not compute the same:\n{}", wrong.join("\n"));
        peer
    }

    /// The nanoseconds that a task took, as the peer reports them.
    ///
    /// # Panics
    ///
    /// If the peer does not answer with a number.
    pub fn nanoseconds(&mut self, task: &str) -> u64 {
        self.ask(task).trim().parse().expect("nanoseconds")
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("the peer listens");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("the peer answers");
        answer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // If the kill fails, the peer ends by itself, because its input is closed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
