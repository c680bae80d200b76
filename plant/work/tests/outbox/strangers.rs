//! Programs that this repository did not write: the official verifier of Standard Webhooks for
//! Python, and `aiosmtpd`, with the mail parser of Python's standard library.

use std::io::{BufRead, BufReader, Lines};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::SystemTime;

use serde_json::Value;
use sqal_core::Timestamp;
use sqal_work::outbox::Language;
use sqal_work::outbox::mail::{Letter, MailSender, Mailer, SmtpConfig, SmtpSecurity};

use crate::line::Line;
use crate::receiver::ok;
use crate::webhooks::{Hook, SECRET};

/// A program in Python; it ends when this value is dropped.
struct Stranger {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Stranger {
    /// Starts a script of the folder `strangers`, and waits until it has printed its port.
    fn start(script: &str, arguments: &[&str]) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outbox/strangers").join(script);
        let mut command = Command::new(python());
        let mut process = command.arg(path).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().expect("the script does not start").unwrap().parse().unwrap();
        Self { process, lines, port }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The path of a Python with the strangers' packages.
fn python() -> String {
    #[expect(clippy::disallowed_methods, reason = "how the test command tells tests where programs are")]
    let path = std::env::var("SQAL_TEST_OUTBOX_PYTHON");
    path.expect("SQAL_TEST_OUTBOX_PYTHON is not set: run `cargo xtask test`, which installs what is needed")
}

#[tokio::test]
async fn the_official_library_for_python_verifies_our_webhooks() {
    #[expect(clippy::disallowed_methods, reason = "the official library compares with the machine's clock")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap()).unwrap();
    let (mut knowing, mut other) = (
        Stranger::start("verify_webhooks.py", &[SECRET]),
        Stranger::start("verify_webhooks.py", &["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]),
    );
    let hook = Hook::on(Line::at(now), [ok()]).await;
    let id = "erp".parse().unwrap();
    for (stranger, is_accepted) in [(&mut knowing, true), (&mut other, false)] {
        let url = format!("http://127.0.0.1:{}/hooks", stranger.port).parse::<sqal_work::outbox::TargetUrl>().unwrap();
        hook.endpoints.change(&id, hook.line.now(), |endpoint| endpoint.at(url.clone())).await.unwrap();
        hook.send(&stranger.port.to_string()).await;
        let done = hook.line.work_off(&hook.work).await;
        assert_eq!(done[0].result.is_ok(), is_accepted, "{done:?}");
        let line = stranger.line();
        if is_accepted {
            assert!(line.starts_with("msg_") && line.ends_with(" sample.rejected"), "{line}");
        } else {
            assert_eq!(line, "refused");
        }
    }
}

#[tokio::test]
async fn a_mail_server_and_a_mail_parser_of_others_read_what_we_wrote() {
    let mut server = Stranger::start("receive_mail.py", &[]);
    let sender = MailSender::new("sqal@plant.example".parse().unwrap()).named("SQAL, Usine d'Été").unwrap();
    let security = SmtpSecurity::PlainOnThisMachine;
    let config = SmtpConfig::new("127.0.0.1", NonZeroU16::new(server.port), security, sender).unwrap();
    let subject = "Température de la station 3 : 9 °C, au-dessus de la limite depuis dix minutes — à vérifier";
    let text = "Première ligne\n.\nTroisième ligne, avec un mot très long : ".to_owned() + &"x".repeat(1200);
    let letter = Letter::new(subject.parse().unwrap(), text.clone(), Language::French).unwrap();
    let letter = letter.html("<p>9&nbsp;°C</p>".to_owned()).unwrap();
    let (to, at) = ("marie@example.com".parse().unwrap(), Line::new().now());
    let accepted = Mailer::new(config).unwrap().deliver(&letter, &to, "0123abcd", at).await.unwrap();
    assert_eq!(accepted.reply, "2.0.0 accepted");
    let read: Value = serde_json::from_str(&server.line()).unwrap();
    let fields = [
        "auto-submitted",
        "content-language",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "subject",
        "to",
    ];
    for (name, expected) in [
        ("sender", Value::from("sqal@plant.example")),
        ("recipients", vec!["marie@example.com"].into()),
        ("fields", fields.to_vec().into()),
        ("from", "\"SQAL, Usine d'Été\" <sqal@plant.example>".into()),
        ("to", "marie@example.com".into()),
        ("subject", subject.into()),
        ("message_id", "<0123abcd@plant.example>".into()),
        ("auto_submitted", "auto-generated".into()),
        ("language", "fr".into()),
        ("date", "2024-10-26T23:00:00+00:00".into()),
        ("defects", Value::Array(Vec::new())),
    ] {
        assert_eq!(read[name], expected, "{name}");
    }
    assert_eq!(read["text"].as_str().unwrap().replace("\r\n", "\n").trim_end(), text);
    assert_eq!(read["html"].as_str().unwrap().trim_end(), "<p>9&nbsp;°C</p>");
}
