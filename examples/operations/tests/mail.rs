//! `sqal mail test` against servers that accept, refuse, and cannot be trusted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use fixtures::smtp::{Authority, Manners, Reply, SmtpServer, Tls};
use tokio::net::TcpListener;

/// A test with a login at a server of this machine, with these variables in addition or in place of
/// others. The result is the standard output, or the standard error of a command that has failed
/// with 1. Neither shows the password.
fn sqal(port: u16, others: &[(&str, &str)], arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sqal"));
    command.args(["mail", "test", "--to", "marie@example.com"]).args(arguments).env_clear();
    command.env("SMTP_HOST", "localhost").env("SMTP_PORT", port.to_string()).env("SMTP_FROM", "sqal@plant.example");
    command.env("SMTP_USER", "sqal").env("SMTP_PASSWORD", "hunter2").env("SMTP_SECURITY", "plain");
    let ended = command.envs(others.iter().copied()).output().unwrap();
    let (out, error) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert!(!out.contains("hunter2") && !error.contains("hunter2"), "{out} {error}");
    if ended.status.success() {
        assert_eq!(error, "");
        return Ok(out);
    }
    assert_eq!((ended.status.code(), out.as_str()), (Some(1), ""), "{error}");
    Err(error)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_to_an_accepted_mail_is_told() {
    let server = SmtpServer::new([Manners::usual()], Tls::Never).await;
    let port = server.address.port();
    let told = sqal(port, &[("SMTP_FROM_NAME", "SQAL")], &[]).unwrap();
    let lines: Vec<_> = told.lines().collect();
    assert!(lines[0].starts_with(&format!("connected: localhost:{port} (")), "{told}");
    assert_eq!(lines[1], "TLS: none, as SMTP_SECURITY says");
    assert_eq!(lines[2], "login: accepted for sqal");
    assert_eq!(lines[3], "mail: accepted by localhost: 2.0.0 queued as 4B2F for <address>");
    assert!(lines.len() == 5 && lines[4].contains("marie@example.com"), "{told}");

    let french = sqal(port, &[("SMTP_USER", ""), ("SMTP_PASSWORD", "")], &["--language", "fr"]).unwrap();
    assert!(french.contains("login: none"), "{french}");
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    for (mail, language) in mails.iter().zip(["en", "fr"]) {
        assert!(mail.contains("To: marie@example.com\r\n"), "{mail}");
        assert!(mail.contains(&format!("Content-Language: {language}\r\n")), "{mail}");
    }
    assert!(mails[0].contains("From: SQAL <sqal@plant.example>\r\n"), "{}", mails[0]);
}

const OFFERS_TLS: Manners = Manners { offers: &["STARTTLS", "AUTH PLAIN"], ..Manners::usual() };

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_an_authority_of_the_plant_is_trusted_by_its_file_and_another_one_is_not() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (ca, other) = (path("ca.pem"), path("other.pem"));
    std::fs::write(&ca, authority.pem()).unwrap();
    std::fs::write(&other, Authority::new().pem()).unwrap();
    std::fs::write(path("password"), "hunter2\n").unwrap();
    for (tls, security, line) in [
        (Tls::OnDemand(authority.acceptor()), "starttls", "TLS: by STARTTLS"),
        (Tls::AtOnce(authority.acceptor()), "tls", "TLS: from the first byte"),
    ] {
        let server = SmtpServer::new([OFFERS_TLS], tls).await;
        let port = server.address.port();
        let file = path("password");
        let trusting = [("SMTP_SECURITY", security), ("SMTP_PASSWORD", ""), ("SMTP_PASSWORD_FILE", file.as_str())];
        let told = sqal(port, &[&trusting[..], &[("SMTP_CA_FILE", ca.as_str())]].concat(), &[]).unwrap();
        assert!(told.contains(line) && told.contains("mail: accepted"), "{told}");
        let is_login = |command: &String| command.starts_with("AUTH PLAIN");
        assert!(server.dialogues().iter().any(|dialogue| dialogue.encrypted.iter().any(is_login)));
        let failed = sqal(port, &[&trusting[..], &[("SMTP_CA_FILE", other.as_str())]].concat(), &[]).unwrap_err();
        assert!(failed.contains("certificate") && failed.contains("what to do: SMTP_SECURITY must fit"), "{failed}");
        assert!(failed.contains("before that, connected: ") && !failed.contains("TLS: "), "{failed}");
        assert_eq!(server.mails().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_told_with_the_steps_before_it_and_what_to_do() {
    let (usual, no) = (Manners::usual(), Reply::Say("550 5.1.1 <marie@example.com>: no"));
    for (manners, failure, remedy, before) in [
        (
            Manners { greeting: no, ..usual },
            "the connection: the server answered 550",
            "allow this machine's address",
            1,
        ),
        (
            Manners { login: Reply::Say("535 5.7.8 wrong"), ..usual },
            "the login: the server answered 535",
            "SMTP_USER",
            2,
        ),
        (Manners { sender: no, ..usual }, "the sender: the server answered 550", "SMTP_FROM must be", 3),
        (
            Manners { recipient: no, ..usual },
            "the recipient: the server answered 550 5.1.1 <address> no",
            "check --to",
            3,
        ),
        (Manners { recipient: Reply::Say("450 later"), ..usual }, "the server answered 450", "in ten minutes", 3),
        (Manners { content: no, ..usual }, "the content: the server answered 550", "its log says why", 3),
        (Manners { acceptance: no, ..usual }, "the message: the server answered 550", "its log says why", 3),
        (Manners { acceptance: Reply::Drop, ..usual }, "the message: ", "may have been accepted", 3),
    ] {
        let server = SmtpServer::new([manners], Tls::Never).await;
        let failed = sqal(server.address.port(), &[], &[]).unwrap_err();
        assert!(failed.starts_with("sqal: localhost, ") && failed.contains(failure), "{failure}: {failed}");
        let last = failed.lines().last().unwrap();
        assert!(last.starts_with("  what to do: ") && last.contains(remedy), "{failed}");
        assert_eq!(failed.matches("before that, ").count(), before, "{failed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_or_offers_no_tls_is_told_apart() {
    let absent = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failed = sqal(absent.port(), &[("SMTP_HOST", "127.0.0.1")], &[]).unwrap_err();
    assert!(failed.contains("takes no connection") && failed.contains("check SMTP_HOST and SMTP_PORT"), "{failed}");
    let failed = sqal(25, &[("SMTP_HOST", "nowhere.invalid"), ("SMTP_SECURITY", "tls")], &[]).unwrap_err();
    assert!(failed.contains("nowhere.invalid was not resolved"), "{failed}");
    let server = SmtpServer::new([Manners::usual()], Tls::Never).await;
    let failed = sqal(server.address.port(), &[("SMTP_SECURITY", "starttls")], &[]).unwrap_err();
    assert!(failed.contains("does not offer STARTTLS") && failed.contains("SMTP_SECURITY=tls"), "{failed}");
    let commands: Vec<_> = server.dialogues().into_iter().flat_map(|dialogue| dialogue.commands).collect();
    assert!(!commands.iter().any(|command| command.starts_with("AUTH")), "{commands:?}");
}

#[test]
fn settings_that_cannot_be_used_are_told_all_at_once() {
    let failed = sqal(25, &[("SMTP_HOST", ""), ("SMTP_FROM", "plant"), ("SMTP_PORT", "x")], &[]).unwrap_err();
    let named: Vec<_> = failed.lines().skip(1).filter_map(|line| line.trim().split(':').next()).collect();
    assert_eq!(named, ["SMTP_HOST", "SMTP_PORT", "SMTP_FROM"], "{failed}");
}
