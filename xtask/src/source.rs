//! A Rust file as a syntax tree and as the string literals of its code, without its tests.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Lit, LitStr, Meta};

use crate::Failed;

/// A file of a `src` folder.
pub(crate) struct Source {
    /// The path from the root of the repository.
    pub(crate) shown: String,
    /// What stands in the file.
    pub(crate) syntax: syn::File,
}

/// A string literal of a file's code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// The line on which it begins.
    pub(crate) line: usize,
    /// The text that it stands for, without quotes and escapes.
    pub(crate) text: String,
}

impl Source {
    /// Reads a text as the file that `shown` names.
    ///
    /// # Errors
    ///
    /// The finding, if the text is no Rust.
    pub(crate) fn parse(shown: String, text: &str) -> Result<Self, String> {
        match syn::parse_file(text) {
            Ok(syntax) => Ok(Self { shown, syntax }),
            Err(error) => Err(format!("{shown}:{}: {error}", error.span().start().line)),
        }
    }

    /// The folder of the crate: `sqal-core`, `plant/client`.
    pub(crate) fn crate_folder(&self) -> &str {
        self.shown.split("/src/").next().unwrap_or_default()
    }

    /// Whether the file belongs to a library: one of the family, or one of what a plant runs.
    pub(crate) fn is_library(&self) -> bool {
        self.shown.starts_with("sqal-") || self.shown.starts_with("plant/")
    }

    /// The paths, without `.rs`, of the modules that the file declares for tests only.
    fn test_modules(&self) -> Vec<String> {
        let path = self.shown.trim_end_matches(".rs");
        let folder = ["/mod", "/lib", "/main"].iter().find_map(|root| path.strip_suffix(*root)).unwrap_or(path);
        let in_files = self.syntax.items.iter().filter(|item| is_test(item)).filter_map(|item| match item {
            Item::Mod(syn::ItemMod { content: None, ident, .. }) => Some(format!("{folder}/{ident}")),
            _ => None,
        });
        in_files.collect()
    }

    /// The string literals of the code, in order; not those of tests and not doc comments.
    pub(crate) fn literals(&self) -> Vec<Literal> {
        let mut texts = Texts(Vec::new());
        texts.visit_file(&self.syntax);
        texts.0
    }
}

/// The files in the `src` folders of the tree, and a finding for each that is no Rust.
///
/// # Errors
///
/// [`Failed`] if a file cannot be read.
pub(crate) fn sources(root: &Path, files: &[PathBuf]) -> Result<(Vec<Source>, Vec<String>), Failed> {
    let (mut sources, mut found) = (Vec::new(), Vec::new());
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
        if shown.contains("/src/") && !shown.contains("/tests/") {
            match Source::parse(shown, &fs::read_to_string(path)?) {
                Ok(source) => sources.push(source),
                Err(fault) => found.push(fault),
            }
        }
    }
    Ok((without_tests(sources), found))
}

/// The files that are compiled outside of tests, too.
fn without_tests(sources: Vec<Source>) -> Vec<Source> {
    let tests: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    let is_of = |source: &Source, module: &String| {
        source.shown.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    };
    sources.into_iter().filter(|source| !tests.iter().any(|module| is_of(source, module))).collect()
}

/// The attributes of an item.
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(syn::ItemConst { attrs, .. })
        | Item::Enum(syn::ItemEnum { attrs, .. })
        | Item::Fn(syn::ItemFn { attrs, .. })
        | Item::Impl(syn::ItemImpl { attrs, .. })
        | Item::Macro(syn::ItemMacro { attrs, .. })
        | Item::Mod(syn::ItemMod { attrs, .. })
        | Item::Static(syn::ItemStatic { attrs, .. })
        | Item::Struct(syn::ItemStruct { attrs, .. })
        | Item::Trait(syn::ItemTrait { attrs, .. })
        | Item::Type(syn::ItemType { attrs, .. })
        | Item::Use(syn::ItemUse { attrs, .. }) => attrs,
        _ => &[],
    }
}

/// Whether an item is compiled for tests only: `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`,
/// `#[tokio::test]`.
pub(crate) fn is_test(item: &Item) -> bool {
    attributes(item).iter().any(|attribute| {
        let path = attribute.path();
        path.segments.last().is_some_and(|last| last.ident == "test")
            || matches!(&attribute.meta, Meta::List(list) if path.is_ident("cfg") && needs_test(&list.tokens))
    })
}

/// Whether a condition holds in tests only.
fn needs_test(condition: &TokenStream) -> bool {
    let mut trees = condition.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Ident(word)), None) => word == "test",
        (Some(TokenTree::Ident(word)), Some(TokenTree::Group(group))) => {
            let is_word = |tree: TokenTree| matches!(tree, TokenTree::Ident(word) if word == "test");
            word == "all" && group.stream().into_iter().any(is_word)
        }
        _ => false,
    }
}

/// Collects string literals, also those in macros and attributes.
struct Texts(Vec<Literal>);

impl Texts {
    fn push(&mut self, text: &LitStr) {
        self.0.push(Literal { line: text.span().start().line, text: text.value() });
    }

    fn tokens(&mut self, tokens: &TokenStream) {
        for tree in tokens.clone() {
            match tree {
                TokenTree::Group(group) => self.tokens(&group.stream()),
                TokenTree::Literal(literal) => {
                    if let Lit::Str(text) = Lit::new(literal) {
                        self.push(&text);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if !attribute.path().is_ident("doc") {
            visit::visit_attribute(self, attribute);
        }
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.push(text);
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.tokens(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let source = Source::parse("sqal-core/src/x.rs".to_owned(), text).unwrap();
        source.literals().into_iter().map(|literal| format!("{}: {}", literal.line, literal.text)).collect()
    }

    #[test]
    fn literals_of_code_macros_and_attributes_are_read_as_what_they_stand_for() {
        let text = r##"//! A file.
            /// Not "this".
            #[error("an {attribute}")]
            struct A;
            fn f(c: char) {
                let a = "a \"quote\", \
                         over a line";
                println!("in {}", [r#"a "raw" one"#]);
                let b = ('"', '\'', b"bytes", c);
            }"##;
        let expected = ["3: an {attribute}", "6: a \"quote\", over a line", "8: in {}", "8: a \"raw\" one"];
        assert_eq!(texts(text), expected);
    }

    #[test]
    fn tests_are_left_out() {
        let text = r#"
            #[cfg(test)] mod tests { const A: &str = "a"; }
            #[cfg(all(test, unix))] fn b() { "b"; }
            mod inner { #[tokio::test] async fn c() { "c"; } }
            #[cfg(any(unix, test))] fn d() { "d"; }
            #[cfg(all(unix, not(test)))] fn e() { "e"; }"#;
        assert_eq!(texts(text), ["5: d", "6: e"]);
    }

    #[test]
    fn files_of_tests_are_left_out() {
        let parse = |(path, text): (&str, &str)| Source::parse(path.to_owned(), text).unwrap();
        let files = [
            ("a/src/lib.rs", "mod b; #[cfg(test)] mod c;"),
            ("a/src/b.rs", "#[cfg(all(test, unix))] mod d;"),
            ("a/src/b/d.rs", ""),
            ("a/src/b/dd.rs", ""),
            ("a/src/c/mod.rs", ""),
        ];
        let left = without_tests(files.map(parse).into());
        assert_eq!(
            left.iter().map(|source| &*source.shown).collect::<Vec<_>>(),
            ["a/src/lib.rs", "a/src/b.rs", "a/src/b/dd.rs"]
        );
    }

    #[test]
    fn a_text_that_is_no_rust_is_a_finding_with_its_line() {
        let fault = Source::parse("a/src/x.rs".to_owned(), "fn f() {}\nfn {").err();
        assert!(fault.is_some_and(|fault| fault.starts_with("a/src/x.rs:2: ")));
    }

    #[test]
    fn a_file_knows_its_crate() {
        let of = |path: &str| {
            let source = Source::parse(path.to_owned(), "").unwrap();
            (source.crate_folder().to_owned(), source.is_library())
        };
        assert_eq!(of("plant/client/src/a/b.rs"), ("plant/client".to_owned(), true));
        assert_eq!(of("examples/operations/src/main.rs"), ("examples/operations".to_owned(), false));
    }
}
