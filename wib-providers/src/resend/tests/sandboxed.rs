//! The adapter over its sandbox.

use wib_core::kit::{SeededRandom, VirtualClock};

use super::*;
use crate::sandbox::{Fault as Trouble, FaultKind, Sandbox, Settings};

struct Rig {
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
    resend: Resend,
}
impl Rig {
    fn new() -> Self {
        let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
        let sandbox = Sandbox::new(clock.clone(), 7, Settings::default());
        let wires = sandbox.wires(clock.clone(), Arc::new(SeededRandom::new(7)));
        let resend = Resend::builder(wires, "re_1".to_owned().into(), "desk@wib.test".parse().unwrap());
        let resend = resend.webhook_secret(&sandbox.verifier("resend").unwrap()).unwrap().live(false).build();
        Self { clock, sandbox, resend }
    }
    /// What is told within so many seconds.
    fn hears(&self, seconds: u64) -> Vec<MailEventKind> {
        self.clock.advance(Duration::from_secs(seconds));
        let now = self.clock.now();
        let open = |delivery: crate::sandbox::Delivery| {
            let headers: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
            self.sandbox.delivered(delivery.id, Some(200));
            let opened = self.resend.open(&Headers(&headers), &delivery.body, now).unwrap();
            match opened.into_events().remove(0).body {
                EventBody::Mail(event) => event.what,
                other => panic!("{other:?}"),
            }
        };
        self.sandbox.take_due(now).into_iter().map(open).collect()
    }
}

mod suite {
    use super::*;
    async fn make(_: &'static str) -> (Resend, Arc<dyn Clock>) {
        let Rig { clock, resend, .. } = Rig::new();
        (resend, clock)
    }
    wib_core::mailer_suite!(make);
}

#[tokio::test]
async fn the_sandbox_tells_what_becomes_of_mails() {
    let rig = Rig::new();
    let to = |address: &str, key: &str| Mail::plain(address.parse().unwrap(), "s", "t", key);
    let first = rig.resend.send(&to("ann@example.test", "k1")).await.unwrap();
    assert_eq!(rig.hears(2), [MailEventKind::Sent, MailEventKind::Delivered]);
    assert_eq!(rig.resend.status(&first).await.unwrap(), MailState::Delivered);
    rig.resend.send(&to("Bo <bounced@resend.dev>", "k2")).await.unwrap();
    let heard = rig.hears(2);
    assert_eq!((heard.len(), heard[1].ends_mail()), (2, true));
    let again = rig.resend.send(&to("bounced@resend.dev", "k3")).await.unwrap();
    assert_eq!(rig.hears(2), [MailEventKind::Suppressed]);
    assert_eq!(rig.resend.status(&again).await.unwrap(), MailState::Suppressed);
    rig.resend.send(&to("complained@resend.dev", "k4")).await.unwrap();
    assert_eq!(rig.hears(2), [MailEventKind::Sent, MailEventKind::Delivered, MailEventKind::Complained]);
    assert_eq!(rig.sandbox.outbox().len(), 3);
}

#[tokio::test]
async fn the_sandbox_keeps_a_mail_until_its_time_and_forgets_one_that_was_taken_back() {
    let rig = Rig::new();
    let at = |seconds| Some(after(rig.clock.now(), Duration::from_secs(seconds)));
    let moved = rig.resend.send(&Mail { send_at: at(60), key: "k1".into(), ..mail() }).await.unwrap();
    let gone = rig.resend.send(&Mail { send_at: at(60), key: "k2".into(), ..mail() }).await.unwrap();
    rig.resend.reschedule(&moved, at(120).unwrap()).await.unwrap();
    rig.resend.cancel(&gone).await.unwrap();
    assert_eq!(rig.hears(90), [MailEventKind::Scheduled, MailEventKind::Scheduled]);
    assert_eq!(rig.sandbox.outbox().len(), 0);
    assert_eq!(rig.hears(40), [MailEventKind::Sent, MailEventKind::Delivered]);
    assert_eq!(rig.sandbox.outbox()[0]["id"], json!(moved));
}

#[tokio::test]
async fn a_lost_answer_is_found_again_under_the_key() {
    let rig = Rig::new();
    for kind in [FaultKind::ResetAfterEffect, FaultKind::Status { status: 503, retry_after: None }] {
        rig.sandbox.inject(Trouble { vendor: "resend".into(), operation: "send".into(), times: 1, kind });
    }
    wib_core::testing::while_time_passes(&rig.clock, rig.resend.send(&mail())).await.unwrap();
    assert_eq!(rig.sandbox.outbox().len(), 1);
}

#[tokio::test]
async fn the_sandbox_has_domains_and_suppressions() {
    let rig = Rig::new();
    let made = rig.resend.create_domain("wib.test").await.unwrap();
    assert_eq!((made.state, made.records.len()), (DomainState::NotStarted, 2));
    rig.resend.verify_domain(&made.id).await.unwrap();
    assert_eq!(rig.resend.domain(&made.id).await.unwrap().state, DomainState::Verified);
    assert_eq!(rig.resend.domains().await.unwrap().len(), 1);
    assert_eq!(rig.resend.domain("nobody").await.unwrap_err().fault, Fault::Missing);
    let address = "ann@example.test".parse().unwrap();
    rig.resend.suppress(&address).await.unwrap();
    rig.resend.suppress(&address).await.unwrap();
    let all = rig.resend.suppressions().await.unwrap();
    assert_eq!((all.len(), all[0].origin.as_str()), (1, "manual"));
    rig.resend.unsuppress(&address).await.unwrap();
    assert_eq!(rig.resend.suppressions().await.unwrap(), []);
}

#[tokio::test]
async fn a_key_that_is_not_one_is_a_fault_of_ours() {
    let rig = Rig::new();
    let wires = rig.sandbox.wires(rig.clock.clone(), Arc::new(SeededRandom::new(7)));
    let resend = Resend::builder(wires, "re_invalid".to_owned().into(), "a@b.test".parse().unwrap()).build();
    assert_eq!(resend.send(&mail()).await.unwrap_err().fault, Fault::Credentials);
}
