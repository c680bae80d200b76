//! Mails against servers that refuse, put off, hang, and break off after the last byte.

use std::num::NonZeroU16;
use std::time::Duration;

use sqal_storage::queue::JobState;
use sqal_work::outbox::mail::{
    Letter, MailMessage, MailSender, MailWork, Mailer, SmtpCause, SmtpConfig, SmtpLimits, SmtpSecurity, SmtpStep,
    SmtpTrust,
};
use sqal_work::outbox::{ATTEMPTS, Dispatched, Language, Outbox, Secret};
use tokio::net::TcpListener;

use crate::line::{Line, key, narrow, wide};
use fixtures::smtp::{Authority, Manners, Reply, SmtpServer, Tls};

/// A server on this machine, and everything that sends mail to it.
struct Post {
    line: Line,
    server: SmtpServer,
    outbox: Outbox,
    work: MailWork,
}

fn config(host: &str, port: u16, security: SmtpSecurity) -> SmtpConfig {
    let sender = MailSender::new("sqal@plant.example".parse().unwrap()).named("SQAL").unwrap();
    let ms = Duration::from_millis;
    let limits = SmtpLimits { connect: ms(5000), command: ms(200), acceptance: ms(200), farewell: ms(20) };
    SmtpConfig::new(host, NonZeroU16::new(port), security, sender).unwrap().limited(limits).unwrap()
}

fn plain(port: u16) -> SmtpConfig {
    config("127.0.0.1", port, SmtpSecurity::PlainOnThisMachine)
}

impl Post {
    async fn new(script: impl IntoIterator<Item = Manners>) -> Self {
        let (line, server) = (Line::new(), SmtpServer::new(script, Tls::Never).await);
        let mailer = Mailer::new(plain(server.address.port())).unwrap();
        Self { outbox: line.outbox(wide()), work: MailWork::new(mailer, line.records()), server, line }
    }

    async fn send(&self, name: &str, to: &[&str]) -> Vec<Dispatched> {
        let letter = Letter::new(name.parse().unwrap(), "Line 1\n.\nLine 3".to_owned(), Language::English).unwrap();
        let message = MailMessage::new(to.iter().map(|to| to.parse().unwrap()), letter).unwrap();
        let sent = self.outbox.send(&message.into(), &key(name), self.line.now()).await.unwrap();
        sent.into_iter().map(|dispatch| dispatch.outcome).collect()
    }
}

/// The value of a header field in a mail.
fn field<'a>(mail: &'a str, name: &str) -> &'a str {
    let line = mail.split("\r\n").find(|line| line.starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {mail}")).split_once(": ").unwrap().1
}

#[tokio::test]
async fn each_recipient_gets_a_mail_of_its_own() {
    let post = Post::new([Manners::usual()]).await;
    assert_eq!(post.send("Station 3", &["marie@example.com", "paul@example.com"]).await.len(), 2);
    let done = post.line.drain(&post.work).await;
    let accepted = "accepted by 127.0.0.1: 2.0.0 queued as 4B2F for <address>".to_owned();
    assert_eq!(done[0].result, Ok(accepted));
    let mails = post.server.mails();
    assert_eq!(
        mails.iter().map(|mail| field(mail, "To")).collect::<Vec<_>>(),
        ["marie@example.com", "paul@example.com"]
    );
    assert_ne!(field(&mails[0], "Message-ID"), field(&mails[1], "Message-ID"));
    assert_eq!(field(&mails[0], "From"), "SQAL <sqal@plant.example>");
    // A line that is a dot alone would end the mail: the client doubles its dot.
    assert!(mails[0].contains("\r\nLine 1\r\n..\r\nLine 3"), "{}", mails[0]);
    let commands = &post.server.dialogues()[0].commands;
    let expected =
        ["EHLO plant.example", "MAIL FROM:<sqal@plant.example>", "RCPT TO:<marie@example.com>", "DATA", "QUIT"];
    assert_eq!(*commands, expected);
}

/// SMTP cannot say whether a mail was accepted if its last answer is missing: it is sent again, and
/// is the same mail.
#[tokio::test]
async fn a_mail_whose_acceptance_is_unknown_is_sent_again_as_the_same_mail() {
    for acceptance in [Reply::Drop, Reply::Silence] {
        let post = Post::new([Manners { acceptance, ..Manners::usual() }, Manners::usual()]).await;
        post.send("Station 3", &["marie@example.com"]).await;
        let done = post.line.drain(&post.work).await;
        assert!(done[0].why().starts_with("127.0.0.1, the message: "), "{}", done[0].why());
        assert!(done[1].result.is_ok(), "{done:?}");
        let mails = post.server.mails();
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0], mails[1]);
    }
}

/// The server has accepted the mail and then does not end the connection: the mail is not sent
/// again.
#[tokio::test]
async fn a_server_that_hangs_after_it_has_accepted_gets_the_mail_once() {
    for farewell in [Reply::Silence, Reply::Drop, Reply::Say("500 what?")] {
        let post = Post::new([Manners { farewell, ..Manners::usual() }]).await;
        post.send("Station 3", &["marie@example.com"]).await;
        post.line.drain(&post.work).await;
        assert_eq!((post.line.jobs().await[0].state, post.server.mails().len()), (JobState::Succeeded, 1));
    }
}

#[tokio::test]
async fn what_the_server_refuses_for_good_fails_at_once_and_names_no_address() {
    let usual = Manners::usual();
    let no = Reply::Say("550 5.1.1 <marie@example.com>: no such user");
    for (manners, step) in [
        (Manners { sender: no, ..usual }, "the sender"),
        (Manners { recipient: no, ..usual }, "the recipient"),
        (Manners { content: no, ..usual }, "the content"),
        (Manners { acceptance: no, ..usual }, "the message"),
    ] {
        let post = Post::new([manners]).await;
        post.send("Station 3", &["marie@example.com"]).await;
        let done = post.line.drain(&post.work).await;
        let told = format!("127.0.0.1, {step}: the server answered 550 5.1.1 <address> no such user");
        assert_eq!(done[0].why(), told);
        assert_eq!((done.len(), post.line.jobs().await[0].state), (1, JobState::Failed));
    }
}

#[tokio::test]
async fn a_recipient_that_is_put_off_is_tried_again_and_delays_no_other() {
    let busy = Manners { recipient: Reply::Say("450 4.2.1 later"), ..Manners::usual() };
    let post = Post::new([busy, Manners::usual()]).await;
    post.send("Station 3", &["marie@example.com", "paul@example.com"]).await;
    let done = post.line.work_off(&post.work).await;
    assert!(done[0].result.is_err() && done[1].result.is_ok(), "{done:?}");
    post.line.drain(&post.work).await;
    assert!(post.line.jobs().await.iter().all(|job| job.state == JobState::Succeeded));
}

/// A greeting, a login or a connection that fails is about the server: every other mail waits, and
/// none of them loses an attempt.
#[tokio::test]
async fn a_server_that_fails_is_left_alone_for_a_while() {
    let usual = Manners::usual();
    for (manners, words) in [
        (Manners { greeting: Reply::Say("554 no service"), ..usual }, "the connection: the server answered 554"),
        (Manners { greeting: Reply::Say("421 later"), ..usual }, "the connection: the server answered 421"),
        (Manners { greeting: Reply::Drop, ..usual }, "the connection: "),
        (Manners { sender: Reply::Silence, ..usual }, "the sender: no answer in 200ms"),
        (Manners { sender: Reply::Say("421 closing"), ..usual }, "the sender: the server answered 421"),
        (Manners { sender: Reply::Say("530 5.7.0 log in"), ..usual }, "the sender: the server answered 530"),
        (Manners { recipient: Reply::Say("503 5.5.1 MAIL first"), ..usual }, "the recipient: the server answered 503"),
    ] {
        let post = Post::new([manners, usual]).await;
        post.send("Station 3", &["marie@example.com", "paul@example.com"]).await;
        let done = post.line.work_off(&post.work).await;
        assert!(done[0].why().contains(words), "{words}: {}", done[0].why());
        assert!(done[1].is_postponed());
        assert_eq!(post.line.jobs().await.iter().map(|job| job.attempts).collect::<Vec<_>>(), [1, 0]);
        post.line.drain(&post.work).await;
        assert_eq!(post.server.mails().len(), 2);
    }
}

#[tokio::test]
async fn a_server_that_is_away_for_three_days_fails_the_mail_after_ten_attempts() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut post = Post::new([Manners::usual()]).await;
    post.work = MailWork::new(Mailer::new(plain(closed.port())).unwrap(), post.line.records());
    post.send("Station 3", &["marie@example.com"]).await;
    let done = post.line.drain(&post.work).await;
    assert_eq!(done.len(), usize::from(ATTEMPTS.get()));
    assert!(done[0].why().starts_with("127.0.0.1, the connection: "), "{}", done[0].why());
    assert_eq!(post.line.jobs().await[0].state, JobState::Failed);
}

#[tokio::test]
async fn a_login_is_sent_and_one_that_is_refused_loses_no_mail() {
    let refusing = Manners { login: Reply::Say("535 5.7.8 wrong"), ..Manners::usual() };
    let mut post = Post::new([refusing, Manners::usual()]).await;
    let config = plain(post.server.address.port()).login("sqal", Secret::new("hunter2")).unwrap();
    post.work = MailWork::new(Mailer::new(config).unwrap(), post.line.records());
    post.send("Station 3", &["marie@example.com"]).await;
    let done = post.line.drain(&post.work).await;
    assert_eq!(done[0].why(), "127.0.0.1, the login: the server answered 535 5.7.8 wrong");
    assert!(done[1].result.is_ok());
    // The base64 of NUL, user, NUL and password (RFC 4616).
    assert_eq!(post.server.dialogues()[1].commands[1], "AUTH PLAIN AHNxYWwAaHVudGVyMg==");
    assert!(!format!("{done:?} {:?}", post.work).contains("hunter2"));
}

/// A mailer for `localhost` that trusts an authority.
fn trusting(authority: &Authority, port: u16, security: SmtpSecurity) -> Mailer {
    let config = config("localhost", port, security).login("sqal", Secret::new("hunter2")).unwrap();
    Mailer::new(config.trusting(SmtpTrust::Only(authority.pem()))).unwrap()
}

async fn deliver(mailer: &Mailer) -> Result<String, (SmtpStep, SmtpCause)> {
    let letter = Letter::new("a".parse().unwrap(), "b".to_owned(), Language::English).unwrap();
    let (to, at) = ("marie@example.com".parse().unwrap(), Line::new().now());
    let delivered = mailer.deliver(&letter, &to, "0123", at).await;
    delivered.map(|accepted| accepted.reply).map_err(|error| (error.step, error.cause))
}

const OFFERS_TLS: Manners = Manners { offers: &["STARTTLS", "AUTH PLAIN"], ..Manners::usual() };

#[tokio::test]
async fn nothing_of_a_mail_is_sent_before_tls() {
    let authority = Authority::new();
    for (tls, security) in [
        (Tls::OnDemand(authority.acceptor()), SmtpSecurity::StartTls),
        (Tls::AtOnce(authority.acceptor()), SmtpSecurity::Tls),
    ] {
        let server = SmtpServer::new([OFFERS_TLS], tls).await;
        let mailer = trusting(&authority, server.address.port(), security);
        deliver(&mailer).await.unwrap();
        let dialogue = &server.dialogues()[0];
        let in_plain = dialogue.commands.len() - dialogue.encrypted.len();
        let expected: &[&str] = if security == SmtpSecurity::Tls { &[] } else { &["EHLO plant.example", "STARTTLS"] };
        assert_eq!(dialogue.commands[..in_plain], *expected);
        assert!(dialogue.encrypted.iter().any(|command| command.starts_with("AUTH")), "{dialogue:?}");
        assert!(dialogue.encrypted.iter().any(|command| command == "DATA") && dialogue.mail.is_some());
        mailer.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_neither_login_nor_mail() {
    let server = SmtpServer::new([Manners::usual()], Tls::Never).await;
    let mailer = trusting(&Authority::new(), server.address.port(), SmtpSecurity::StartTls);
    assert_eq!(deliver(&mailer).await, Err((SmtpStep::Connection, SmtpCause::NoStartTls)));
    assert_eq!(mailer.check().await.unwrap_err().cause, SmtpCause::NoStartTls);
    assert_eq!(server.dialogues()[0].commands, ["EHLO plant.example", "QUIT"]);
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_trusted_gets_neither_login_nor_mail() {
    let (ours, other) = (Authority::new(), Authority::new());
    for (tls, security) in
        [(Tls::OnDemand(ours.acceptor()), SmtpSecurity::StartTls), (Tls::AtOnce(ours.acceptor()), SmtpSecurity::Tls)]
    {
        let server = SmtpServer::new([OFFERS_TLS], tls).await;
        let failed = deliver(&trusting(&other, server.address.port(), security)).await.unwrap_err();
        assert!(
            matches!(&failed, (SmtpStep::Connection, SmtpCause::Broken(why)) if why.contains("certificate")),
            "{failed:?}"
        );
        assert!(server.dialogues()[0].encrypted.is_empty() && server.mails().is_empty());
    }
}

/// An attacker on the network adds answers to the `220`, before TLS. Taken for answers over TLS,
/// they would say what the server offers, and that it has accepted a mail.
#[tokio::test]
async fn answers_in_plain_text_are_not_taken_for_answers_over_tls() {
    let authority = Authority::new();
    let go_ahead = Reply::Say("220 go ahead\r\n250-test\r\n250 AUTH PLAIN");
    let server = SmtpServer::new([Manners { go_ahead, ..OFFERS_TLS }], Tls::OnDemand(authority.acceptor())).await;
    let mailer = trusting(&authority, server.address.port(), SmtpSecurity::StartTls);
    let failed = deliver(&mailer).await.unwrap_err();
    assert!(matches!(failed, (SmtpStep::Connection, SmtpCause::Broken(_))), "{failed:?}");
    let dialogue = &server.dialogues()[0];
    assert_eq!(dialogue.commands, ["EHLO plant.example", "STARTTLS"]);
    assert!(dialogue.encrypted.is_empty() && dialogue.mail.is_none(), "{dialogue:?}");
}

/// A process that begins after some days finds old mails, and its network may not be there yet.
#[tokio::test]
async fn a_mail_older_than_all_attempts_is_given_up_once_the_server_has_failed_for_an_hour() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut post = Post::new([Manners::usual()]).await;
    post.work = MailWork::new(Mailer::new(plain(closed.port())).unwrap(), post.line.records());
    for name in ["one", "two", "three"] {
        post.send(name, &["marie@example.com"]).await;
    }
    post.line.advance(Duration::from_hours(84));
    let done = post.line.work_off(&post.work).await;
    assert!(!done[0].is_postponed() && done[1].is_postponed() && done[2].is_postponed(), "{done:?}");
    assert!(post.line.jobs().await.iter().all(|job| job.state == JobState::Enqueued));
    post.line.advance(Duration::from_hours(1));
    post.line.work_off(&post.work).await;
    let jobs = post.line.jobs().await;
    let given_up: Vec<_> = jobs.iter().filter(|job| job.state == JobState::Failed).collect();
    assert_eq!(given_up.len(), 2, "the first attempt after an hour fails, and the other mails are given up");
    for job in given_up {
        let why = job.failure.as_deref().unwrap();
        assert_eq!(why, "127.0.0.1 fails, and this mail has waited for more than three days");
    }
}

#[test]
fn a_text_that_holds_no_certificate_is_no_trust() {
    for pem in [&b""[..], b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let config = config("localhost", 587, SmtpSecurity::StartTls).trusting(SmtpTrust::Only(pem.to_vec()));
        assert!(Mailer::new(config).is_err(), "{pem:?}");
    }
}

#[tokio::test]
async fn a_storm_of_mails_ends_in_one_mail_that_says_how_many() {
    let mut post = Post::new([Manners::usual()]).await;
    post.outbox = post.line.outbox(narrow());
    for k in 0..40 {
        post.send(&format!("Station {k} is silent"), &["marie@example.com", "paul@example.com"]).await;
    }
    post.line.drain(&post.work).await;
    let mails = post.server.mails();
    assert_eq!(mails.len(), 6);
    for to in ["marie@example.com", "paul@example.com"] {
        let subjects: Vec<_> =
            mails.iter().filter(|mail| field(mail, "To") == to).map(|mail| field(mail, "Subject")).collect();
        assert_eq!(subjects, ["Station 0 is silent", "Station 1 is silent", "38 more messages"]);
    }
}
