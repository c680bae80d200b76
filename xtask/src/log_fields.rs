//! What lines of the log hold: texts and numbers, and no debug form of a Rust value.
//!
//! A debug form shows how a program is built, may show what the texts of an error hide, and changes
//! with a rename. A text of a stranger needs none: every format of the log quotes and escapes the
//! texts of its fields.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, Lit, Macro};

use crate::source::{Source, is_test};

/// The macros of `tracing` that write a line.
const LINES: [&str; 6] = ["trace", "debug", "info", "warn", "error", "event"];

/// What is wrong with the lines that a file logs.
pub(crate) fn findings(source: &Source) -> Vec<String> {
    let mut found = Found(Vec::new());
    found.visit_file(&source.syntax);
    let finding = |line: usize| {
        format!(
            "{}:{line}: a line of the log has no debug form of a Rust value: give a text, a number, a Display, or an \
             error with its `Causes`",
            source.shown
        )
    };
    found.0.into_iter().map(finding).collect()
}

/// The lines of a file on which a debug form is logged.
struct Found(Vec<usize>);

impl Found {
    /// Looks for macros that write a line, also within other macros.
    fn nested(&mut self, tokens: &TokenStream) {
        let mut before = [const { String::new() }; 2];
        for tree in tokens.clone() {
            if let TokenTree::Group(group) = &tree {
                if before[1] == "!" && LINES.contains(&&*before[0]) {
                    self.fields(&group.stream());
                }
                self.nested(&group.stream());
            }
            before.rotate_left(1);
            before[1] = tree.to_string();
        }
    }

    /// Looks for debug forms among the fields and the message of a line.
    fn fields(&mut self, tokens: &TokenStream) {
        // Where a field or its value begins, `?` is no operator but asks for the debug form.
        let mut begins = true;
        for tree in tokens.clone() {
            match &tree {
                TokenTree::Group(group) => self.fields(&group.stream()),
                TokenTree::Punct(sign) if sign.as_char() == '?' && begins => self.0.push(sign.span().start().line),
                TokenTree::Literal(literal) => {
                    if let Lit::Str(text) = Lit::new(literal.clone())
                        && has_debug_form(&text.value())
                    {
                        self.0.push(text.span().start().line);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Ident(_) => {}
            }
            begins = matches!(&tree, TokenTree::Punct(sign) if matches!(sign.as_char(), ',' | '='));
        }
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        if called.path.segments.last().is_some_and(|last| LINES.iter().any(|name| last.ident == name)) {
            self.fields(&called.tokens);
        }
        self.nested(&called.tokens);
    }
}

/// Whether a message has a placeholder for a debug form: `{:?}`, `{error:?}`, `{0:#?}`.
fn has_debug_form(message: &str) -> bool {
    let message = message.replace("{{", "");
    let mut placeholders = message.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    placeholders.any(|(placeholder, _)| {
        let form = placeholder.split_once(':').map_or("", |(_, form)| form);
        form.ends_with('?')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let found = findings(&Source::parse("sqal-core/src/x.rs".to_owned(), text).unwrap());
        found.iter().map(|line| line.split(": ").next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_debug_form_is_found_however_it_is_written() {
        for text in [
            "fn f() { warn!(?error, \"away\"); }",
            "fn f() { tracing::error!(why = ?error, \"away\"); }",
            "fn f() { info!(a = 1, ?b); }",
            "fn f() { info!({ a = ?b }, \"away\"); }",
            "fn f() { debug!(\"away: {error:?}\"); }",
            "fn f() { debug!(\"away: {:#?}\", error); }",
            "fn f() { event!(Level::WARN, took = ?time, \"slow\"); }",
            "fn f() { a.map_err(|why| warn!(?why, \"away\")).ok(); }",
            "fn f() { tokio::select! { error = a => warn!(?error, \"away\"), () = b => {} } }",
        ] {
            assert_eq!(lines(text), ["sqal-core/src/x.rs:1"], "{text}");
        }
        assert_eq!(lines("fn f() {\n    warn!(\n        a = 1,\n        ?b,\n    );\n}"), ["sqal-core/src/x.rs:4"]);
    }

    #[test]
    fn texts_numbers_operators_and_tests_are_left_alone() {
        for text in [
            "fn f() { warn!(error = %Causes::of(&error), name, count = a.len(), \"away\"); }",
            "fn f() -> Option<()> { warn!(a = b?.c, \"away\"); None }",
            "fn f() -> Option<()> { warn!(a = c(b?, d?)?, \"so?\"); None }",
            "fn f() { warn!(\"{{:?}} and {name:>5} and {0:.1}\", 1.5); }",
            "fn f() { format!(\"{error:?}\"); panic!(\"{:?}\", error); }",
            "#[cfg(test)] mod tests { fn f() { warn!(?error, \"away\"); } }",
        ] {
            assert_eq!(lines(text), Vec::<String>::new(), "{text}");
        }
    }
}
