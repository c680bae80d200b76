//! The pages under `docs/runbook/`: what they say of themselves, and their commands.

use std::fs;
use std::path::Path;

/// A page of the runbook.
pub(crate) struct Page {
    /// The name of its file without `.md`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Commands of a page, with the state of the server that they are for.
pub(crate) struct Block {
    /// The file and the line.
    pub(crate) place: String,
    /// The name behind `server=`.
    pub(crate) state: String,
    /// The code with which the commands end.
    pub(crate) exit: i32,
    pub(crate) commands: String,
    /// Lines of the output in their order, in which `…` stands for any text.
    pub(crate) shown: Vec<String>,
}

/// All pages, by name.
pub(crate) fn pages() -> Vec<Page> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbook");
    let mut pages: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| Page {
            name: path.file_name().unwrap().to_str().unwrap().strip_suffix(".md").unwrap().to_owned(),
            text: fs::read_to_string(&path).unwrap(),
        })
        .collect();
    pages.sort_by(|a, b| a.name.cmp(&b.name));
    pages
}

/// The page of this name.
pub(crate) fn page(name: &str) -> Page {
    pages().into_iter().find(|page| page.name == name).unwrap_or_else(|| panic!("docs/runbook/{name}.md is not there"))
}

/// The blocks of all pages.
pub(crate) fn blocks() -> Vec<Block> {
    pages().iter().flat_map(Page::blocks).collect()
}

impl Page {
    /// The lines that stand in no block of code.
    pub(crate) fn prose(&self) -> Vec<&str> {
        let (mut prose, mut in_code) = (Vec::new(), false);
        for line in self.text.lines() {
            if line.starts_with("```") {
                in_code = !in_code;
            } else if !in_code {
                prose.push(line);
            }
        }
        prose
    }

    /// The headings of a level, without their `#`.
    pub(crate) fn headings(&self, level: usize) -> Vec<&str> {
        let mark = format!("{} ", "#".repeat(level));
        self.prose().into_iter().filter_map(|line| line.strip_prefix(mark.as_str())).collect()
    }

    /// The title in French.
    pub(crate) fn french(&self) -> Option<&str> {
        self.prose().into_iter().find_map(|line| line.strip_prefix("En français : **")?.strip_suffix("**"))
    }

    /// The severity that the page states, up to the end of its sentence.
    pub(crate) fn severity(&self) -> Option<&str> {
        let said = self.prose().into_iter().find_map(|line| line.strip_prefix("**Severity:** "))?;
        Some(said.split_once('.')?.0)
    }

    /// The text between a heading and the next heading, of any level.
    pub(crate) fn section(&self, heading: &str) -> Option<String> {
        let mut lines = self.prose().into_iter().skip_while(|line| *line != heading);
        lines.next()?;
        Some(lines.take_while(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n"))
    }

    /// The commands of the page, in their order. A block of `text` right behind commands is what
    /// they print.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let (mut blocks, mut prints) = (Vec::<Block>::new(), false);
        let mut lines = (1..).zip(self.text.lines());
        while let Some((number, line)) = lines.next() {
            let Some(info) = line.strip_prefix("```") else {
                prints = prints && line.is_empty();
                continue;
            };
            let inside: Vec<_> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let is_commands = info.split(' ').next() == Some("sh");
            if is_commands {
                blocks.push(Block::read(&format!("{}.md:{number}", self.name), info, &inside));
            } else if let Some(block) = blocks.last_mut().filter(|_| prints && info == "text") {
                block.shown = inside.iter().map(|line| line.trim().to_owned()).collect();
            }
            prints = is_commands;
        }
        blocks
    }
}

impl Block {
    /// Reads a block by the words behind its fence.
    fn read(place: &str, info: &str, inside: &[&str]) -> Self {
        let (mut state, mut exit) = (None, 0);
        for word in info.split(' ').skip(1) {
            match word.split_once('=') {
                Some(("server", name)) => state = Some(name.to_owned()),
                Some(("exit", code)) => exit = code.parse().unwrap(),
                _ => panic!("{place}: {word:?}: expected server= or exit="),
            }
        }
        let state = state.unwrap_or_else(|| panic!("{place}: commands without a state of the server"));
        let commands = inside.join("\n");
        assert!(!commands.is_empty(), "{place}: no commands");
        Self { place: place.to_owned(), state, exit, commands, shown: Vec::new() }
    }
}
