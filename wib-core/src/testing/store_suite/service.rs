//! What the service costs and is used for, what models are asked for by order, and what became of mails.

use super::*;
use crate::{
    ai::{AiConfig, OrderedText, SummaryKind, SummaryStatus},
    billing::KnownMethod,
    kit::text::TextEnum,
    mail::{MailSuppression, NoMail, SentMail},
};

fn a_method(seconds: i64) -> KnownMethod {
    KnownMethod {
        id: id(),
        vendor: "sandbox".to_owned(),
        vendor_id: fresh::<KnownMethod>("pm"),
        kind: "card".to_owned(),
        brand: Some("visa".to_owned()),
        last4: Some("4242".to_owned()),
        exp_month: Some(12),
        exp_year: Some(2031),
        added_at: at(seconds),
        seen_at: at(seconds),
        detached_at: None,
        created_at: at(9),
    }
}
fn a_summary_of(call: Option<CallId>, kind: SummaryKind) -> OrderedText {
    OrderedText {
        id: id(),
        call_id: call,
        kind,
        vendor: "groq".to_owned(),
        vendor_id: Some(fresh::<OrderedText>("t")),
        status: SummaryStatus::Queued,
        text: Some("They said \"yes\".".to_owned()),
        live: false,
        created_by: Some(id()),
        created_at: at(5),
        updated_at: at(6),
    }
}
fn a_mail(seconds: i64) -> SentMail {
    SentMail {
        id: id(),
        vendor: "sandbox".to_owned(),
        vendor_id: fresh::<SentMail>("mail"),
        recipients: 2,
        sent_at: at(seconds),
        delivered_at: Some(at(2)),
        opened_at: Some(at(3)),
        clicked_at: Some(at(4)),
        bounced_at: Some(at(5)),
        complained_at: Some(at(6)),
    }
}
fn a_silence(mail: &SentMail, reason: NoMail) -> MailSuppression {
    MailSuppression { id: id(), address_hash: fresh::<Person>("sha256:"), reason, mail_id: mail.id, since: at(5) }
}

/// One of each, whole and bare; another tenant has none of them.
pub async fn every_record_of_the_service_comes_back_and_changes(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let bare = KnownMethod {
        brand: None,
        last4: None,
        exp_month: None,
        exp_year: None,
        detached_at: Some(at(7)),
        ..a_method(2)
    };
    let method = a_method(1);
    comes_back(store, t.org, &[method.clone(), bare.clone()]).await;
    let config = AiConfig {
        id: id(),
        enabled: true,
        temperature_milli: 2000,
        max_tokens: 4096,
        system_prompt: "Be \"kind\".".to_owned(),
        grok_chat: false,
        updated_at: at(3),
        ..AiConfig::usual()
    };
    comes_back(store, t.org, std::slice::from_ref(&config)).await;
    let empty = OrderedText {
        call_id: None,
        vendor_id: None,
        text: None,
        created_by: None,
        ..a_summary_of(None, SummaryKind::Summary)
    };
    let ordered = a_summary_of(Some(t.call), SummaryKind::Transcript);
    comes_back(store, t.org, &[ordered.clone(), empty]).await;
    let all: Vec<_> = SummaryStatus::ALL
        .iter()
        .map(|status| OrderedText { status: *status, ..a_summary_of(None, SummaryKind::Summary) })
        .collect();
    comes_back(store, t.org, &all).await;
    let mail = a_mail(1);
    let bare_mail = SentMail {
        delivered_at: None,
        opened_at: None,
        clicked_at: None,
        bounced_at: None,
        complained_at: None,
        ..a_mail(2)
    };
    comes_back(store, t.org, &[mail.clone(), bare_mail.clone()]).await;
    let silences: Vec<_> = NoMail::ALL.iter().map(|reason| a_silence(&mail, *reason)).collect();
    comes_back(store, t.org, &silences).await;
    org!(store, t.org, |tx| {
        tx.update(&KnownMethod { detached_at: Some(at(8)), ..method.clone() }).await.expect("changed");
        let gone = tx.known_method("sandbox", &method.vendor_id).await.expect("read").expect("it is there");
        assert_eq!(gone.detached_at, Some(at(8)));
        assert!(tx.known_methods(9).await.expect("read").is_empty(), "both were taken away");
        tx.update(&AiConfig { enabled: false, ..config.clone() }).await.expect("changed");
        assert!(!tx.ai_config().await.expect("read").expect("it is there").enabled);
        let done = OrderedText { status: SummaryStatus::Completed, ..ordered.clone() };
        tx.update(&done).await.expect("changed");
        let id = ordered.vendor_id.as_deref().expect("it has one");
        assert_eq!(tx.ordered_text_of("groq", id).await.expect("read"), Some(done));
        tx.update(&SentMail { opened_at: Some(at(9)), ..bare_mail.clone() }).await.expect("changed");
    });
    let twice = store.org(t.org).await.expect("opened").insert(&AiConfig { id: id(), ..config }).await;
    assert_eq!(kind_of(twice), Kind::Conflict, "one of a tenant");
    let twice = store.org(t.org).await.expect("opened").insert(&KnownMethod { id: id(), ..method.clone() }).await;
    assert_eq!(kind_of(twice), Kind::Conflict, "one of a vendor's id");
    org!(store, other.org, |tx| {
        assert_eq!(tx.known_method("sandbox", &method.vendor_id).await.expect("read"), None);
        assert_eq!(tx.ai_config().await.expect("read"), None);
        let id = ordered.vendor_id.as_deref().expect("it has one");
        assert_eq!(tx.ordered_text_of("groq", id).await.expect("read"), None);
    });
}

/// Vendors' ids lead to tenants, and what is paid with is listed by its age.
pub async fn methods_mails_and_customers_lead_to_their_tenant(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let (old, new, mail) = (a_method(1), a_method(2), a_mail(50));
    org!(store, t.org, |tx| {
        tx.insert(&old).await.expect("added");
        tx.insert(&new).await.expect("added");
        assert_eq!(tx.known_methods(9).await.expect("read"), [new.clone(), old.clone()]);
        assert_eq!(tx.known_methods(1).await.expect("read").len(), 1);
        assert!(tx.note_sent_mail(&mail).await.expect("noted"));
        assert!(!tx.note_sent_mail(&SentMail { id: id(), ..mail.clone() }).await.expect("known"));
        let silence = a_silence(&mail, NoMail::Bounced);
        assert!(tx.suppress_mail(&silence).await.expect("new"));
        assert!(!tx.suppress_mail(&MailSuppression { id: id(), ..silence.clone() }).await.expect("known"));
        let asked = [silence.address_hash.clone(), "sha256:other".to_owned()];
        assert_eq!(tx.suppressed_mail(&asked).await.expect("read"), [silence.address_hash]);
        assert_eq!(tx.persons_by_email("joe@example.org", 9).await.expect("read"), [t.person]);
        assert!(tx.persons_by_email("jo@example.org", 9).await.expect("read").is_empty());
    });
    org!(store, other.org, |tx| {
        assert!(tx.known_methods(9).await.expect("read").is_empty());
        assert_eq!(tx.persons_by_email("joe@example.org", 9).await.expect("read"), [other.person]);
    });
    let account = |org: OrganizationId| BillingAccount {
        id: org.cast(),
        vendor: "sandbox".to_owned(),
        customer_id: fresh::<BillingAccount>("cus"),
        email: None,
        subscription_id: None,
        subscription_status: None,
        plan: None,
        default_method: None,
        default_at: None,
        synced_at: None,
        created_at: at(1),
        updated_at: at(2),
    };
    let mut both = [t.org, other.org];
    both.sort();
    for org in both {
        org!(store, org, |tx| tx.insert(&account(org)).await.expect("added"));
    }
    system!(store, |tx| {
        assert_eq!(tx.organization_of_method("sandbox", &new.vendor_id).await.expect("read"), Some(t.org));
        assert_eq!(tx.organization_of_method("stripe", &new.vendor_id).await.expect("read"), None);
        let owner = tx.owner_of_mail("sandbox", &mail.vendor_id).await.expect("read").expect("it leads");
        assert_eq!((owner.organization_id, owner.record), (t.org, mail.id.uuid()));
        assert!(tx.owner_of_mail("sandbox", "nobody's").await.expect("read").is_none());
        assert_eq!(tx.customers_after("sandbox", None, 9).await.expect("read"), both);
        assert_eq!(tx.customers_after("sandbox", Some(both[0]), 9).await.expect("read"), both[1..]);
        assert!(tx.customers_after("stripe", None, 9).await.expect("read").is_empty());
        assert_eq!(tx.purge_mails(at(50)).await.expect("purged"), 0);
        assert_eq!(tx.purge_mails(at(51)).await.expect("purged"), 1);
    });
}

/// Calls, minutes, recordings, transcripts and bytes of a stretch of time, one tenant's alone; days are told once.
pub async fn what_is_used_of_a_month_is_counted_and_told_once(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let far = |n: i64| at(10_000_000 + n);
    let call = |n: i64, took: Option<i64>| {
        let made = Call { created_at: far(n), ended_at: took.map(|took| far(n + took)), ..a_call(t.org, None, None) };
        Call { answered_at: None, ..made }
    };
    let recording = |call: CallId, size| Recording { size_bytes: Some(size), created_at: far(3), ..a_recording(call) };
    let (first, second) = (call(0, Some(61)), call(10, None));
    let bytes = recording(first.id, 700);
    org!(store, t.org, |tx| {
        tx.insert(&first).await.expect("added");
        tx.insert(&second).await.expect("added");
        tx.insert(&Recording { blob_key: Some(fresh::<Recording>("k")), ..bytes.clone() }).await.expect("added");
        tx.insert(&OrderedText { created_at: far(4), ..a_summary_of(None, SummaryKind::Transcript) })
            .await
            .expect("added");
        tx.insert(&OrderedText { created_at: far(4), ..a_summary_of(None, SummaryKind::Summary) })
            .await
            .expect("added");
    });
    org!(store, t.org, |tx| {
        let used = tx.used(far(0), far(11)).await.expect("read");
        assert_eq!((used.calls, used.seconds, used.recordings, used.transcripts), (2, 61, 1, 1));
        assert!(used.storage_bytes >= 700, "{}", used.storage_bytes);
        let used = tx.used(far(0), far(10)).await.expect("read");
        assert_eq!(used.calls, 1, "before the end");
        assert_eq!(tx.count_calls_since(far(0)).await.expect("counted"), 2);
        assert_eq!(tx.count_calls_since(far(1)).await.expect("counted"), 1);
        let day = |text: &str| text.parse().expect("a day");
        for text in ["2026-03-01", "2026-03-02", "2026-03-03"] {
            let stats = UsageStats {
                id: id(),
                day: day(text),
                total_calls: 1,
                total_duration_seconds: 2,
                total_recordings: 3,
                updated_at: at(1),
            };
            tx.put_usage_stats(&stats).await.expect("kept");
        }
        let left = tx.unreported_usage(day("2026-03-02"), 9).await.expect("read");
        assert_eq!(left.iter().map(|one| one.day).collect::<Vec<_>>(), [day("2026-03-02"), day("2026-03-03")]);
        tx.mark_usage_reported(day("2026-03-02"), at(5)).await.expect("marked");
        // Added up anew, it stays told.
        tx.put_usage_stats(&left[0]).await.expect("kept");
        let left = tx.unreported_usage(day("2026-03-01"), 9).await.expect("read");
        assert_eq!(left.iter().map(|one| one.day).collect::<Vec<_>>(), [day("2026-03-01"), day("2026-03-03")]);
    });
    org!(store, other.org, |tx| {
        assert_eq!(tx.used(far(0), far(11)).await.expect("read").calls, 0);
        assert_eq!(tx.count_calls_since(far(0)).await.expect("counted"), 0);
        assert!(tx.unreported_usage("2026-03-01".parse().expect("a day"), 9).await.expect("read").is_empty());
    });
    // Whoever counts is alone: of eight who want the next, as many get it as are left.
    join_all((11..19).map(async |n| {
        let next = call(n, None);
        org!(store, t.org, |tx| {
            tx.lock_count_of(Call::NAME).await.expect("locked");
            if tx.count_calls_since(far(0)).await.expect("counted") < 5 {
                tx.insert(&next).await.expect("added");
            }
        });
    }))
    .await;
    org!(store, t.org, |tx| assert_eq!(tx.count_calls_since(far(0)).await.expect("counted"), 5));
}

/// Summaries go with a call's words, and with its person.
pub async fn summaries_by_order_go_with_the_words(store: &dyn Store) {
    let t = tenant(store).await;
    let left =
        async |id| org!(store, t.org, |tx| Repo::<OrderedText>::find(&mut *tx, id).await.expect("read").is_some());
    let kept = async || {
        let summary = a_summary_of(Some(t.call), SummaryKind::Summary);
        org!(store, t.org, |tx| tx.insert(&summary).await.expect("added"));
        summary.id
    };
    let one = kept().await;
    org!(store, t.org, |tx| tx.forget_lines(t.call).await.expect("forgotten"));
    assert!(!left(one).await);
    let one = kept().await;
    org!(store, t.org, |tx| _ = tx.forget_person(t.person).await.expect("forgotten"));
    assert!(!left(one).await);
}

/// Newest first by when they were made at the vendor.
pub async fn invoices_are_listed_by_their_date(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let mut all = vec![];
    for seconds in [30, 10, 20] {
        let invoice = KnownInvoice {
            id: id(),
            vendor: "sandbox".to_owned(),
            vendor_id: fresh::<KnownInvoice>("in"),
            subscription_id: None,
            number: None,
            status: InvoiceState::Paid,
            due_minor: 1,
            paid_minor: 1,
            currency: Currency::USD,
            attempts: 1,
            next_attempt_at: None,
            failed_at: None,
            url: None,
            pdf_url: None,
            billed_at: Some(at(seconds)),
            seen_at: at(99),
            seen_rank: 1,
            seen_event: "e".to_owned(),
            created_at: at(99),
        };
        org!(store, t.org, |tx| tx.insert(&invoice).await.expect("added"));
        all.push(invoice);
    }
    all.sort_by_key(|invoice| std::cmp::Reverse(invoice.billed_at));
    let read = async |org, limit, offset| {
        let of = Stretch::new(Some(limit), Some(offset), 20, 100);
        org!(store, org, |tx| tx.list_invoices(of).await.expect("read"))
    };
    let list = read(t.org, 2, 0).await;
    assert_eq!((list.total, &list.items[..]), (3, &all[..2]));
    assert_eq!(read(t.org, 2, 2).await.items, all[2..]);
    assert_eq!(read(other.org, 9, 0).await.total, 0);
}
