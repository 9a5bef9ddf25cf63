//! The tests' own servers start, answer, are killed and come back.

use std::net::TcpStream;

use wib_storage::testing::servers::{Program, Server};

fn lives_twice(test: &str, program: Program) {
    let Some(mut server) = Server::start(test, program) else { return };
    let reached = |server: &Server| TcpStream::connect(server.address()).is_ok();
    assert!(reached(&server));
    server.stop();
    assert!(!reached(&server));
    assert!(server.again() && reached(&server));
}

#[test]
fn redis_is_killed_and_comes_back() {
    lives_twice("redis_is_killed_and_comes_back", Program::Redis);
}

#[test]
fn nats_is_killed_and_comes_back() {
    lives_twice("nats_is_killed_and_comes_back", Program::Nats);
}

#[test]
fn s3_is_killed_and_comes_back() {
    lives_twice("s3_is_killed_and_comes_back", Program::S3);
}

#[test]
fn pgbouncer_is_killed_and_comes_back() {
    let program = Program::PgBouncer { host: "/tmp".to_owned(), port: 5432, pool: 4 };
    lives_twice("pgbouncer_is_killed_and_comes_back", program);
}
