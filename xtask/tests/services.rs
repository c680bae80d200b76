//! The servers that the test command promises answer: later adapters of the family are tested
//! against them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpStream;

/// The host and port of a URL in a variable that `cargo xtask test` sets.
fn address(variable: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "how the test command passes its servers")]
    let url = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test`"));
    let after = url.split("://").nth(1).unwrap();
    after.split('/').next().unwrap().rsplit('@').next().unwrap().to_owned()
}

#[test]
fn redis_answers_a_ping() {
    let mut stream = TcpStream::connect(address("SQAL_TEST_REDIS_URL")).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
}

#[test]
fn postgresql_lets_the_test_user_in() {
    let mut stream = TcpStream::connect(address("SQAL_TEST_POSTGRES_URL")).unwrap();
    // A StartupMessage of protocol 3.0 (PostgreSQL manual, 55.7).
    let parameters = b"user\0sqal\0database\0postgres\0\0";
    let length = u32::try_from(8 + parameters.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes()[..], &196_608_u32.to_be_bytes(), parameters].concat()).unwrap();
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [b'R', 0, 0, 0, 8, 0, 0, 0, 0], "AuthenticationOk");
}
