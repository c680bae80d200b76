//! How errors are named: a type that says why something failed ends in `Error`, a type whose
//! constructor refuses a value begins with `Invalid`, and no type is named after what is not.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemImpl, Meta, Type, Visibility};

use crate::source::{Source, is_test};

/// Errors with another name, each with its reason.
const OTHERS: [(&str, &str); 4] = [
    ("Alteration", "the difference that an `AlteredEntryError` holds"),
    ("Rejected", "a call that was not attempted, which is a value and no failure of the call"),
    ("SmtpCause", "the cause that an `SmtpError` holds"),
    ("StorageErrorKind", "the kind that a `StorageError` holds"),
];

/// What is wrong with the names of the public types of the libraries.
pub(crate) fn findings(sources: &[Source]) -> Vec<String> {
    let (mut types, mut errors) = (Vec::new(), BTreeSet::new());
    for source in sources.iter().filter(|source| source.is_library()) {
        let mut names = Names::default();
        names.visit_file(&source.syntax);
        errors.extend(names.errors.into_iter().map(|name| (source.crate_folder(), name)));
        types.extend(names.types.into_iter().map(|(line, name)| (source, line, name)));
    }
    let mut found = Vec::new();
    for (source, line, name) in types {
        let place = format!("{}:{line}", source.shown);
        if is_denial(&name) {
            found.push(format!("{place}: {name} is named after what is not: Invalid… or …Error"));
        } else if errors.contains(&(source.crate_folder(), name.clone())) && !is_error_name(&name) {
            found.push(format!("{place}: {name} is an error and neither ends in Error nor begins with Invalid"));
        }
    }
    found
}

fn is_error_name(name: &str) -> bool {
    name.ends_with("Error") || name.starts_with("Invalid") || OTHERS.iter().any(|(other, _)| *other == name)
}

/// Whether a name is `Not…` or `No…`.
fn is_denial(name: &str) -> bool {
    let begins = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(char::is_uppercase));
    begins("Not") || begins("No")
}

/// The public types of a file with their lines, and the names of its errors.
#[derive(Default)]
struct Names {
    types: Vec<(usize, String)>,
    errors: Vec<String>,
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(item) {
            return;
        }
        let declared = match item {
            Item::Enum(syn::ItemEnum { attrs, vis, ident, .. })
            | Item::Struct(syn::ItemStruct { attrs, vis, ident, .. })
            | Item::Trait(syn::ItemTrait { attrs, vis, ident, .. })
            | Item::Type(syn::ItemType { attrs, vis, ident, .. }) => Some((attrs, vis, ident)),
            _ => None,
        };
        if let Some((attributes, Visibility::Public(_), name)) = declared {
            self.types.push((name.span().start().line, name.to_string()));
            if attributes.iter().any(derives_error) {
                self.errors.push(name.to_string());
            }
        }
        visit::visit_item(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let is_error = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "Error");
        if let (Some((path, _)), Type::Path(of)) = (&item.trait_, &*item.self_ty)
            && is_error(path)
            && let Some(name) = of.path.segments.last()
        {
            self.errors.push(name.ident.to_string());
        }
        visit::visit_item_impl(self, item);
    }
}

/// Whether an attribute is a `derive` of `Error`, also behind a `cfg_attr`.
fn derives_error(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    (list.path.is_ident("derive") || list.path.is_ident("cfg_attr")) && names_error(&list.tokens)
}

fn names_error(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|tree| match tree {
        TokenTree::Ident(word) => word == "Error",
        TokenTree::Group(group) => names_error(&group.stream()),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<String> {
        findings(&[Source::parse(path.to_owned(), text).unwrap()])
    }

    #[test]
    fn an_error_with_another_name_is_found_however_it_is_declared() {
        for text in [
            "#[derive(Debug, thiserror::Error)]\npub enum CacheAway { A }",
            "#[cfg_attr(feature = \"std\", derive(Error))]\npub struct CacheAway;",
            "pub struct CacheAway;\nimpl core::error::Error for CacheAway {}",
            "mod a { pub struct CacheAway; }\nimpl Error for a::CacheAway {}",
        ] {
            let found = of("plant/client/src/x.rs", text);
            assert!(found.len() == 1 && found[0].contains("CacheAway is an error"), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_type_named_after_what_is_not_is_found() {
        for text in ["pub struct NotAName;", "pub trait NoTime {}", "pub type NotSent = u8;"] {
            assert!(of("sqal-core/src/x.rs", text)[0].contains("is named after what is not"), "{text}");
        }
    }

    #[test]
    fn other_names_are_sound() {
        for text in [
            "#[derive(Error)]\npub struct CacheError;",
            "pub struct InvalidName;\nimpl Error for InvalidName {}",
            "#[derive(Error)]\npub struct Rejected;",
            "#[derive(Error)]\nstruct CacheAway;\nstruct NotSent;",
            "pub struct Nonce;\npub struct Notice;\npub struct Cache;",
            "#[cfg(test)]\npub struct NotSent;",
        ] {
            assert_eq!(of("sqal-core/src/x.rs", text), Vec::<String>::new(), "{text}");
        }
        let text = "#[derive(Error)]\npub struct Failed;";
        assert_eq!(of("xtask/src/lib.rs", text), Vec::<String>::new(), "no library");
    }
}
