//! A dial over real sockets: however the line fails, nobody is rung twice.

use super::*;
use crate::http::sockets::{Act, FINE, JSON, Machine, quick, wires};

#[tokio::test]
async fn whatever_the_line_does_a_dial_is_asked_for_once() {
    let late = Act::Answer("429 Too Many Requests", "retry-after: 1\r\n", "{}");
    let broken = Act::Answer("500 Internal Server Error", JSON, "{}");
    for (act, sent) in [
        (Act::Deaf, Sent::Unknown),
        (Act::Mute, Sent::Unknown),
        (Act::HangUp, Sent::Unknown),
        (Act::Truncate, Sent::Unknown),
        (broken, Sent::Unknown),
        (late, Sent::Refused),
    ] {
        let machine = Machine::new(&[act, FINE]).await;
        let builder = Telnyx::builder(wires(), SecretString::from("KEY0123"), "1").base_url(machine.url());
        let error = builder.policy(quick()).build().dial(&dial(true)).await.unwrap_err();
        assert_eq!((error.sent, machine.asked()), (sent, 1), "{act:?}: {error}");
    }
}
