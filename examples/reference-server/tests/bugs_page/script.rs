//! The functions of the page's script: its words, its addresses, its changes and its own faults.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::process::Server;
use crate::{on_page, says};

/// The list as the script reads it from an address.
fn list(filters: &Value, sort: &str, skip: u32) -> Value {
    json!({ "kind": "list", "filters": filters, "sort": sort, "skip": skip })
}

/// Where a page of the list begins and ends, and how many bugs its neighbours pass over.
fn pages((from, to): (u32, u32), previous: Option<u32>, next: Option<u32>) -> Value {
    json!({ "from": from, "to": to, "previous": previous, "next": next })
}

/// A test computes expressions on the module `page`, each with its value.
async fn compute(expressions: &[(&str, Value)]) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), "127.0.0.1:0");
    on_page(&server, "/bugs", async |browser: &mut Browser| {
        says(browser, "#found", "No bug").await;
        for (expression, expected) in expressions {
            let script = "import(new URL('bugs.js', document.baseURI))";
            let found = browser.value(&format!("{script}.then(page => {{ return {expression}; }})")).await;
            assert_eq!(found, *expected, "{expression}");
        }
    })
    .await;
}

/// Each text of the page is there in both languages, with the same values in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_the_page_are_complete_in_both_languages() {
    let incomplete = "Object.entries(page.TEXT).filter(([, texts]) => texts.length !== 2 || !texts.every(Boolean) || \
        new Set(texts.map(text => (text.match(/\\{\\w+\\}/g) ?? []).sort().join())).size !== 1).map(([key]) => key)";
    compute(&[(incomplete, json!([]))]).await;
}

/// An address names one part of the page; what is not known of it is passed over.
#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_the_page_names_its_part_and_its_filters() {
    let id = "7f2c1a9e-5b1d-4c3e-8a77-0d9e6f1b2a34";
    compute(&[
        ("page.viewOf('?id=7F2C1A9E-5B1D-4C3E-8A77-0D9E6F1B2A34')", json!({ "kind": "one", "id": id })),
        ("page.viewOf('?id=..%2Fdevices')", json!({ "kind": "one", "id": null })),
        ("page.viewOf('?new=1&device_id=D1&title=+&x=1')", json!({ "kind": "new", "given": { "device_id": "D1" } })),
        (
            "page.viewOf('?status=open&tag=&skip=50&sort=-priority&x=1')",
            list(&json!({ "status": "open" }), "-priority", 50),
        ),
        ("page.viewOf('?skip=-1&sort=title')", list(&json!({}), "-created_at", 0)),
        ("page.listAddress(page.viewOf('?skip=50&sort=severity&q=a+b%26'))", json!("q=a+b%26&sort=severity&skip=50")),
        ("page.listAddress(page.viewOf(''))", json!("")),
        ("page.listQuery(page.viewOf('?tag=lens'))", json!("tag=lens&sort=-created_at&skip=0&limit=50")),
        ("page.nextSort('-created_at', 'created_at')", json!("created_at")),
        ("page.nextSort('severity', 'severity')", json!("-severity")),
        ("page.pagesOf({ skip: 50, total: 102, isExact: true }, 50)", pages((51, 100), Some(0), Some(100))),
        ("page.pagesOf({ skip: 0, total: 50, isExact: true }, 50)", pages((1, 50), None, None)),
        ("page.pagesOf({ skip: 10000, total: 10000, isExact: false }, 50)", pages((10_001, 10_050), Some(9950), None)),
    ])
    .await;
}

/// A change is shown as the lines that differ, and sent as the fields that differ; the changes of
/// status are those that the server allows.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_what_differs_and_needs_a_reason_as_the_server_says() {
    let lines = "page.lineDifference('a\\nb\\nc\\nd', 'a\\nb\\nX\\nc')\
        .map(({ kind, text, count }) => `${kind} ${text ?? count}`)";
    let steps = "fetch(new URL('api/v1/bugs/fields', document.baseURI)).then(answer => answer.json()).then(fields => \
        fields.transitions.length === Object.values(page.TRANSITIONS).flat().length && fields.transitions.every(step => \
            page.TRANSITIONS[step.from].includes(step.to) && page.needsWhy(step.from, step.to) === step.needs_why))";
    compute(&[
        (lines, json!(["skipped 1", "same b", "added X", "same c", "removed d"])),
        ("page.lineDifference('a', 'a')", json!([{ "kind": "same", "text": "a" }])),
        ("page.lineDifference('', 'a')", json!([{ "kind": "added", "text": "a" }])),
        ("page.splitList(' a, b,, a ')", json!(["a", "b"])),
        (
            "page.patchOf({ title: 't ', tags: ['a'], category: 'x' }, { title: 't', tags: [], category: 'y' })",
            json!({ "tags": null, "category": "y" }),
        ),
        (steps, json!(true)),
    ])
    .await;
}

/// The stack of a fault of the page is read in the forms of every browser, and what is told names
/// no person.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_page_is_told_by_its_frames_and_without_a_person() {
    let frame = |function: &str, filename: &str, lineno: u32, colno: u32, in_app: bool| json!({ "function": function, "filename": filename, "lineno": lineno, "colno": colno, "in_app": in_app });
    let exception = |kind: &str, value: &str| json!({ "type": kind, "value": value, "stacktrace": { "frames": [] } });
    let of_chromium = "page.framesOf(`TypeError: x\n    at f (${location.origin}/bugs.js?v=1:10:5)\n    at async \
        ${location.origin}/q/bugs.js:3:4\n    at Array.forEach (<anonymous>)\n    at new A (chrome-extension://b/x.js:1:2)`)";
    let of_firefox = "page.framesOf(`g@${location.origin}/bugs.js:10:5\n@http://other/x.js:1:2\n[native code]`)";
    compute(&[
        (
            of_chromium,
            json!([
                frame("new A", "chrome-extension://b/x.js", 1, 2, false),
                frame("<anonymous>", "/q/bugs.js", 3, 4, true),
                frame("f", "/bugs.js", 10, 5, true),
            ]),
        ),
        (
            of_firefox,
            json!([frame("<anonymous>", "http://other/x.js", 1, 2, false), frame("g", "/bugs.js", 10, 5, true)]),
        ),
        ("page.framesOf('x@h/y.js:1:2\\n'.repeat(9000)).length", json!(50)),
        ("page.exceptionOf('no mail to jo@plant.example', [])", exception("Thrown", "no mail to …")),
        ("page.exceptionOf({ name: 'jo' }, [])", exception("Thrown", "[object Object]")),
        ("page.exceptionOf(undefined, [])", exception("Thrown", "undefined")),
        ("page.exceptionOf(new RangeError('x'.repeat(9000)), []).value.length", json!(500)),
    ])
    .await;
}
