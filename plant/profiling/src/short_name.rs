//! [`short_name`]: the name of a function as a person reads it, without its type arguments.

/// The most characters of a name that are kept.
const MOST: usize = 160;

/// The name of a function with `<_>` in place of its type arguments, cut after 160 characters.
///
/// Functions that differ by their type arguments only have one short name, so their samples count
/// together. The type and the trait of `<Type as Trait>::function` stay.
///
/// ```
/// use sqal_profiling::short_name;
///
/// let long = "<alloc::vec::Vec<u8> as core::iter::Extend<&u8>>::extend::<core::slice::Iter<u8>>";
/// assert_eq!(short_name(long), "<alloc::vec::Vec<_> as core::iter::Extend<_>>::extend::<_>");
/// ```
#[must_use]
pub fn short_name(name: &str) -> String {
    let mut short = String::with_capacity(name.len().min(4 * MOST));
    // The depth in type arguments that are left out.
    let (mut depth, mut before) = (0_usize, ' ');
    for letter in name.chars() {
        let is_arrow = letter == '>' && before == '-';
        match letter {
            '<' if depth > 0 => depth += 1,
            '<' if begins_arguments(&short) => {
                short.push_str("<_>");
                depth = 1;
            }
            '>' if depth > 0 && !is_arrow => depth -= 1,
            _ if depth > 0 => {}
            _ => short.push(letter),
        }
        before = letter;
    }
    if let Some((end, _)) = short.char_indices().nth(MOST) {
        short.truncate(end);
        short.push('…');
    }
    short
}

/// Whether a `<` after this text begins type arguments, and not a type in place of a path.
fn begins_arguments(before: &str) -> bool {
    before.ends_with("::") || before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn type_arguments_are_left_out_and_types_in_place_of_a_path_are_not() {
        for (long, short) in [
            ("main", "main"),
            ("tokio::runtime::park::park::{{closure}}", "tokio::runtime::park::park::{{closure}}"),
            ("core::ptr::drop_in_place<alloc::vec::Vec<alloc::string::String>>", "core::ptr::drop_in_place<_>"),
            ("core::ptr::drop_in_place::<[u8]>", "core::ptr::drop_in_place::<_>"),
            ("<T as core::convert::Into<U>>::into", "<T as core::convert::Into<_>>::into"),
            ("<alloc::vec::Vec<u8>>::push", "<alloc::vec::Vec<_>>::push"),
            (
                "<impl core::fmt::Display for sqal_core::name::Name<200>>::fmt",
                "<impl core::fmt::Display for sqal_core::name::Name<_>>::fmt",
            ),
            ("<dyn core::ops::Fn(&u8) -> bool as a::B>::c", "<dyn core::ops::Fn(&u8) -> bool as a::B>::c"),
            ("a::b::<dyn core::ops::Fn(u8) -> a::C<u8>>::d", "a::b::<_>::d"),
            ("sqlite3VdbeExec", "sqlite3VdbeExec"),
        ] {
            assert_eq!(short_name(long), short);
        }
    }

    #[test]
    fn a_long_name_is_cut_between_two_characters() {
        assert_eq!(short_name(&"é".repeat(160)), "é".repeat(160));
        assert_eq!(short_name(&"é".repeat(161)), format!("{}…", "é".repeat(160)));
    }

    proptest! {
        #[test]
        fn any_text_has_a_short_name_that_is_its_own(text in "[a-c<>:_ -]{0,40}") {
            let short = short_name(&text);
            prop_assert_eq!(short_name(&short), short.clone());
            prop_assert!(short.chars().count() <= text.chars().count() + 2 * text.matches('<').count());
        }

        #[test]
        fn functions_that_differ_by_their_arguments_have_one_short_name(
            argument in "[a-z]{1,8}(<[a-z]{1,8}(, [a-z]{1,8})?>)?",
            other in "[a-z]{1,8}(<[a-z]{1,8}>)?",
        ) {
            prop_assert_eq!(short_name(&format!("a::b::<{argument}>::c")), short_name(&format!("a::b::<{other}>::c")));
            prop_assert_eq!(short_name(&format!("A<{argument}>::c")), short_name(&format!("A<{other}>::c")));
        }
    }
}
