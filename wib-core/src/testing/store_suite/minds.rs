//! What is made of a call's words while they are spoken.

use super::{listening::a_line, *};
use crate::{
    analysis::Span,
    assist::{Advice, AssistTurn, Citation, Claim, Claims, ScriptLine},
    kit::text::TextEnum,
    live::{LiveLine, Speaker},
    sentiment::{
        AlertChannel, AlertChannels, FoundBy, Keywords, Objection, Objections, SentimentConfig, SentimentScore,
        SentimentSummary,
    },
};

fn a_score(line: &LiveLine) -> SentimentScore {
    let span = Span { start: 1, end: 6 };
    SentimentScore {
        id: id(),
        call_id: line.call_id,
        line_id: line.id,
        line_index: line.line_index,
        score: Some(-700_000),
        objections: Objections(vec![Objection { phrase: "Quién".to_owned(), by: FoundBy::Keyword, span }]),
        escalate: true,
        vendor: Some("groq".to_owned()),
        model: Some("llama".to_owned()),
        live: false,
        created_at: at(3),
    }
}
fn a_summary(call: CallId, seconds: i64) -> SentimentSummary {
    SentimentSummary {
        id: id(),
        call_id: call,
        segments: 3,
        scored: 2,
        sum: -5,
        min: Some(-4),
        max: Some(-1),
        objections: 2,
        escalated_at: Some(at(2)),
        updated_at: at(seconds),
    }
}
fn an_advice(line: &LiveLine) -> Advice {
    let span = Span { start: 0, end: 3 };
    let claims = vec![
        Claim { text: "Ask.".to_owned(), citation: Citation::Line { line_id: line.id, span } },
        Claim { text: "Say it.".to_owned(), citation: Citation::Script { line: "guide:calm".to_owned() } },
        Claim { text: "Look.".to_owned(), citation: Citation::Segment { span } },
    ];
    Advice {
        id: id(),
        call_id: line.call_id,
        line_id: line.id,
        line_index: line.line_index,
        claims: Claims(claims),
        dropped: 1,
        vendor: "groq".to_owned(),
        model: "llama".to_owned(),
        live: false,
        created_at: at(4),
    }
}

/// One of each for a tenant, a line or a call; another tenant sees and takes nothing away.
pub async fn moods_and_advice_come_back_and_are_forgotten_with_their_lines(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let lines: Vec<_> = (0..4).map(|n| a_line(&t, n)).collect();
    let (bare, summary) = (a_score(&lines[2]), a_summary(t.call, 9));
    let bare = SentimentScore { score: None, vendor: None, model: None, objections: Objections::default(), ..bare };
    org!(store, t.org, |tx| {
        for line in &lines {
            tx.insert(line).await.expect("added");
        }
        tx.insert(&LiveLine { speaker: Speaker::Agent, ..a_line(&t, 4) }).await.expect("added");
        assert_eq!(tx.count_lines(t.call, Speaker::Customer, 3).await.expect("read"), 3);
        assert_eq!(tx.count_lines(t.call, Speaker::Customer, 9).await.expect("read"), 4);
        assert_eq!(tx.newest_line(t.call, Speaker::Customer).await.expect("read"), Some(3));
        assert_eq!(tx.newest_line(t.call, Speaker::Agent).await.expect("read"), Some(4));
        for line in [&lines[0], &lines[1]] {
            tx.insert(&a_score(line)).await.expect("added");
            tx.insert(&an_advice(line)).await.expect("added");
        }
        tx.insert(&bare).await.expect("added");
        tx.insert(&summary).await.expect("added");
        assert_eq!(tx.scores_after(t.call, 0, 1).await.expect("read")[0].line_index, 1);
        assert_eq!(tx.score_of_line(lines[2].id).await.expect("read"), Some(bare.clone()));
        let changed =
            SentimentSummary { min: None, max: None, escalated_at: None, scored: 0, sum: 0, ..summary.clone() };
        tx.update(&changed).await.expect("changed");
        assert_eq!(tx.sentiment_of_call(t.call).await.expect("read"), Some(changed));
        assert_eq!(tx.advice_of_call(t.call, 9).await.expect("read").len(), 2);
    });
    let twice = async |row: SentimentScore| store.org(t.org).await.expect("opened").insert(&row).await;
    assert_eq!(kind_of(twice(a_score(&lines[0])).await), Kind::Conflict, "one of a line");
    let second = an_advice(&lines[0]);
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&second).await), Kind::Conflict);
    let second = a_summary(t.call, 1);
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&second).await), Kind::Conflict);
    org!(store, other.org, |tx| {
        assert_eq!(tx.newest_line(t.call, Speaker::Customer).await.expect("read"), None);
        assert!(tx.scores_after(t.call, -1, 9).await.expect("read").is_empty());
        assert_eq!(tx.score_of_line(lines[0].id).await.expect("read"), None);
        assert_eq!(tx.sentiment_of_call(t.call).await.expect("read"), None);
        assert!(tx.advice_of_call(t.call, 9).await.expect("read").is_empty());
        tx.blank_line(lines[0].id, "[card]").await.expect("nothing of theirs");
        tx.forget_lines(t.call).await.expect("nothing of theirs");
    });
    org!(store, t.org, |tx| {
        assert_eq!(tx.scores_after(t.call, -1, 9).await.expect("read").len(), 3);
        // Advice after the line may hold its words too; what came before cannot.
        tx.blank_line(lines[1].id, "[card]").await.expect("blanked");
        let left: Vec<_> = tx.scores_after(t.call, -1, 9).await.expect("read").iter().map(|s| s.line_index).collect();
        assert_eq!(left, [0, 2]);
        let left: Vec<_> = tx.advice_of_call(t.call, 9).await.expect("read").iter().map(|a| a.line_index).collect();
        assert_eq!(left, [0]);
        tx.forget_lines(t.call).await.expect("forgotten");
        assert!(tx.scores_after(t.call, -1, 9).await.expect("read").is_empty());
        assert!(tx.advice_of_call(t.call, 9).await.expect("read").is_empty());
        assert_eq!(tx.sentiment_of_call(t.call).await.expect("read"), None);
        tx.insert(&lines[0]).await.expect("added anew");
        tx.insert(&a_score(&lines[0])).await.expect("added anew");
        tx.insert(&an_advice(&lines[0])).await.expect("added anew");
        tx.insert(&summary).await.expect("added anew");
    });
}

/// With the person's words everything that was made of them goes.
pub async fn moods_and_advice_go_with_their_person(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let line = a_line(&t, 0);
    org!(store, t.org, |tx| {
        tx.insert(&line).await.expect("added");
        tx.insert(&a_score(&line)).await.expect("added");
        tx.insert(&an_advice(&line)).await.expect("added");
        tx.insert(&a_summary(t.call, 1)).await.expect("added");
    });
    for (org, left) in [(other.org, 1), (t.org, 0)] {
        org!(store, org, |tx| _ = tx.forget_person(t.person).await.expect("forgotten"));
        org!(store, t.org, |tx| {
            assert_eq!(tx.scores_after(t.call, -1, 9).await.expect("read").len(), left);
            assert_eq!(tx.advice_of_call(t.call, 9).await.expect("read").len(), left);
            assert_eq!(tx.sentiment_of_call(t.call).await.expect("read").is_some(), left == 1);
        });
    }
}

/// What a tenant looks out for, its fixed lines in order, and how far advice has come.
pub async fn wishes_scripts_and_turns_come_back_and_change(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let config = SentimentConfig {
        id: id(),
        enabled: true,
        alert_threshold: -500_000,
        objection_keywords: Keywords(vec!["cancel".to_owned()]),
        alert_channels: AlertChannels(AlertChannel::ALL.to_vec()),
        webhook_url: Some("https://hooks.example.com/".to_owned()),
        updated_at: at(1),
    };
    let line = |position: i64| ScriptLine {
        id: id(),
        label: "Greeting".to_owned(),
        text: "Good day.".to_owned(),
        required: true,
        position,
        created_at: at(1),
        updated_at: at(2),
    };
    let (first, second) = (line(1), line(2));
    let turn = AssistTurn { id: id(), call_id: t.call, busy_until: Some(at(5)), advised_index: -1 };
    org!(store, t.org, |tx| {
        assert_eq!(tx.sentiment_config().await.expect("read"), None);
        tx.insert(&config).await.expect("added");
        let changed = SentimentConfig {
            enabled: false,
            webhook_url: None,
            alert_channels: AlertChannels::default(),
            objection_keywords: Keywords::default(),
            ..config.clone()
        };
        tx.update(&changed).await.expect("changed");
        assert_eq!(tx.sentiment_config().await.expect("read"), Some(changed));
        for line in [&second, &first] {
            tx.insert(line).await.expect("added");
        }
        assert_eq!(tx.script_lines(9).await.expect("read"), [first.clone(), second.clone()]);
        assert_eq!(tx.script_lines(1).await.expect("read").len(), 1);
        tx.insert(&turn).await.expect("added");
        let changed = AssistTurn { busy_until: None, advised_index: 7, ..turn.clone() };
        tx.update(&changed).await.expect("changed");
        assert_eq!(tx.assist_turn(t.call).await.expect("read"), Some(changed));
    });
    let again = SentimentConfig { id: id(), ..config };
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&again).await), Kind::Conflict);
    let again = AssistTurn { id: id(), ..turn };
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&again).await), Kind::Conflict);
    org!(store, other.org, |tx| {
        assert_eq!(tx.sentiment_config().await.expect("read"), None);
        assert!(tx.script_lines(9).await.expect("read").is_empty());
        assert_eq!(tx.assist_turn(t.call).await.expect("read"), None);
        tx.remove_script_line(first.id).await.expect("nothing of theirs");
    });
    org!(store, t.org, |tx| {
        tx.remove_script_line(second.id).await.expect("removed");
        assert_eq!(tx.script_lines(9).await.expect("read"), [first]);
    });
}

/// The last first, each once, one tenant's alone.
pub async fn calls_that_were_judged_are_listed(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let mut all = vec![];
    for seconds in [3, 1, 2] {
        let call = a_call_kept(store, t.org).await;
        let summary = a_summary(call, seconds);
        org!(store, t.org, |tx| tx.insert(&summary).await.expect("added"));
        all.push(summary);
    }
    all.sort_by_key(|summary| std::cmp::Reverse(summary.updated_at));
    let read = async |org, limit, offset| {
        let of = Stretch::new(Some(limit), Some(offset), 20, 100);
        org!(store, org, |tx| tx.list_sentiments(of).await.expect("read"))
    };
    let list = read(t.org, 2, 0).await;
    assert_eq!((list.total, &list.items[..]), (3, &all[..2]));
    assert_eq!(read(t.org, 2, 2).await.items, all[2..]);
    assert_eq!(read(other.org, 9, 0).await.total, 0);
}

/// Of that kind, about that account, not done and not older.
pub async fn a_task_that_is_left_to_do_is_found(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let task = Task {
        id: id(),
        account_id: t.account,
        kind: TaskKind::Promise,
        title: "See".to_owned(),
        notes: None,
        due_at: None,
        status: TaskStatus::Pending,
        assigned_to: None,
        source: None,
        created_by: None,
        completed_at: None,
        created_at: at(10),
        updated_at: at(10),
    };
    org!(store, t.org, |tx| {
        tx.insert(&task).await.expect("added");
        for (kind, since, found) in
            [(TaskKind::Promise, 10, true), (TaskKind::Promise, 11, false), (TaskKind::Followup, 0, false)]
        {
            assert_eq!(tx.has_open_task(t.account, kind, at(since)).await.expect("read"), found);
        }
        assert!(!tx.has_open_task(id(), TaskKind::Promise, at(0)).await.expect("read"));
    });
    org!(store, other.org, |tx| {
        assert!(!tx.has_open_task(t.account, TaskKind::Promise, at(0)).await.expect("read"));
    });
    org!(store, t.org, |tx| {
        tx.update(&Task { status: TaskStatus::InProgress, ..task.clone() }).await.expect("changed");
        assert!(tx.has_open_task(t.account, TaskKind::Promise, at(0)).await.expect("read"));
        tx.update(&Task { status: TaskStatus::Completed, ..task.clone() }).await.expect("changed");
        assert!(!tx.has_open_task(t.account, TaskKind::Promise, at(0)).await.expect("read"));
    });
}
