//! The laws of [`Bugs`] about comments and attachments: they are there (law 6).

use super::{
    assert_bug, assert_refused, attachment, attachments, comment, comments, full_bug, id, names, plain_bug, put,
    report_of,
};
use crate::Bugs;
use crate::bugs::{Bug, BugAttachment, BugComment, LARGEST_BUG_TEXT};

async fn add_comment(store: &dyn Bugs, comment: &BugComment) -> bool {
    store.add_comment(comment).await.expect("the store answers")
}

async fn attach(store: &dyn Bugs, attachment: &BugAttachment) -> bool {
    store.attach(attachment).await.expect("the store answers")
}

async fn detach(store: &dyn Bugs, of: &Bug, number: u16) -> bool {
    store.detach(&of.id, &id(number)).await.expect("the store answers")
}

/// Law 6: comments are there as they were written, once each, in the order of their times and ids,
/// and only of bugs that are there.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn comments_are_there_in_their_order(store: &dyn Bugs) {
    const LAW: &str = "law 6: comments are there";
    let [bug, other, unknown] = [full_bug(1), plain_bug(2), plain_bug(3)];
    put(store, &bug).await;
    put(store, &other).await;
    assert_eq!(comments(store, &bug).await, [], "{LAW}: of a new bug");
    assert!(!add_comment(store, &comment(1, &unknown, 0)).await, "{LAW}: of a bug that is not there");
    assert_eq!(comments(store, &unknown).await, [], "{LAW}: of a bug that is not there");

    // Three at one time, and one before 1970.
    let mut all: Vec<BugComment> = [(5, 70), (9, 30), (4, 70), (8, -1), (6, 70), (7, -3_000_000_000_000_000), (3, 71)]
        .map(|(number, micros)| comment(number, &bug, micros))
        .into();
    all[1].text = "x".repeat(LARGEST_BUG_TEXT);
    all[2].text = String::new();
    let alone = comment(10, &other, 50);
    for comment in all.iter().chain([&alone]) {
        assert!(add_comment(store, comment).await, "{LAW}: of a bug that is there");
    }
    all.sort_by_key(|comment| (comment.at, comment.id));
    assert!(comments(store, &bug).await == all, "{LAW}, as they were written, in their order");
    assert_eq!(comments(store, &other).await, std::slice::from_ref(&alone), "{LAW}: of another bug");
    for limit in [1_u16, 2, 7, 100] {
        let mut pages = Vec::new();
        for skip in (0..9).step_by(limit.into()) {
            let page = store.comments(&bug.id, skip, limit).await.expect("the store answers");
            assert!(page.len() <= usize::from(limit), "{LAW}: a page has more comments than {limit}");
            pages.extend(page);
        }
        assert!(pages == all, "{LAW}, page by page of {limit}");
    }
    assert_eq!(store.comments(&bug.id, 0, 0).await.expect("the store answers"), [], "{LAW}: a limit of 0");

    // A comment never changes.
    let again = BugComment { text: "another".to_owned(), is_internal: !all[0].is_internal, ..all[0].clone() };
    let elsewhere = BugComment { bug: other.id, ..all[0].clone() };
    for known in [&all[0], &again, &elsewhere] {
        assert!(add_comment(store, known).await, "{LAW}: the bug of a comment that is known is there");
        assert!(comments(store, &bug).await == all, "{LAW} once each, and none changes");
        assert_eq!(comments(store, &other).await, std::slice::from_ref(&alone), "{LAW} once each");
    }
    for text in ["a\0b".to_owned(), "x".repeat(LARGEST_BUG_TEXT + 1), "é".repeat(LARGEST_BUG_TEXT / 2 + 1)] {
        let refused = BugComment { text, ..comment(20, &bug, 80) };
        assert_refused("law 6: a comment that cannot be stored", store.add_comment(&refused).await);
    }
    assert!(comments(store, &bug).await == all, "law 6: what is refused is not stored");
    assert_bug(store, "law 6: a comment changes no bug", &bug, &[report_of(&bug)]).await;
    assert_bug(store, "law 6: a comment changes no bug", &other, &[report_of(&other)]).await;
}

/// Law 6: attachments are there as they were given, once each, in the order of their times and ids,
/// until they are removed; a blob is named as long as an attachment has it.
///
/// # Panics
///
/// If the store breaks the law.
pub async fn attachments_are_there_until_they_are_removed(store: &dyn Bugs) {
    const LAW: &str = "law 6: attachments are there";
    let [bug, other, unknown] = [full_bug(1), plain_bug(2), plain_bug(3)];
    put(store, &bug).await;
    put(store, &other).await;
    assert_eq!(attachments(store, &bug).await, [], "{LAW}: of a new bug");
    assert!(!names(store, "unknown").await, "law 6: an unknown blob is named");
    assert!(!attach(store, &attachment(1, &unknown, 0, "unknown")).await, "{LAW}: of a bug that is not there");
    assert_eq!(attachments(store, &unknown).await, [], "{LAW}: of a bug that is not there");
    assert!(!names(store, "unknown").await, "law 6: the blob of what was not attached is named");

    let mut all: Vec<BugAttachment> =
        [(5, 70, "a"), (9, 30, "shared"), (4, 70, "b"), (8, -1, "shared"), (6, 70, "c"), (0, 71, "d")]
            .map(|(number, micros, content)| attachment(number, &bug, micros, content))
            .into();
    let alone = attachment(10, &other, 50, "shared");
    for attachment in all.iter().chain([&alone]) {
        assert!(attach(store, attachment).await, "{LAW}: of a bug that is there");
    }
    all.sort_by_key(|attachment| (attachment.at, attachment.id));
    assert_eq!(attachments(store, &bug).await, all, "{LAW}, in their order");
    assert_eq!(attachments(store, &other).await, std::slice::from_ref(&alone), "{LAW}: of another bug");
    for limit in [0_u16, 1, 4, 6] {
        let found = store.attachments(&bug.id, limit).await.expect("the store answers");
        assert_eq!(found, all[..usize::from(limit)], "{LAW}: at most {limit}");
    }
    // An attachment never changes.
    let again = attachment(5, &bug, 99, "another");
    let elsewhere = BugAttachment { bug: other.id, ..again.clone() };
    for known in [&all[0], &again, &elsewhere] {
        assert!(attach(store, known).await, "{LAW}: the bug of an attachment that is known is there");
        assert_eq!(attachments(store, &bug).await, all, "{LAW} once each, and none changes");
        assert_eq!(attachments(store, &other).await, std::slice::from_ref(&alone), "{LAW} once each");
        assert!(!names(store, "another").await, "law 6: the blob of what was not attached is named");
    }
    attachments_are_removed(store, [&bug, &other, &unknown], all, &alone).await;
    assert_bug(store, "law 6: an attachment changes no bug", &bug, &[report_of(&bug)]).await;
}

/// Removes the attachments of a bug; of those, 8 and 9 have the blob of the other bug's one.
async fn attachments_are_removed(
    store: &dyn Bugs,
    [bug, other, unknown]: [&Bug; 3],
    mut all: Vec<BugAttachment>,
    alone: &BugAttachment,
) {
    const LAW: &str = "law 6: an attachment that was removed is gone";
    for (of, number) in [(bug, 99), (bug, 10), (other, 5), (unknown, 5)] {
        assert!(!detach(store, of, number).await, "law 6: bug {} has no attachment {number}", of.id);
        assert_eq!(attachments(store, bug).await, all, "law 6: an attachment of another bug is removed");
    }
    for (number, content, is_named) in [(9, "shared", true), (5, "a", false), (8, "shared", true), (0, "d", false)] {
        assert!(names(store, content).await, "law 6: the blob of an attachment is named");
        assert!(detach(store, bug, number).await, "{LAW}: it was there");
        assert!(!detach(store, bug, number).await, "{LAW}: removed again");
        all.retain(|attachment| attachment.id != id(number));
        assert_eq!(attachments(store, bug).await, all, "{LAW}");
        assert_eq!(names(store, content).await, is_named, "law 6: a blob is named as long as an attachment has it");
    }
    assert!(detach(store, other, 10).await, "{LAW}: it was there");
    assert!(!names(store, "shared").await, "law 6: a blob is named as long as an attachment has it");
    // Its id is free.
    assert!(attach(store, alone).await, "law 6: attachments are there");
    assert_eq!(attachments(store, other).await, std::slice::from_ref(alone), "law 6: attached again");
    assert!(names(store, "shared").await, "law 6: the blob of an attachment is named");
}
