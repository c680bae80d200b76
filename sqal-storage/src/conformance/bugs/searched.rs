//! The law of [`Bugs`] about searching: bugs are found by their words (law 7).

use super::{assert_refused, follow, list, most, name, next, plain_bug, put};
use crate::Bugs;
use crate::bugs::{Bug, BugId, BugQuery, BugSeverity, BugStatus, LONGEST_BUG_WORD, MOST_BUG_WORDS};

const LAW: &str = "law 7: bugs are found by their words";

fn bug(number: u16, title: &str, description: &str, steps: &str, tags: &[&str]) -> Bug {
    let mut bug = plain_bug(number);
    let content = &mut bug.content;
    [content.title, content.description, content.reproduction_steps] = [title, description, steps].map(str::to_owned);
    content.tags = tags.iter().map(|tag| name(tag)).collect();
    bug
}

/// A query for words.
fn with(words: &[&str]) -> BugQuery {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    BugQuery { words, ..BugQuery::newest(most(100)) }
}

/// Panics unless a query finds the bugs with these numbers.
async fn assert_found(store: &dyn Bugs, query: &BugQuery, numbers: &[u16]) {
    let page = list(store, query).await;
    let mut found: Vec<BugId> = page.bugs.iter().map(|bug| bug.id).collect();
    found.sort_unstable();
    let expected: Vec<BugId> = numbers.iter().map(|number| super::id(*number)).collect();
    assert_eq!(found, expected, "{LAW}: {:?}", query.words);
    let total = u64::try_from(expected.len()).expect("few bugs");
    assert_eq!((page.total, page.is_total), (total, true), "{LAW}: the total of {:?}", query.words);
}

/// The bugs that are searched.
fn bugs() -> [Bug; 6] {
    let many: Vec<String> = (0..MOST_BUG_WORDS + 10).map(|k| format!("word{k}")).collect();
    let (many, long) = (many.join(" "), "x".repeat(LONGEST_BUG_WORD));
    [
        bug(1, "Écran gelé", "La balance v2.3.1 s'arrête; 100 %", "Allumer, puis ATTENDRE", &["Froid positif"]),
        bug(2, "The scale stops", "écran noir", "attendre", &["froid"]),
        bug(3, "Scales", "gelée d'un écran_2", "", &[]),
        bug(4, "many", &many, "steps", &["tagged"]),
        bug(5, "long", &format!("{long}yz"), &format!("{long}y"), &["Ærø", "\u{5c4f}\u{5e55} 42"]),
        bug(6, "", "", "", &["the", "scale"]),
    ]
}

/// Law 7: a bug is found if all words stand in its title, its description, its steps or its tags,
/// however they are written.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn bugs_are_found_by_their_words(store: &dyn Bugs) {
    let [first, rest @ ..] = bugs();
    put(store, &first).await;
    for bug in &rest {
        put(store, bug).await;
    }
    let long = "x".repeat(LONGEST_BUG_WORD);
    let (shorter, other_end) = (&long[1..], format!("{long}a"));
    let cases: [(&[&str], &[u16]); 26] = [
        (&["ecran"], &[1, 2, 3]),
        (&["ÉCRAN"], &[1, 2, 3]),
        (&["écran", "Attendre"], &[1, 2]),
        (&["écran attendre"], &[1, 2]),
        (&["gelé"], &[1]),
        // A part of a word is another word.
        (&["gel"], &[]),
        (&["cran"], &[]),
        (&["scale"], &[2, 6]),
        (&["scale", "the"], &[2, 6]),
        (&["froid"], &[1, 2]),
        (&["froid", "positif", "allumer", "balance"], &[1]),
        (&["froid", "scales"], &[]),
        (&["v2.3.1"], &[1]),
        (&["v2", "arrete"], &[1]),
        (&["2"], &[3]),
        (&["100 %"], &[1]),
        (&["\u{5c4f}\u{5e55}"], &[5]),
        (&["ÆRØ", "42"], &[5]),
        // What has no words asks for nothing.
        (&[], &[1, 2, 3, 4, 5, 6]),
        (&["", "%", "_ - '"], &[1, 2, 3, 4, 5, 6]),
        // A word is cut to its longest length. Of a long description the first words count, and the
        // other texts and the tags all.
        (&[other_end.as_str()], &[5]),
        (&[shorter], &[]),
        (&["word496"], &[4]),
        (&["word497"], &[]),
        (&["tagged"], &[4]),
        (&["many", "word0"], &[4]),
    ];
    for (words, numbers) in cases {
        assert_found(store, &with(words), numbers).await;
    }
    // Eight different words are searched, and one more is refused, also in one text.
    let most = ["word1", "WORD1", "word2", "word3", "word4", "word5", "word6 word7", "word8", "%"];
    assert_found(store, &with(&most), &[4]).await;
    let (more, in_one) = ([&most[..], &["word9"]].concat(), most.join(" ") + " word9");
    for words in [&more[..], &[in_one.as_str()]] {
        assert_refused("law 7: a search for more words than there may be", store.bugs(&with(words)).await);
    }
    current_words_are_searched(store, &first, &rest[0]).await;
}

/// Searches together with other conditions, after a change of the first bug and after the removal
/// of the second.
async fn current_words_are_searched(store: &dyn Bugs, first: &Bug, second: &Bug) {
    let (mut after, entry) = next(first, 5, BugStatus::Resolved);
    "Lampe éteinte".clone_into(&mut after.content.title);
    after.content.tags = [name("chaud")].into();
    after.content.severity = BugSeverity::Critical;
    follow(store, &(after, entry)).await;
    let cases: [(&str, &[u16]); 4] = [("gele", &[]), ("positif", &[]), ("eteinte", &[1]), ("chaud balance", &[1])];
    for (words, numbers) in cases {
        assert_found(store, &with(&[words]), numbers).await;
    }
    let resolved = BugQuery { status: Some(BugStatus::Resolved), ..with(&["attendre"]) };
    assert_found(store, &resolved, &[1]).await;
    assert_found(store, &BugQuery { severity: Some(BugSeverity::Medium), ..with(&["attendre"]) }, &[2]).await;
    assert_found(store, &BugQuery { tag: Some(name("froid")), ..with(&["attendre"]) }, &[2]).await;
    assert!(store.remove_bug(&second.id).await.expect("the store answers"), "law 9: bug 2 is removed");
    assert_found(store, &with(&["attendre"]), &[1]).await;
}
