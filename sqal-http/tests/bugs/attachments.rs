//! Attachments: forms and whole bodies, by their content, saved and never shown.

use serde_json::{Value, json};
use sqal_core::Timestamp;
use sqal_storage::Blobs;
use sqal_storage::blobs::BlobId;

use crate::plant::{NOON, Plant, Raw, SECOND, minimal, told};

/// The least PNG: its signature, and a header of one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde";

const FORM: &str = "multipart/form-data; boundary=limit";

/// A form of fields, each with its `Content-Disposition` parameters, its type and its bytes.
fn form(fields: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (disposition, media, bytes) in fields {
        body.extend(format!("--limit\r\nContent-Disposition: form-data; {disposition}\r\n").into_bytes());
        body.extend(format!("Content-Type: {media}\r\n\r\n").into_bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--limit--\r\n");
    body
}

async fn attach(plant: &Plant, path: &str, media: Option<&str>, body: Vec<u8>) -> Raw {
    let fields: Vec<_> =
        media.map(|media| ("content-type", media)).into_iter().chain([("authorization", "Bearer marie")]).collect();
    plant.raw("POST", path, &fields, body).await
}

#[tokio::test]
async fn bug_07_a_file_is_attached_by_a_form_or_as_the_whole_body() {
    let plant = Plant::new();
    let path = format!("{}/attachments", plant.reported(&minimal()).await);
    let older = path.replace("/api/v1/", "/api/");
    let png = form(&[("name=\"file\"; filename=\"écran.png\"", "image/png", PNG)]);
    let by_form = attach(&plant, &older, Some(FORM), png).await;
    assert_eq!(by_form.status, 201, "{}", by_form.text());
    let shown = by_form.json();
    assert_eq!(
        (&shown["fileName"], &shown["contentType"], &shown["size"], &shown["attachedBy"]),
        (&json!("écran.png"), &json!("image/png"), &json!(PNG.len()), &json!("marie"))
    );
    assert_eq!(shown["sha256"].as_str().unwrap().len(), 64);
    let whole = attach(&plant, &format!("{path}?name=a.log"), None, b"21:04 lost the sensor\n".to_vec()).await;
    assert_eq!((whole.status, &whole.json()["content_type"]), (201, &json!("text/plain")), "{}", whole.text());
    let listed = plant.get(&path).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(plant.get(&older).await["items"][0], shown);
    assert_eq!(plant.get(path.trim_end_matches("/attachments")).await["attachments"], listed["items"]);
}

#[tokio::test]
async fn an_attachment_is_saved_and_not_shown_until_it_is_removed() {
    let plant = Plant::new();
    let path = format!("{}/attachments", plant.reported(&minimal()).await);
    let page = b"<html><script>alert(1)</script></html>".to_vec();
    let attached = attach(&plant, &format!("{path}?name=%C3%A9%22.html"), Some("text/html"), page.clone()).await;
    assert_eq!(attached.status, 201, "{}", attached.text());
    let one = format!("{path}/{}", attached.json()["id"].as_str().unwrap());
    let viewer = ("authorization", "Bearer paul");
    for one in [&one, &one.replace("/api/v1/", "/api/")] {
        let answer = plant.raw("GET", one, &[viewer], "").await;
        assert_eq!((answer.status, &answer.body), (200, &page));
        let header = |name: &str| answer.headers[name].to_str().unwrap();
        assert_eq!(header("content-disposition"), "attachment; filename=\"__.html\"; filename*=UTF-8''%C3%A9%22.html");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(attached.json()["content_type"], "text/html");
        assert_eq!(header("content-type"), "application/octet-stream", "a browser runs nothing of it");
        let known = plant.raw("GET", one, &[viewer, ("if-none-match", header("etag"))], "").await;
        assert_eq!((known.status, known.body.len()), (304, 0));
    }
    assert_eq!(plant.as_person("marie", "DELETE", &one, &Value::Null).await.status, 204);
    assert_eq!(plant.as_person("marie", "DELETE", &one, &Value::Null).await.status, 404);
    assert_eq!(plant.raw("GET", &one, &[viewer], "").await.status, 404);
    assert_eq!(plant.get(&path).await["items"], json!([]));
    let history = plant.get(&path.replace("/attachments", "/history")).await;
    assert!(history.to_string().contains("detached"), "{history}");
}

#[tokio::test]
async fn what_is_not_what_it_says_or_is_too_large_is_refused() {
    let plant = Plant::new();
    let path = format!("{}/attachments", plant.reported(&minimal()).await);
    let program = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".to_vec();
    let named = |name: &str| format!("{path}?name={name}");
    for (path, media, body) in [
        (named("photo.png"), Some("image/png"), program.clone()),
        (named("photo.png"), Some("image/jpeg"), PNG.to_vec()),
        (named("photo.jpg"), None, PNG.to_vec()),
        (named("empty.txt"), None, Vec::new()),
        (named("unknown"), None, vec![1, 2, 3, 0xff]),
    ] {
        let refused = attach(&plant, &path, media, body).await;
        let told = told(&refused.json());
        assert_eq!((refused.status, told[0].0.as_str()), (400, ""), "the whole body: {path}: {told:?}");
        assert!(!told[0].2.is_empty());
    }
    let large = vec![b' '; 10 * 1024 * 1024 + 1];
    for (path, media, body) in [
        (named("large.txt"), None, large.clone()),
        (path.clone(), Some(FORM), form(&[("name=\"file\"; filename=\"large.txt\"", "text/plain", &large)])),
        (path.clone(), Some(FORM), vec![b'-'; 11 * 1024 * 1024]),
    ] {
        let refused = attach(&plant, &path, media, body).await;
        let told = told(&refused.json());
        assert_eq!((refused.status, told[0].2.as_str()), (413, "at most 10485760 bytes"), "{path}: {told:?}");
    }
    let kept = attach(&plant, &named("kept.txt"), None, vec![b' '; 10 * 1024 * 1024]).await;
    assert_eq!(kept.status, 201, "as large as it may be: {}", kept.text());
    assert_eq!(plant.get(&path).await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_named_as_the_client_sent_it() {
    let plant = Plant::new();
    let path = format!("{}/attachments", plant.reported(&minimal()).await);
    let (unnamed, wrong) = (format!("{path}?name="), format!("{path}?name=a.png"));
    let png = |name: &str| form(&[(&format!("name=\"file\"; filename=\"{name}\""), "image/png", b"a")]);
    for (path, media, body, places, title) in [
        (&unnamed, None, b"a".to_vec(), vec!["?name"], "The query is not valid"),
        (&wrong, None, b"a".to_vec(), vec![""], "The body is not valid"),
        (&unnamed, None, Vec::new(), vec!["?name", ""], "The body is not valid"),
        (&path, Some(FORM), png("a.png"), vec!["/file"], "The body is not valid"),
        (&path, Some(FORM), png("folder/"), vec!["/file", "/file"], "The body is not valid"),
    ] {
        let refused = attach(&plant, path, media, body).await;
        let told = told(&refused.json());
        let named: Vec<_> = told.iter().map(|(place, ..)| place.as_str()).collect();
        assert_eq!((refused.status, named), (400, places), "{path}: {told:?}");
        assert_eq!(refused.json()["title"], json!(title), "{path}");
    }
}

/// A client that has the content is told so by the hash alone, also while the content cannot be
/// read.
#[tokio::test]
async fn a_client_that_has_an_attachment_is_answered_without_its_content() {
    let plant = Plant::new();
    let path = format!("{}/attachments", plant.reported(&minimal()).await);
    let attached = attach(&plant, &format!("{path}?name=a.txt"), None, b"a".to_vec()).await.json();
    let one = format!("{path}/{}", attached["id"].as_str().unwrap());
    let hash = attached["sha256"].as_str().unwrap();
    let later = Timestamp::from_micros(NOON + SECOND).unwrap();
    assert!(plant.blobs.remove(&BlobId::of(b"a"), later).await.unwrap());
    let ask =
        async |tag: &str| plant.raw("GET", &one, &[("authorization", "Bearer paul"), ("if-none-match", tag)], "").await;
    let known = ask(&format!("\"{hash}\"")).await;
    assert_eq!((known.status, known.headers["etag"].to_str().unwrap()), (304, format!("\"{hash}\"").as_str()));
    assert_eq!(ask("\"other\"").await.status, 503);
}

#[tokio::test]
async fn a_form_has_one_file_and_a_body_its_name() {
    let plant = Plant::new();
    let path = format!("{}/attachments", plant.reported(&minimal()).await);
    let file: (&str, &str, &[u8]) = ("name=\"file\"; filename=\"a.txt\"", "text/plain", b"a");
    for (media, body, found) in [
        (Some(FORM), form(&[]), "no file"),
        (Some(FORM), form(&[file, file]), "more than one file"),
        (Some(FORM), form(&[("name=\"file\"", "text/plain", b"a")]), "no file"),
        (Some(FORM), form(&[("name=\"note\"", "text/plain", b"a")]), "the field \"note\""),
        (Some(FORM), b"--limit\r\nContent-Disp".to_vec(), ""),
        (Some("multipart/form-data"), form(&[file]), ""),
        (None, b"a".to_vec(), "no name"),
    ] {
        let refused = attach(&plant, &path, media, body).await;
        let told = told(&refused.json());
        assert_eq!(refused.status, 400, "{found}: {told:?}");
        assert!(told[0].1.contains(found) && !told[0].2.is_empty(), "{told:?}");
    }
    let both = attach(&plant, &format!("{path}?name=b.txt"), Some(FORM), form(&[file])).await;
    assert_eq!((both.status, told(&both.json())[0].0.as_str()), (400, "?name"));
    let folder =
        attach(&plant, &path, Some(FORM), form(&[("name=\"file\"; filename=\"../../a.txt\"", "text/plain", b"a")]));
    assert_eq!(folder.await.json()["file_name"], json!("a.txt"), "folders are left out of a name");
    assert_eq!(plant.get(&path).await["items"].as_array().unwrap().len(), 1);
}
