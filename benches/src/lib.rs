//! What the benches share: a peer in another language. Run them with `cargo bench -p benches`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// The peer as a process that analyses on demand and says how long it took.
#[derive(Debug)]
pub struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a script of `benches/peers` and gives it samples with our results; it must agree with all of them.
    ///
    /// # Panics
    ///
    /// If there is no such interpreter, or the peer does not compute the same.
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

    /// How many nanoseconds the peer says that a task took.
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
        // It ends by itself when nobody asks any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
