//! What members do with calls, numbers and sounds.

use super::*;
use crate::{
    audio::{AudioFile, AudioTranscription, TranscriptionStatus},
    kit::text::TextEnum,
    outcomes::{
        AiSummary, CallCard, CallConfirmation, CallNote, CallOutcome, Metadata, OutcomeContent, OutcomeRevision,
        OutcomeStatus, ReviewStatus, SummaryContent,
    },
    voice_config::{Modulations, TranslateMode, VoiceConfig, VoiceTarget},
};

fn content() -> OutcomeContent {
    OutcomeContent {
        agreed_items: vec!["Pays 50 on Friday".to_owned()],
        summary_text: "She pays.".to_owned(),
        readback_confirmed: true,
        readback_timestamp: Some(at(3)),
        ..OutcomeContent::default()
    }
}
fn an_outcome(call: CallId) -> CallOutcome {
    CallOutcome {
        id: id(),
        call_id: call,
        status: OutcomeStatus::Agreed,
        content: content(),
        revision: 1,
        declared_by: Some(id()),
        created_at: at(3),
        updated_at: at(3),
    }
}
fn a_revision(call: CallId, revision: i64) -> OutcomeRevision {
    OutcomeRevision {
        id: id(),
        call_id: call,
        revision,
        status: OutcomeStatus::Partial,
        content: content(),
        changed_by: None,
        created_at: at(revision),
    }
}
fn a_note(call: CallId, seconds: i64) -> CallNote {
    CallNote {
        id: id(),
        call_id: call,
        content: "Mornings.".to_owned(),
        created_by: Some(id()),
        created_at: at(seconds),
    }
}
fn metadata() -> Metadata {
    Metadata(json!({"ref": "A-1", "deep": {"n": 1}}).as_object().cloned().unwrap_or_default())
}
fn a_confirmation(call: CallId) -> CallConfirmation {
    CallConfirmation {
        id: id(),
        call_id: call,
        confirmation_type: "address".to_owned(),
        details: metadata(),
        confirmed_by: Some(id()),
        created_by: None,
        created_at: at(4),
    }
}
fn a_written_summary(call: CallId) -> AiSummary {
    AiSummary {
        id: id(),
        call_id: call,
        summary_text: "The customer promises to pay.".to_owned(),
        content: SummaryContent { topics_discussed: vec!["promise".to_owned()], ..SummaryContent::default() },
        sentiment: Sentiment::Positive,
        review_status: ReviewStatus::Pending,
        vendor: "groq".to_owned(),
        model: "llama".to_owned(),
        live: false,
        created_by: Some(id()),
        created_at: at(5),
    }
}
fn a_card(call: CallId) -> CallCard {
    CallCard {
        id: id(),
        call_id: call,
        disposition: Some("dispute".to_owned()),
        disposition_notes: Some("Her sister pays.".to_owned()),
        campaign_id: Some(id::<Call>().uuid()),
        campaign_call_id: Some(id::<Call>().uuid()),
        target_id: Some(id()),
        is_test: true,
        metadata: metadata(),
        held: true,
        hold_changes: 3,
        conference: Some("conf-1".to_owned()),
        created_at: at(1),
        updated_at: at(2),
    }
}
fn a_file(call: Option<CallId>, n: i64) -> AudioFile {
    AudioFile {
        id: id(),
        call_id: call,
        blob_key: format!("org/audio/{n}.wav"),
        original_name: "May 1.wav".to_owned(),
        content_type: "audio/wav".to_owned(),
        size_bytes: 44,
        media_hash: "sha256:00".to_owned(),
        created_by: Some(id()),
        created_at: at(n),
    }
}
fn a_hearing(file: &AudioFile, seconds: i64) -> AudioTranscription {
    AudioTranscription {
        id: id(),
        audio_file_id: file.id,
        status: TranscriptionStatus::Processing,
        language: "en".to_owned(),
        vendor: "assemblyai".to_owned(),
        audio_url: Some("https://cdn.example/1".to_owned()),
        vendor_id: Some("t-1".to_owned()),
        transcript: Some("A: Hello.".to_owned()),
        confidence_ppm: Some(900_000),
        word_count: Some(1),
        scrubbed: 1,
        error: Some("none".to_owned()),
        live: false,
        created_by: None,
        created_at: at(seconds),
        completed_at: Some(at(9)),
    }
}

/// One outcome and one card a call, in order, one tenant's alone.
pub async fn what_is_said_of_calls_comes_back_and_changes(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let (outcome, card) = (an_outcome(t.call), a_card(t.call));
    let notes = [a_note(t.call, 1), a_note(t.call, 2)];
    let (confirmation, summary) = (a_confirmation(t.call), a_written_summary(t.call));
    let revisions = [a_revision(t.call, 1), a_revision(t.call, 2), a_revision(t.call, 3)];
    org!(store, t.org, |tx| {
        assert_eq!(tx.outcome_of_call(t.call).await.expect("read"), None);
        assert_eq!(tx.card_of_call(t.call).await.expect("read"), None);
        tx.insert(&outcome).await.expect("added");
        tx.insert(&card).await.expect("added");
        for note in notes.iter().rev() {
            tx.insert(note).await.expect("added");
        }
        tx.insert(&confirmation).await.expect("added");
        tx.insert(&summary).await.expect("added");
        for revision in &revisions {
            tx.insert(revision).await.expect("added");
        }
        assert_eq!(tx.outcome_of_call(t.call).await.expect("read"), Some(outcome.clone()));
        assert_eq!(tx.card_of_call(t.call).await.expect("read"), Some(card.clone()));
        assert_eq!(tx.notes_of_call(t.call, 9).await.expect("read"), notes);
        assert_eq!(tx.notes_of_call(t.call, 1).await.expect("read"), notes[..1]);
        assert_eq!(tx.confirmations_of_call(t.call, 9).await.expect("read"), std::slice::from_ref(&confirmation));
        assert_eq!(tx.summaries_of_call(t.call, 9).await.expect("read"), std::slice::from_ref(&summary));
        let newest = tx.outcome_revisions(t.call, 2).await.expect("read");
        assert_eq!(newest, [revisions[2].clone(), revisions[1].clone()]);
        let changed =
            CallOutcome { status: OutcomeStatus::Declined, revision: 2, declared_by: None, ..outcome.clone() };
        tx.update(&changed).await.expect("changed");
        assert_eq!(tx.outcome_of_call(t.call).await.expect("read"), Some(changed));
        let bare = CallCard { disposition: None, conference: None, target_id: None, held: false, ..card.clone() };
        tx.update(&bare).await.expect("changed");
        assert_eq!(tx.card_of_call(t.call).await.expect("read"), Some(bare));
    });
    let again = CallOutcome { id: id(), ..outcome };
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&again).await), Kind::Conflict);
    let again = CallCard { id: id(), ..card };
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&again).await), Kind::Conflict);
    let again = a_revision(t.call, 1);
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&again).await), Kind::Conflict);
    org!(store, other.org, |tx| {
        assert_eq!(tx.outcome_of_call(t.call).await.expect("read"), None);
        assert_eq!(tx.card_of_call(t.call).await.expect("read"), None);
        assert!(tx.notes_of_call(t.call, 9).await.expect("read").is_empty());
        assert!(tx.confirmations_of_call(t.call, 9).await.expect("read").is_empty());
        assert!(tx.summaries_of_call(t.call, 9).await.expect("read").is_empty());
        assert!(tx.outcome_revisions(t.call, 9).await.expect("read").is_empty());
    });
    for status in OutcomeStatus::ALL {
        let call = a_call_kept(store, t.org).await;
        let row = CallOutcome { id: id(), status: *status, ..an_outcome(call) };
        let revision = OutcomeRevision { status: *status, ..a_revision(call, 1) };
        org!(store, t.org, |tx| {
            tx.insert(&row).await.expect("a status that is kept");
            tx.insert(&revision).await.expect("a status that is kept");
        });
    }
    for review_status in ReviewStatus::ALL {
        let row = AiSummary { review_status: *review_status, ..a_written_summary(t.call) };
        org!(store, t.org, |tx| tx.insert(&row).await.expect("a status that is kept"));
    }
}

/// What is made of words goes with the words; all that is said of calls goes with their person, and of nobody else's.
pub async fn what_is_said_of_calls_goes_with_their_person(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let file = a_file(Some(t.call), 1);
    let loose = a_file(None, 2);
    org!(store, t.org, |tx| {
        tx.insert(&an_outcome(t.call)).await.expect("added");
        tx.insert(&a_revision(t.call, 1)).await.expect("added");
        tx.insert(&a_note(t.call, 1)).await.expect("added");
        tx.insert(&a_confirmation(t.call)).await.expect("added");
        tx.insert(&a_written_summary(t.call)).await.expect("added");
        tx.insert(&a_card(t.call)).await.expect("added");
        for file in [&file, &loose] {
            tx.insert(file).await.expect("added");
            tx.insert(&a_hearing(file, 1)).await.expect("added");
        }
        assert_eq!(tx.audio_files_of_person(t.person, 9).await.expect("read"), std::slice::from_ref(&file));
    });
    org!(store, other.org, |tx| {
        assert!(tx.audio_files_of_person(t.person, 9).await.expect("read").is_empty());
        _ = tx.forget_person(t.person).await.expect("nothing of theirs");
    });
    org!(store, t.org, |tx| {
        assert_eq!(tx.notes_of_call(t.call, 9).await.expect("read").len(), 1);
        tx.forget_lines(t.call).await.expect("forgotten");
        assert!(tx.summaries_of_call(t.call, 9).await.expect("read").is_empty());
        assert_eq!(tx.notes_of_call(t.call, 9).await.expect("read").len(), 1);
        tx.insert(&a_written_summary(t.call)).await.expect("added anew");
    });
    org!(store, t.org, |tx| {
        let counted = tx.forget_person(t.person).await.expect("forgotten");
        for what in [
            "notes about calls",
            "confirmations",
            "summaries of calls",
            "audio that was brought",
            "outcomes of calls",
            "words of dispositions",
        ] {
            assert!(counted.iter().any(|one| one.what == what && one.count == 1), "{what}: {counted:?}");
        }
        assert_eq!(tx.outcome_of_call(t.call).await.expect("read"), None);
        assert!(tx.outcome_revisions(t.call, 9).await.expect("read").is_empty());
        assert!(tx.notes_of_call(t.call, 9).await.expect("read").is_empty());
        assert!(tx.confirmations_of_call(t.call, 9).await.expect("read").is_empty());
        assert!(tx.summaries_of_call(t.call, 9).await.expect("read").is_empty());
        let card = tx.card_of_call(t.call).await.expect("read").expect("a card without words");
        assert_eq!((card.disposition_notes, card.metadata, card.held), (None, Metadata::default(), true));
        assert!(tx.audio_files_of_call(t.call, 9).await.expect("read").is_empty());
        assert!(tx.transcriptions_of_file(file.id).await.expect("read").is_empty());
        assert_eq!(tx.transcriptions_of_file(loose.id).await.expect("read").len(), 1);
        let again = tx.forget_person(t.person).await.expect("forgotten");
        assert!(again.iter().all(|one| one.what != "words of dispositions" || one.count == 0), "{again:?}");
    });
}

/// One configuration a tenant, destinations by time, each number once.
pub async fn how_calls_begin_and_whom_they_go_to_comes_back(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let modulations = Modulations {
        record: Some(false),
        translate_mode: Some(TranslateMode::Live),
        translate_to: Some("es".to_owned()),
        ..Modulations::default()
    };
    let config = VoiceConfig { id: id(), modulations, updated_by: Some(id()), created_at: at(1), updated_at: at(2) };
    let target = |n: i64| VoiceTarget {
        id: id(),
        phone: format!("+1312555010{n}").parse().expect("a number"),
        name: (n == 1).then(|| "Desk".to_owned()),
        created_by: None,
        created_at: at(n),
    };
    let (first, second) = (target(1), target(2));
    org!(store, t.org, |tx| {
        assert_eq!(tx.voice_config().await.expect("read"), None);
        tx.insert(&config).await.expect("added");
        let changed = VoiceConfig { modulations: Modulations::default(), updated_by: None, ..config.clone() };
        tx.update(&changed).await.expect("changed");
        assert_eq!(tx.voice_config().await.expect("read"), Some(changed));
        for target in [&second, &first] {
            tx.insert(target).await.expect("added");
        }
        assert_eq!(tx.voice_targets(9).await.expect("read"), [first.clone(), second.clone()]);
        assert_eq!(tx.voice_targets(1).await.expect("read").len(), 1);
    });
    let again = VoiceConfig { id: id(), ..config };
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&again).await), Kind::Conflict);
    let again = VoiceTarget { id: id(), ..first.clone() };
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&again).await), Kind::Conflict);
    org!(store, other.org, |tx| {
        assert_eq!(tx.voice_config().await.expect("read"), None);
        assert!(tx.voice_targets(9).await.expect("read").is_empty());
        tx.delete_voice_target(first.id).await.expect("nothing of theirs");
    });
    org!(store, t.org, |tx| {
        tx.delete_voice_target(second.id).await.expect("removed");
        assert_eq!(tx.voice_targets(9).await.expect("read"), [first]);
    });
}

/// By key, by call, counted, with what was heard in them.
pub async fn audio_that_is_brought_comes_back_with_what_was_heard(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let (file, loose) = (a_file(Some(t.call), 1), a_file(None, 2));
    let heard = [a_hearing(&file, 1), a_hearing(&file, 2)];
    org!(store, t.org, |tx| {
        for file in [&file, &loose] {
            tx.insert(file).await.expect("added");
        }
        for one in heard.iter().rev() {
            tx.insert(one).await.expect("added");
        }
        assert_eq!(tx.count_audio_files().await.expect("read"), 2);
        assert_eq!(tx.audio_file_by_key("org/audio/2.wav").await.expect("read"), Some(loose.clone()));
        assert_eq!(tx.audio_files_of_call(t.call, 9).await.expect("read"), std::slice::from_ref(&file));
        assert_eq!(tx.transcriptions_of_file(file.id).await.expect("read"), heard);
        for status in TranscriptionStatus::ALL {
            let changed = AudioTranscription {
                status: *status,
                audio_url: None,
                vendor_id: None,
                transcript: None,
                confidence_ppm: None,
                word_count: None,
                error: None,
                completed_at: None,
                ..heard[0].clone()
            };
            tx.update(&changed).await.expect("changed");
            assert_eq!(tx.find(changed.id).await.expect("read"), Some(changed));
        }
    });
    let again = AudioFile { id: id(), ..loose };
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&again).await), Kind::Conflict);
    org!(store, other.org, |tx| {
        assert_eq!(tx.count_audio_files().await.expect("read"), 0);
        assert_eq!(tx.audio_file_by_key("org/audio/2.wav").await.expect("read"), None);
        assert!(tx.audio_files_of_call(t.call, 9).await.expect("read").is_empty());
        assert!(tx.transcriptions_of_file(file.id).await.expect("read").is_empty());
    });
}
