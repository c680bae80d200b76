//! What an attached file is, by its content: its name and what its sender says are only compared.

use std::borrow::Cow;

use infer::MatcherType;
use serde::de::IgnoredAny;
use sqal_core::Name;

use crate::report::{InvalidField, Limit};

/// The largest attachment, in bytes: 10 MiB.
pub const LARGEST_ATTACHMENT: usize = 10 * 1024 * 1024;

/// The most attachments of a bug.
pub const MOST_ATTACHMENTS: u16 = 50;

/// What a file is whose content is not recognised.
const UNKNOWN: &str = "application/octet-stream";

/// The media type of a core dump.
pub(crate) const CORE_DUMP: &str = "application/x-coredump";

/// The media types of core dumps; those of ESP32 devices begin with no signature.
const CORE_DUMPS: [&str; 2] = [CORE_DUMP, "application/x-core"];

/// The endings of core dumps.
const CORE_ENDINGS: [&str; 2] = ["core", "coredump"];

/// Media types of texts that do not begin with `text/`.
const TEXTS: [&str; 10] = [
    "application/json",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/javascript",
    "application/x-sh",
    "application/x-pem-file",
    "image/svg+xml",
];

/// The endings of texts, each with its media type.
const TEXT_ENDINGS: [(&str, &str); 23] = [
    ("txt", "text/plain"),
    ("log", "text/plain"),
    ("cfg", "text/plain"),
    ("conf", "text/plain"),
    ("ini", "text/plain"),
    ("rs", "text/plain"),
    ("c", "text/plain"),
    ("py", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("json", "application/json"),
    ("ndjson", "application/x-ndjson"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("toml", "application/toml"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("xml", "text/xml"),
    ("svg", "image/svg+xml"),
    ("js", "text/javascript"),
    ("sh", "text/x-shellscript"),
    ("pem", "application/x-pem-file"),
    ("crt", "application/x-pem-file"),
];

/// Names of one format: media types and endings that files of one signature have.
const FORMATS: [&[&str]; 16] = [
    &[
        "application/zip",
        "application/x-zip-compressed",
        "application/java-archive",
        "application/epub+zip",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
        "zip",
        "jar",
        "epub",
        "docx",
        "xlsx",
        "pptx",
        "odt",
        "ods",
        "odp",
    ],
    &["application/gzip", "application/x-gzip", "gz", "gzip", "tgz"],
    &["application/x-minidump", "application/x-dmp", "dmp", "mdmp"],
    &[
        "application/x-executable",
        "application/x-elf",
        "application/x-sharedlib",
        "application/x-coredump",
        "application/x-core",
        "elf",
        "so",
        "axf",
        "core",
        "coredump",
    ],
    &["image/jpeg", "image/jpg", "jpg", "jpeg"],
    &["image/tiff", "image/x-canon-cr2", "tif", "tiff", "cr2"],
    &["image/heif", "image/heic", "heif", "heic"],
    &["image/bmp", "image/x-ms-bmp", "bmp"],
    &["image/vnd.microsoft.icon", "image/x-icon", "ico"],
    &["audio/x-wav", "audio/wav", "audio/wave", "wav"],
    &["audio/mpeg", "audio/mp3", "mp3"],
    &["video/mp4", "video/x-m4v", "video/quicktime", "audio/m4a", "audio/mp4", "mp4", "m4v", "mov", "m4a"],
    &["video/x-matroska", "video/webm", "mkv", "webm"],
    &["video/mpeg", "mpg", "mpeg"],
    &["application/vnd.sqlite3", "application/x-sqlite3", "sqlite", "db", "sqlite3"],
    &[
        "application/x-ole-storage",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "msi",
        "doc",
        "xls",
        "ppt",
    ],
];

/// What the content of a file is.
enum Content {
    /// Readable text; the media type of its signature, if it has one.
    Text(Option<(&'static str, &'static str)>),
    /// A signature: its media type and its ending.
    Signed(&'static str, &'static str),
    /// Something else.
    Unknown,
}

/// The media type of a file, by its content.
///
/// `declared` is the media type that its sender states, and `name` the name of the file. Each may
/// state nothing, but not something else than the content is. Bytes that are not recognised are
/// accepted if they are declared as `application/octet-stream` or as a core dump, or if the file
/// is named as a core dump.
///
/// ```
/// use sqal_bugs::attachment::media_type;
///
/// assert_eq!(media_type("trace.log", None, b"21:04 lost the sensor\n")?.as_str(), "text/plain");
/// assert!(media_type("photo.png", Some("image/png"), b"MZ\x90\0\x03\0\0\0").is_err());
/// # Ok::<(), sqal_bugs::InvalidField>(())
/// ```
///
/// # Errors
///
/// [`InvalidField`] for `content`, if the file is empty, has more than [`LARGEST_ATTACHMENT`]
/// bytes, is something else than its type or its name says, or is not recognised and not declared.
pub fn media_type(name: &str, declared: Option<&str>, bytes: &[u8]) -> Result<Name<100>, InvalidField> {
    if bytes.is_empty() || bytes.len() > LARGEST_ATTACHMENT {
        let limit = Limit::new(format!("1 to {LARGEST_ATTACHMENT} bytes"), format!("1 à {LARGEST_ATTACHMENT} octets"));
        return Err(InvalidField::new("content", &format!("{} bytes", bytes.len()), limit));
    }
    let declared = declared.map(bare).filter(|declared| !declared.is_empty());
    let is_plain = declared.as_deref() == Some(UNKNOWN);
    let declared = declared.filter(|_| !is_plain);
    let ending = ending(name);
    let found = match content(bytes) {
        Content::Text(signature) => text_type(signature, declared.as_deref(), ending.as_deref(), bytes),
        Content::Signed(found, usual) => {
            let is_declared = declared.as_deref().is_none_or(|declared| is_one_format(declared, found));
            let is_named = ending.as_deref().is_none_or(|ending| !claims(ending) || is_one_format(ending, usual));
            (is_declared && is_named).then_some(Cow::Borrowed(found)).ok_or(found)
        }
        Content::Unknown => unknown_type(declared.as_deref(), ending.as_deref(), is_plain),
    };
    let other = |found: &str| {
        let said = [declared.as_deref(), ending.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let limit = Limit::new(
            format!("a content that is what its type and its name say: it is {found}"),
            format!("un contenu conforme à son type et à son nom : c'est {found}"),
        );
        InvalidField::new("content", &said, limit)
    };
    let found = found.map_err(other)?;
    Name::new(&found).map_err(|_| other(UNKNOWN))
}

/// Whether a file is a core dump, by its content, its declared media type and its name.
pub(crate) fn is_core_dump(name: &str, declared: Option<&str>, bytes: &[u8]) -> bool {
    media_type(name, declared, bytes).is_ok_and(|kind| kind.as_str() == CORE_DUMP)
}

/// Whether a declared media type says nothing of the content.
pub(crate) fn says_nothing(declared: &str) -> bool {
    let declared = bare(declared);
    declared.is_empty() || declared == UNKNOWN
}

/// Whether bytes begin as a minidump.
pub(crate) fn is_minidump(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MDMP")
}

/// A media type without parameters, in small letters.
fn bare(declared: &str) -> String {
    declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The ending of the name of a file, in small letters.
fn ending(name: &str) -> Option<String> {
    let (stem, ending) = name.rsplit_once('.')?;
    (!stem.is_empty() && !ending.is_empty()).then(|| ending.to_ascii_lowercase())
}

fn content(bytes: &[u8]) -> Content {
    let signature = infer::get(bytes).map(|found| (found.mime_type(), found.extension(), found.matcher_type()));
    if is_text(bytes) {
        // Signatures of two letters are also words: only these formats are texts.
        let is_known = |found: &&(&str, &str, MatcherType)| {
            found.2 == MatcherType::Text || ["pdf", "rtf", "ps"].contains(&found.1)
        };
        return Content::Text(signature.as_ref().filter(is_known).map(|found| (found.0, found.1)));
    }
    if is_minidump(bytes) {
        return Content::Signed("application/x-minidump", "dmp");
    }
    // ELF files of the type `ET_CORE` (4), in either order of bytes.
    if bytes.starts_with(b"\x7fELF") && matches!(bytes.get(16..18), Some([4, 0] | [0, 4])) {
        return Content::Signed(CORE_DUMP, CORE_ENDINGS[0]);
    }
    match signature {
        Some((found, usual, _)) if found != UNKNOWN => Content::Signed(found, usual),
        _ => Content::Unknown,
    }
}

/// Whether bytes are UTF-8 without control characters other than those of lines.
fn is_text(bytes: &[u8]) -> bool {
    let is_shown = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_shown))
}

/// The media type of a readable text; the error is what it is instead of what was said.
fn text_type<'a>(
    signature: Option<(&'static str, &'static str)>,
    declared: Option<&'a str>,
    ending: Option<&str>,
    bytes: &[u8],
) -> Result<Cow<'a, str>, &'static str> {
    let (found, usual) = signature.unwrap_or(("text/plain", "txt"));
    let named = ending.and_then(|ending| TEXT_ENDINGS.iter().find(|(one, _)| *one == ending)).map(|(_, kind)| *kind);
    let is_named = match ending {
        Some(ending) if named.is_none() => !claims(ending) || is_one_format(ending, usual),
        _ => true,
    };
    let is_readable = |declared: &str| {
        let mut rest = declared.strip_prefix("text/").unwrap_or_default().bytes().peekable();
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        (rest.peek().is_some() && rest.all(is_sign)) || TEXTS.contains(&declared)
    };
    let is_declared = declared.is_none_or(|declared| is_readable(declared) || is_one_format(declared, found));
    if !is_named || !is_declared {
        return Err(found);
    }
    let is_format = matches!(usual, "pdf" | "rtf" | "ps");
    let kind = match (declared, named) {
        (Some(declared), _) => Cow::Borrowed(declared),
        (None, Some(named)) => Cow::Borrowed(named),
        (None, None) if is_format => Cow::Borrowed(found),
        (None, None) => Cow::Borrowed("text/plain"),
    };
    let is_json = || serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
    let says_json = kind == "application/json" || named == Some("application/json");
    if says_json && !is_json() { Err("text/plain") } else { Ok(kind) }
}

/// The media type of bytes that are not recognised; the error is what they are instead of what was
/// said. `is_plain` says whether they are declared as `application/octet-stream`.
fn unknown_type(
    declared: Option<&str>,
    ending: Option<&str>,
    is_plain: bool,
) -> Result<Cow<'static, str>, &'static str> {
    let is_named_core = ending.is_some_and(|ending| CORE_ENDINGS.contains(&ending));
    let is_core = declared.map_or(is_named_core, |declared| CORE_DUMPS.contains(&declared));
    if ending.is_some_and(claims) && !is_named_core {
        return Err(UNKNOWN);
    }
    match (is_core, is_plain) {
        (true, _) => Ok(Cow::Borrowed(CORE_DUMP)),
        (false, true) => Ok(Cow::Borrowed(UNKNOWN)),
        (false, false) => Err(UNKNOWN),
    }
}

/// Whether the ending of a name says what a file is.
fn claims(ending: &str) -> bool {
    let is_text = TEXT_ENDINGS.iter().any(|(one, _)| *one == ending);
    is_text || FORMATS.iter().any(|format| format.contains(&ending)) || infer::is_supported(ending)
}

/// Whether two media types or two endings are names of one format.
fn is_one_format(a: &str, b: &str) -> bool {
    a == b || FORMATS.iter().any(|format| format.contains(&a) && format.contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0";
    const NOISE: &[u8] = b"\x01\x02\xf3\x80\0\x05\x06\x07";

    fn core() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..8].copy_from_slice(b"\x7fELF\x01\x01\x01\0");
        bytes[16] = 4;
        bytes
    }

    fn of(name: &str, declared: Option<&str>, bytes: &[u8]) -> Option<String> {
        media_type(name, declared, bytes).ok().map(|kind| kind.to_string())
    }

    #[test]
    fn a_file_is_what_its_content_is() {
        let core = core();
        let cases: &[(&str, Option<&str>, &[u8], &str)] = &[
            ("photo.png", None, PNG, "image/png"),
            ("photo.PNG", Some("image/png"), PNG, "image/png"),
            ("photo", Some("application/octet-stream"), PNG, "image/png"),
            ("photo.jpeg", Some("image/jpg"), JPEG, "image/jpeg"),
            ("report.docx", None, ZIP, "application/zip"),
            ("a.dmp", None, b"MDMP\x93\xa7\0\0", "application/x-minidump"),
            ("a.dmp", Some("application/x-dmp"), b"MDMP\x93\xa7\0\0", "application/x-minidump"),
            ("crash.elf", None, &core, "application/x-coredump"),
            ("crash.core", Some("application/octet-stream"), NOISE, "application/x-coredump"),
            ("crash.core", None, NOISE, "application/x-coredump"),
            ("flash.bin", Some("application/octet-stream"), NOISE, "application/octet-stream"),
            ("trace.log", None, "Écran gelé\n".as_bytes(), "text/plain"),
            ("trace", None, b"BMW is a word, and MZ is another", "text/plain"),
            ("data.csv", Some("text/csv; charset=utf-8"), b"a,b\n1,2\n", "text/csv"),
            ("data.json", None, b"{\"a\": 1}", "application/json"),
            ("a.pdf", Some("application/pdf"), b"%PDF-1.4 all of it is text", "application/pdf"),
        ];
        for &(name, declared, bytes, expected) in cases {
            assert_eq!(of(name, declared, bytes).as_deref(), Some(expected), "{name} {declared:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_what_it_says_is_refused() {
        let cases: &[(&str, Option<&str>, &[u8])] = &[
            ("photo.png", None, JPEG),
            ("photo.png", Some("image/png"), JPEG),
            ("photo", Some("image/png"), JPEG),
            ("photo.jpg", Some("image/png"), JPEG),
            ("photo.png", None, b"only a text"),
            ("photo", Some("image/png"), b"only a text"),
            ("photo.png", Some("application/octet-stream"), NOISE),
            ("trace.log", None, NOISE),
            ("trace.log", Some("text/plain"), PNG),
            ("trace.log", None, b"a\0b"),
            ("data.json", None, b"{\"a\": "),
            ("data", Some("application/json"), b"no JSON"),
            ("a.dmp", None, NOISE),
            ("a.pdf", None, b"only a text"),
            ("noise", None, NOISE),
            ("noise", Some("application/x-sqal"), NOISE),
            ("page.html", Some("text/<html>"), b"<html>"),
            ("empty.txt", None, b""),
        ];
        for &(name, declared, bytes) in cases {
            let refused = media_type(name, declared, bytes).expect_err(name);
            assert_eq!(refused.field, "content", "{name}");
            assert_ne!(refused.limit, refused.limit_fr);
        }
        assert!(media_type("a.txt", None, &vec![b'a'; LARGEST_ATTACHMENT]).is_ok());
        let refused = media_type("a.txt", None, &vec![b'a'; LARGEST_ATTACHMENT + 1]).unwrap_err();
        assert_eq!(refused.value, "10485761 bytes");
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_type_that_a_header_can_hold_or_are_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..300), name in ".{0,30}", declared in option(),
        ) {
            if let Ok(kind) = media_type(&name, declared.as_deref(), &bytes) {
                prop_assert!(kind.as_str().is_ascii() && kind.as_str().contains('/'));
            }
        }

        #[test]
        fn a_picture_is_accepted_under_no_name_of_another_kind(ending in "(jpg|gif|pdf|txt|html|exe|zip|json|core)") {
            prop_assert_eq!(of(&format!("x.{ending}"), None, PNG), None);
        }
    }

    fn option() -> impl Strategy<Value = Option<String>> {
        proptest::option::of(prop_oneof![".{0,30}", "(text|image|application)/[a-z]{1,10}"])
    }
}
