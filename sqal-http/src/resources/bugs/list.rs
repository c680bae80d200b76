//! `GET /api/bugs/` and `GET /api/v1/bugs`: bugs that meet conditions, page by page.

use std::num::NonZeroU16;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqal_core::{Name, Timestamp};
use sqal_protocol::Violation;
use sqal_protocol::time::parse;
use sqal_storage::bugs::{BugOrder, BugQuery, BugSort, InvalidBugWord, MOST_SEARCHED_WORDS, MOST_SKIPPED, bug_words};

use super::super::parameters::{limit_of, unreadable};
use super::document::Bug;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_bugs::{CAMEL_LISTED, LISTED};
use crate::route::spelling::{Camel, Snake, spelled};
use crate::route::{Endpoint, VIEWER, get};
use crate::services::Services;

/// The routes of lists.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        documented("/api/bugs/", "listBugsAsDocumented", "/api/bugs/?limit=201"),
        documented("/api/bugs", "listBugsAsDocumentedWithoutSlash", "/api/bugs?limit=201"),
        get("/api/v1/bugs", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listBugs", "Bugs", "Bugs that meet conditions, page by page")
            .parameters(LISTED)
            .gives_spelled::<BugList, Snake>()
            .problems(&[400, 404])
            .line(
                "bugs that meet all conditions: `items`, `total`, `skip` and `limit` (1 to 200, by default 50), each \
                 without its comments and with the beginning of its description. `total_is_exact` is false if more \
                 than status, severity and category is asked for and at least 10 000 bugs meet it. `q` is at most \
                 8 words that are all in title, description, steps or tags. `sort` is `created_at`, `updated_at`, `severity` or \
                 `priority`, with `-` the latest, worst or soonest first; by default `-created_at`. Parameters may be \
                 spelled in camelCase too",
                "0",
            )
            .bad_call("GET", "/api/v1/bugs?limit=201", 400),
    ]
}

/// The documented list at one of its two paths.
fn documented(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    get(path, VIEWER, Class::Read, list_as_documented)
        .objective(Objective::MANY)
        .described(id, "Bugs", "Bugs that meet conditions, page by page")
        .parameters(CAMEL_LISTED)
        .gives_spelled::<BugsFound, Camel>()
        .problems(&[400, 404])
        .line(
            "the documented list: `{\"bugs\":[…],\"total\":42,\"skip\":0,\"limit\":50}`, with the conditions of \
             `GET /api/v1/bugs` and names in camelCase",
            "0",
        )
        .bad_call("GET", wrong, 400)
}

/// The usual number of bugs of a page.
const USUAL_PAGE: u16 = 50;

/// The most bugs of a page.
pub(super) const LARGEST_PAGE: u16 = 200;

/// The longest search, in characters.
const LONGEST_SEARCH: usize = 200;

/// The parameters of a list. Every one is text first, so that a wrong one can be named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BugsQuery {
    status: Option<String>,
    severity: Option<String>,
    category: Option<String>,
    priority: Option<String>,
    #[serde(alias = "deviceId")]
    device_id: Option<String>,
    #[serde(alias = "firmwareVersion")]
    firmware_version: Option<String>,
    assignee: Option<String>,
    tag: Option<String>,
    q: Option<String>,
    #[serde(alias = "createdFrom")]
    created_from: Option<String>,
    #[serde(alias = "createdUntil")]
    created_until: Option<String>,
    sort: Option<String>,
    skip: Option<String>,
    limit: Option<String>,
}

/// A page of bugs.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugList {
    items: Vec<Bug>,
    /// How many bugs meet the conditions; the least number if `total_is_exact` is false.
    total: u64,
    total_is_exact: bool,
    skip: u32,
    limit: u16,
}

/// A page of bugs, as the old system's documents have it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugsFound {
    bugs: Vec<Bug>,
    total: u64,
    skip: u32,
    limit: u16,
}

impl BugsQuery {
    /// What is asked for, or every fault of it.
    fn read(query: Result<Query<Self>, QueryRejection>) -> Result<BugQuery, Problem> {
        let parameters = "status, severity, category, priority, device_id, firmware_version, assignee, tag, q, \
                          created_from, created_until, sort, skip and limit";
        let Query(asked) = query.map_err(|refused| unreadable(&refused, parameters))?;
        let mut wrong = Vec::new();
        let limit = limit_of(asked.limit, USUAL_PAGE, LARGEST_PAGE, &mut wrong);
        let query = BugQuery {
            status: word("status", asked.status, &mut wrong),
            severity: word("severity", asked.severity, &mut wrong),
            category: name("category", asked.category, &mut wrong),
            priority: word("priority", asked.priority, &mut wrong),
            device_id: name("device_id", asked.device_id, &mut wrong),
            firmware_version: name("firmware_version", asked.firmware_version, &mut wrong),
            assignee: name("assignee", asked.assignee, &mut wrong),
            tag: name("tag", asked.tag, &mut wrong),
            words: words(asked.q, &mut wrong),
            from: time("created_from", asked.created_from, &mut wrong),
            until: time("created_until", asked.created_until, &mut wrong),
            order: order(asked.sort, &mut wrong),
            skip: skip_of(asked.skip, &mut wrong),
            limit: NonZeroU16::new(limit).unwrap_or(NonZeroU16::MIN),
        };
        if wrong.is_empty() { Ok(query) } else { Err(Problem::invalid_query(wrong)) }
    }
}

/// A parameter that is one of several words.
fn word<T: FromStr<Err = InvalidBugWord>>(at: &str, text: Option<String>, wrong: &mut Vec<Violation>) -> Option<T> {
    let text = text?;
    let refused = |InvalidBugWord { expected }: InvalidBugWord| {
        let french = expected.replace(" or ", " ou ");
        wrong.push(Violation::new(format!("?{at}"), format!("{text:?}"), expected, french));
    };
    text.parse().map_err(refused).ok()
}

/// A parameter that is a name.
fn name<const N: usize>(at: &str, text: Option<String>, wrong: &mut Vec<Violation>) -> Option<Name<N>> {
    let text = text?;
    // It may have been stored under an older, wider rule for names.
    let name = Name::stored(&text);
    if name.is_err() {
        let limit = format!("1 to {N} bytes of printable text");
        let french = format!("1 à {N} octets de texte imprimable");
        wrong.push(Violation::new(format!("?{at}"), format!("{text:?}"), limit, french));
    }
    name.ok()
}

/// A parameter that is a time.
fn time(at: &str, text: Option<String>, wrong: &mut Vec<Violation>) -> Option<Timestamp> {
    let text = text?;
    let time = parse(&text);
    if time.is_none() {
        let (limit, french) = ("a time as RFC 3339 writes it", "une date au format RFC 3339");
        wrong.push(Violation::new(format!("?{at}"), format!("{text:?}"), limit, french));
    }
    time
}

/// The words of a search.
fn words(text: Option<String>, wrong: &mut Vec<Violation>) -> Vec<String> {
    let Some(text) = text else { return Vec::new() };
    let (words, characters) = (bug_words([text.as_str()]), text.chars().count());
    if words.is_empty() || characters > LONGEST_SEARCH {
        let found = if words.is_empty() { "no word".to_owned() } else { format!("{characters} characters") };
        let limit = format!("words of letters and digits, at most {LONGEST_SEARCH} characters");
        let french = format!("des mots de lettres et de chiffres, au plus {LONGEST_SEARCH} caractères");
        wrong.push(Violation::new("?q", found, limit, french));
    } else if words.len() > MOST_SEARCHED_WORDS {
        let limit = format!("at most {MOST_SEARCHED_WORDS} words");
        let french = format!("au plus {MOST_SEARCHED_WORDS} mots");
        wrong.push(Violation::new("?q", format!("{} words", words.len()), limit, french));
    }
    words
}

/// The order of a list; the newest first if the parameter is missing.
fn order(text: Option<String>, wrong: &mut Vec<Violation>) -> BugOrder {
    let newest = BugOrder { by: BugSort::CreatedAt, is_descending: true };
    let Some(text) = text else { return newest };
    let (is_descending, by) = text.strip_prefix('-').map_or((false, text.as_str()), |by| (true, by));
    let by = match by {
        "created_at" | "createdAt" => BugSort::CreatedAt,
        "updated_at" | "updatedAt" => BugSort::UpdatedAt,
        "severity" => BugSort::Severity,
        "priority" => BugSort::Priority,
        _ => {
            let limit = "created_at, updated_at, severity or priority, with or without - before it";
            let french = "created_at, updated_at, severity ou priority, avec ou sans - devant";
            wrong.push(Violation::new("?sort", format!("{text:?}"), limit, french));
            return newest;
        }
    };
    BugOrder { by, is_descending }
}

/// How many items are passed over; none if the parameter is missing.
pub(super) fn skip_of(text: Option<String>, wrong: &mut Vec<Violation>) -> u32 {
    let Some(text) = text else { return 0 };
    match text.parse() {
        Ok(skip) if skip <= MOST_SKIPPED => skip,
        _ => {
            let limit = format!("a whole number from 0 to {MOST_SKIPPED}");
            let french = format!("un entier de 0 à {MOST_SKIPPED}");
            wrong.push(Violation::new("?skip", text, limit, french));
            0
        }
    }
}

/// `GET /api/bugs/`: the documented list.
pub(crate) async fn list_as_documented(
    State(services): State<Arc<Services>>,
    query: Result<Query<BugsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = BugsQuery::read(query)?;
    let page = services.bugs()?.book.list(&query).await?;
    let bugs = page.bugs.iter().map(Bug::listed).collect();
    let list = BugsFound { bugs, total: page.total, skip: query.skip, limit: query.limit.get() };
    Ok(spelled::<Camel>(StatusCode::OK, &list))
}

/// `GET /api/v1/bugs`.
pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    query: Result<Query<BugsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = BugsQuery::read(query)?;
    let page = services.bugs()?.book.list(&query).await?;
    let items = page.bugs.iter().map(Bug::listed).collect();
    let (total, total_is_exact) = (page.total, page.is_total);
    let list = BugList { items, total, total_is_exact, skip: query.skip, limit: query.limit.get() };
    Ok(spelled::<Snake>(StatusCode::OK, &list))
}
