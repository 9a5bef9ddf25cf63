//! What is heard of calls while they are spoken.

use super::*;
use crate::{
    kit::text::TextEnum,
    live::{LineSource, LineTranslation, LiveGap, LiveLine, MediaStream, Speaker, StreamStatus},
};

fn a_stream(t: &Tenant, number: i64) -> MediaStream {
    MediaStream {
        id: id(),
        call_id: t.call,
        number,
        status: StreamStatus::Ordered,
        opened_at: None,
        heard_until: None,
        seen_at: None,
        ended_at: None,
        why: None,
        created_at: at(number),
    }
}
pub(super) fn a_line(t: &Tenant, line_index: i64) -> LiveLine {
    LiveLine {
        id: id(),
        call_id: t.call,
        line_index,
        speaker: Speaker::Customer,
        text: "¿Quién llama?".to_owned(),
        language: Some("es".to_owned()),
        started_at: at(line_index),
        ended_at: at(line_index + 1),
        confidence_ppm: 970_000,
        source: LineSource::Live,
        vendor: "assemblyai".to_owned(),
        live: false,
        created_at: at(line_index + 2),
    }
}
fn translated(line: &LiveLine, target_language: Language) -> LineTranslation {
    LineTranslation {
        id: id(),
        call_id: line.call_id,
        line_id: line.id,
        line_index: line.line_index,
        speaker: line.speaker,
        original: line.text.clone(),
        text: "Who is calling?".to_owned(),
        source_language: "es".to_owned(),
        target_language,
        confidence_ppm: 900_000,
        vendor: "groq".to_owned(),
        model: "llama".to_owned(),
        live: false,
        created_at: at(9),
    }
}

/// One tenant's alone, in order, and gone when they are forgotten.
pub async fn lines_heard_live_come_back_in_order_and_are_forgotten(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let lines: Vec<_> = (0..4).map(|n| a_line(&t, n)).collect();
    let bare = LiveLine { language: None, speaker: Speaker::Agent, source: LineSource::Recording, ..a_line(&t, 4) };
    let gap = LiveGap {
        id: id(),
        call_id: t.call,
        started_at: at(1),
        ended_at: None,
        why: "restart".to_owned(),
        filled_at: None,
        created_at: at(2),
    };
    org!(store, t.org, |tx| {
        assert_eq!(tx.next_line(t.call).await.expect("read"), 0);
        for line in lines.iter().chain([&bare]) {
            tx.insert(line).await.expect("added");
        }
        assert_eq!(tx.next_line(t.call).await.expect("read"), 5);
        assert_eq!(tx.lines_after(t.call, 0, 2).await.expect("read"), lines[1..3]);
        assert_eq!(tx.lines_after(t.call, 3, 9).await.expect("read"), std::slice::from_ref(&bare));
        for language in Language::ALL {
            assert!(tx.note_line_translation(&translated(&lines[0], *language)).await.expect("added"));
        }
        assert!(!tx.note_line_translation(&translated(&lines[0], Language::En)).await.expect("asked"), "one each");
        let second = translated(&lines[1], Language::En);
        assert!(tx.note_line_translation(&second).await.expect("added"));
        assert_eq!(tx.line_translations_after(t.call, 0, 9).await.expect("read"), [second]);
        tx.blank_line(lines[0].id, "[card]").await.expect("blanked");
        assert_eq!(tx.find(lines[0].id).await.expect("read").map(|line| line.text).as_deref(), Some("[card]"));
        let made = tx.line_translations_after(t.call, -1, 99).await.expect("read");
        assert!(made.iter().all(|one| (one.line_index > 0) != (one.text == "[card]" && one.original == "[card]")));
        tx.insert(&gap).await.expect("added");
        let filled = LiveGap { ended_at: Some(at(3)), filled_at: Some(at(4)), ..gap.clone() };
        tx.update(&filled).await.expect("changed");
        assert_eq!(tx.gaps_of_call(t.call).await.expect("read"), [filled]);
    });
    org!(store, other.org, |tx| {
        assert!(tx.lines_after(t.call, -1, 9).await.expect("read").is_empty());
        assert!(tx.line_translations_after(t.call, -1, 9).await.expect("read").is_empty());
        assert!(tx.gaps_of_call(t.call).await.expect("read").is_empty());
        tx.forget_lines(t.call).await.expect("nothing of theirs");
    });
    let mut twice = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(twice.insert(&LiveLine { id: id(), ..a_line(&t, 0) }).await), Kind::Conflict);
    drop(twice);
    org!(store, t.org, |tx| {
        assert_eq!(tx.lines_after(t.call, -1, 9).await.expect("read").len(), 5);
        tx.forget_lines(t.call).await.expect("forgotten");
        assert!(tx.lines_after(t.call, -1, 9).await.expect("read").is_empty());
        assert!(tx.line_translations_after(t.call, -1, 9).await.expect("read").is_empty());
        tx.insert(&lines[0]).await.expect("added anew");
        assert!(tx.note_line_translation(&translated(&lines[0], Language::En)).await.expect("added anew"));
    });
}

/// And never by another tenant.
pub async fn a_stream_is_opened_once(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let stream = a_stream(&t, 1);
    org!(store, t.org, |tx| tx.insert(&stream).await.expect("added"));
    org!(store, other.org, |tx| {
        assert!(!tx.open_stream(stream.id, at(5)).await.expect("asked"));
        assert!(tx.streams_of_call(t.call).await.expect("read").is_empty());
    });
    org!(store, t.org, |tx| {
        assert!(tx.open_stream(stream.id, at(5)).await.expect("asked"));
        assert!(!tx.open_stream(stream.id, at(6)).await.expect("asked"), "it is open already");
        let open =
            MediaStream { status: StreamStatus::Open, opened_at: Some(at(5)), seen_at: Some(at(5)), ..stream.clone() };
        assert_eq!(tx.streams_of_call(t.call).await.expect("read"), std::slice::from_ref(&open));
        for status in StreamStatus::ALL {
            let why = Some("cut".to_owned());
            let over =
                MediaStream { status: *status, heard_until: Some(at(7)), ended_at: Some(at(8)), why, ..open.clone() };
            tx.update(&over).await.expect("changed");
            assert_eq!(tx.find(over.id).await.expect("read"), Some(over));
        }
        tx.insert(&a_stream(&t, 2)).await.expect("added");
        let numbers: Vec<_> = tx.streams_of_call(t.call).await.expect("read").iter().map(|s| s.number).collect();
        assert_eq!(numbers, [1, 2]);
    });
    let mut twice = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(twice.insert(&a_stream(&t, 2)).await), Kind::Conflict);
}
