//! Words with one meaning in the family: a type of a general name stands in a module that says
//! whose it is, and a word that the field has taken names no type.

use std::collections::BTreeMap;

/// Where a public type may bear a word as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// In a module, `breaker::State`, and not at the root of its crate.
    InModule,
    /// Nowhere: the word has another meaning, or names nothing.
    Nowhere,
}
use Stands::{InModule, Nowhere};

/// The words, what each means in the family, and where a type may have it as its name.
const WORDS: [(&str, &str, Stands); 23] = [
    ("Answer", "what was given back for a call or a check", InModule),
    ("Decision", "what follows from a verdict, or from asking a limit", InModule),
    ("Entry", "one version of a document in the register", InModule),
    ("Event", "something that a component reports as it happens", InModule),
    ("Kind", "which of several a value is", InModule),
    ("Page", "one part of a list that is read in parts", InModule),
    ("Span", "from when to when", InModule),
    ("State", "where a state machine stands", InModule),
    ("Frame", "one reading of a device, as it sends it", Nowhere),
    ("Line", "the production line", Nowhere),
    ("Begun", "a participle: name the thing", Nowhere),
    ("Counted", "a participle: name the thing", Nowhere),
    ("Judged", "a participle: name the thing", Nowhere),
    ("Kept", "a participle: name the thing", Nowhere),
    ("Known", "a participle: name the thing", Nowhere),
    ("Named", "a participle: name the thing", Nowhere),
    ("Raw", "an adjective: name the thing", Nowhere),
    ("Said", "a participle: name the thing", Nowhere),
    ("Shared", "a participle: name the thing", Nowhere),
    ("Standing", "a participle: name the thing", Nowhere),
    ("Taken", "a participle: name the thing", Nowhere),
    ("Which", "a question: name the thing", Nowhere),
    ("Whose", "a question: name the thing", Nowhere),
];

/// What is wrong with the public types of a crate, from its list of public names.
pub(crate) fn findings(name: &str, surface: &str) -> Vec<String> {
    let (mut found, mut homes) = (Vec::new(), BTreeMap::<&str, Vec<&str>>::new());
    let types = surface.lines().filter_map(|line| line.split_once(' '));
    for (_, path) in types.filter(|(kind, _)| matches!(*kind, "enum" | "struct" | "trait" | "type" | "union")) {
        let (module, word) = path.rsplit_once("::").unwrap_or(("", path));
        // A name at the root is that of the module which it comes from.
        if !module.is_empty() {
            homes.entry(word).or_default().push(path);
        }
        match WORDS.iter().find(|(taken, ..)| *taken == word) {
            Some((_, meaning, Nowhere)) => found.push(format!("{name}: no type is called {word} ({meaning})")),
            Some((_, meaning, InModule)) if module.is_empty() => {
                found.push(format!("{name}: {word} ({meaning}) stands in a module that says whose it is"));
            }
            _ => {}
        }
    }
    for (word, paths) in homes.iter().filter(|(_, paths)| paths.len() > 1) {
        found.push(format!("{name}: {word} is the name of several types: {}", paths.join(", ")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_words_stand_in_modules() {
        let of = |surface: &str| findings("sqal-x", surface);
        for (surface, part) in [
            ("enum State", "sqal-x: State (where a state machine stands) stands in a module"),
            ("struct pool::Line", "sqal-x: no type is called Line"),
            ("struct Known", "sqal-x: no type is called Known"),
            ("struct a::Config\ntrait b::Config", "sqal-x: Config is the name of several types: a::Config, b::Config"),
        ] {
            let found = of(surface);
            assert!(found.len() == 1 && found[0].starts_with(part), "{surface}: {found:?}");
        }
        for surface in [
            "enum breaker::State",
            "fn State",
            "struct LinePosition",
            "struct A\nfn b::A\nmacro A",
            "struct A\nstruct b::A",
        ] {
            assert_eq!(of(surface), Vec::<String>::new(), "{surface}");
        }
    }
}
