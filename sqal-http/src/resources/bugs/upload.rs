//! Reads a file that a client attaches: the one of a form, or the whole body.

use axum::body::Body;
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use sqal_bugs::attachment::LARGEST_ATTACHMENT;
use sqal_protocol::Violation;
use sqal_protocol::violation::cut;

use crate::door::body::whole_within;
use crate::door::budget::{Hold, Party};
use crate::door::problem::Problem;
use crate::services::Services;

/// What a form has beside its file, in bytes: boundaries and the headers of its fields.
const FORM: usize = 64 * 1024;

/// A file as a client sends it.
pub(super) struct Upload {
    pub(super) name: String,
    /// The media type that the client declares.
    pub(super) declared: Option<String>,
    pub(super) bytes: Vec<u8>,
    /// Whether a form had the file; otherwise the whole body was the file.
    pub(super) is_form: bool,
}

/// Reads the file, whose bytes are counted for its party until the [`Hold`] is dropped. `name` is
/// the parameter of the query, for a body that is the file itself.
pub(super) async fn upload(
    services: &Services,
    party: Party,
    headers: &HeaderMap,
    name: Option<String>,
    body: Body,
) -> Result<(Upload, Hold), Problem> {
    let media = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let is_form = media.as_deref().is_some_and(is_form);
    let most = if is_form { LARGEST_ATTACHMENT + FORM } else { LARGEST_ATTACHMENT };
    let (bytes, hold) = whole_within(&services.door.budget, party, body, most, too_large).await?;
    if !is_form {
        let name = name.ok_or_else(no_name)?;
        return Ok((Upload { name, declared: media, bytes, is_form }, hold));
    }
    if name.is_some() {
        let (limit, french) = ("absent: the form names its file", "absent : le formulaire nomme son fichier");
        return Err(Problem::invalid_query(vec![Violation::new("?name", "a name", limit, french)]));
    }
    let (name, declared, bytes) = of_form(headers, bytes).await?;
    Ok((Upload { name, declared, bytes, is_form }, hold))
}

fn is_form(media: &str) -> bool {
    media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("multipart/form-data"))
}

fn too_large() -> Problem {
    Problem::body_too_large(LARGEST_ATTACHMENT)
}

/// The problem of a body without the name of its file.
fn no_name() -> Problem {
    let limit = "the name of the file, or a body of multipart/form-data";
    let french = "le nom du fichier, ou un corps multipart/form-data";
    Problem::invalid_query(vec![Violation::new("?name", "no name", limit, french)])
}

/// The name, the declared media type and the bytes of the one file of a form.
async fn of_form(headers: &HeaderMap, bytes: Vec<u8>) -> Result<(String, Option<String>, Vec<u8>), Problem> {
    let mut request = Request::new(Body::from(bytes));
    *request.headers_mut() = headers.clone();
    // The body was read within its limit.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &()).await.map_err(|refused| not_a_form(&refused))?;
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(|error| broken_form(&error))? {
        let name = field.name().unwrap_or_default();
        if name != "file" {
            let (limit, french) = ("one field, `file`", "un seul champ, `file`");
            let found = format!("the field {:?}", cut(name.to_owned(), 40));
            return Err(Problem::wrong("", found, limit, french));
        }
        if file.is_some() {
            return Err(one_file("more than one file"));
        }
        let file_name = field.file_name().ok_or_else(|| one_file("no file"))?.to_owned();
        let declared = field.content_type().map(str::to_owned);
        let bytes = field.bytes().await.map_err(|error| broken_form(&error))?;
        if bytes.len() > LARGEST_ATTACHMENT {
            return Err(too_large());
        }
        file = Some((file_name, declared, Vec::from(bytes)));
    }
    file.ok_or_else(|| one_file("no file"))
}

fn one_file(found: &str) -> Problem {
    Problem::wrong("/file", found, "one file", "un fichier")
}

fn not_a_form(refused: &MultipartRejection) -> Problem {
    let (limit, french) = ("multipart/form-data with its boundary", "multipart/form-data avec sa limite");
    Problem::wrong("", refused.body_text(), limit, french)
}

fn broken_form(error: &MultipartError) -> Problem {
    let (limit, french) = ("multipart/form-data with one file", "multipart/form-data avec un fichier");
    Problem::wrong("", cut(error.body_text(), 120), limit, french)
}
