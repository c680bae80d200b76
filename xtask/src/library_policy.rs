//! Libraries decide no policy: they do not read the environment and name no setting of a program,
//! and the store names no field of HTTP.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, ItemUse, Path, UseTree};

use crate::source::{Literal, Source, is_test};

/// Header fields of HTTP that the interface uses, in lower case; those that begin with `x-` are
/// known by that.
const FIELDS: [&str; 14] = [
    "accept-language",
    "cache-control",
    "content-encoding",
    "content-type",
    "etag",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "retry-after",
    "server-timing",
    "set-cookie",
    "user-agent",
    "www-authenticate",
];

/// The store of objects is itself a client of HTTP, and S3 has fields of its own.
const OBJECTS: (&str, &str) = ("sqal-storage/src/objects/", "x-amz-");

/// What is wrong with the libraries; the settings are those that the programs under `examples/`
/// name.
pub(crate) fn findings(sources: &[Source]) -> Vec<String> {
    let programs = sources.iter().filter(|source| source.shown.starts_with("examples/"));
    let settings: BTreeSet<_> =
        programs.flat_map(Source::literals).map(|literal| literal.text).filter(|text| is_setting(text)).collect();
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_library()) {
        let mut environment = Environment(BTreeSet::new());
        environment.visit_file(&source.syntax);
        found.extend(environment.0.iter().map(|line| {
            format!("{}:{line}: a library does not read the environment: take the value as an argument", source.shown)
        }));
        for Literal { line, text } in source.literals() {
            if let Some(name) = words(&text, '_').find(|word| settings.contains(*word)) {
                found.push(format!("{}:{line}: a library names no setting of a program: {name}", source.shown));
            }
            if source.shown.starts_with("sqal-storage/")
                && let Some(name) = words(&text, '-').find(|word| is_field(word, &source.shown))
            {
                found.push(format!("{}:{line}: the store names no header field of HTTP: {name}", source.shown));
            }
        }
    }
    found
}

/// Whether a text is the name of a setting: `SQAL_ADDRESS`. Cargo's own variables are none.
fn is_setting(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_uppercase());
    text.contains('_') && text.split('_').all(is_part) && !text.starts_with("CARGO_")
}

fn is_field(word: &str, shown: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let is_of_objects = shown.starts_with(OBJECTS.0) && word.starts_with(OBJECTS.1);
    !is_of_objects && (FIELDS.contains(&&*word) || (word.starts_with("x-") && word.len() > 3))
}

/// The words of a text, in which `inner` may stand.
fn words(text: &str, inner: char) -> impl Iterator<Item = &str> {
    text.split(move |letter: char| !letter.is_ascii_alphanumeric() && letter != inner)
}

/// The lines on which a file names `std::env`.
struct Environment(BTreeSet<usize>);

impl Environment {
    fn tokens(&mut self, tokens: &TokenStream) {
        let mut last = [const { String::new() }; 3];
        for tree in tokens.clone() {
            if let TokenTree::Group(group) = &tree {
                self.tokens(&group.stream());
            }
            let word = tree.to_string();
            if word == "env" && last == ["std", ":", ":"] {
                self.0.insert(tree.span().start().line);
            }
            last.rotate_left(1);
            last[2] = word;
        }
    }
}

impl<'ast> Visit<'ast> for Environment {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let mut names = path.segments.iter().map(|segment| &segment.ident);
        if names.next().is_some_and(|name| name == "std")
            && let Some(name) = names.next().filter(|name| *name == "env")
        {
            self.0.insert(name.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if imports_environment(&item.tree, false) {
            self.0.insert(item.use_token.span.start().line);
        }
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.tokens(tokens);
    }
}

/// Whether a tree of imports names `env` of `std`; `in_std` is whether the tree stands in `std`.
fn imports_environment(tree: &UseTree, in_std: bool) -> bool {
    match tree {
        UseTree::Path(path) if in_std => path.ident == "env",
        UseTree::Path(path) => path.ident == "std" && imports_environment(&path.tree, true),
        UseTree::Name(name) => in_std && name.ident == "env",
        UseTree::Rename(name) => in_std && name.ident == "env",
        UseTree::Group(group) => group.items.iter().any(|tree| imports_environment(tree, in_std)),
        UseTree::Glob(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<String> {
        let program = "const A: [&str; 3] = [\"SQAL_ADDRESS\", \"ESP32_001\", \"_\"];";
        let parse = |path: &str, text| Source::parse(path.to_owned(), text).unwrap();
        findings(&[parse("examples/reference-server/src/settings.rs", program), parse(path, text)])
    }

    #[test]
    fn the_environment_is_found_however_it_is_named() {
        for text in [
            "fn f() { std::env::var_os(\"A\"); }",
            "use std::env;",
            "use std::{fmt, env as e};",
            "use std::env::var_os;",
            "fn f() { assert!(std::env::args().next().is_some()); }",
        ] {
            assert_eq!(of("plant/client/src/x.rs", text).len(), 1, "{text}");
        }
        let sound = "use std::fmt;\nuse crate::env;\nconst A: &str = env!(\"CARGO_PKG_NAME\");\n#[cfg(test)] mod tests { use std::env; }";
        assert_eq!(of("sqal-core/src/x.rs", sound), Vec::<String>::new());
        assert_eq!(of("xtask/src/x.rs", "use std::env;"), Vec::<String>::new());
    }

    #[test]
    fn a_setting_of_a_program_is_found_in_a_text() {
        let found = of("sqal-http/src/x.rs", "fn f() { warn!(\"set SQAL_ADDRESS to another\"); }");
        assert_eq!(found, ["sqal-http/src/x.rs:1: a library names no setting of a program: SQAL_ADDRESS"]);
        for text in
            ["const A: &str = \"ESP32_001\";", "const A: &str = \"SQAL_ADDRESSES\";", "/// SQAL_ADDRESS\nfn f() {}"]
        {
            assert_eq!(of("sqal-http/src/x.rs", text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_header_field_is_found_in_the_store_alone() {
        for text in ["\"X-DB-Query-Count\"", "\"give it as If-Match\"", "\"x-amz-copy-source\""] {
            let text = format!("const A: &str = {text};");
            assert!(of("sqal-storage/src/queries.rs", &text)[0].contains("names no header field"), "{text}");
            assert_eq!(of("sqal-http/src/x.rs", &text), Vec::<String>::new(), "{text}");
        }
        let of_s3 = "const A: &str = \"x-amz-copy-source\";";
        assert_eq!(of("sqal-storage/src/objects/mod.rs", of_s3), Vec::<String>::new());
        assert_eq!(of("sqal-storage/src/x.rs", "const A: &str = \"x-y\";"), Vec::<String>::new());
    }
}
