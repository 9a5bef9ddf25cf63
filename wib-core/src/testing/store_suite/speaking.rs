//! What machines say.

use super::*;
use crate::{
    kit::text::TextEnum,
    live::{Injection, InjectionStatus, Speaker},
    speech::{TtsAudio, TtsStatus},
};

fn an_injection(t: &Tenant, line_index: i64) -> Injection {
    Injection {
        id: id(),
        call_id: t.call,
        translation_id: id(),
        line_index,
        speaker: Speaker::Customer,
        language: Language::En,
        leg_id: None,
        status: InjectionStatus::Queued,
        why: None,
        blob_key: None,
        vendor: None,
        created_at: at(line_index),
        played_at: None,
        ended_at: None,
    }
}
fn a_sound(key: &str, used_at: i64) -> TtsAudio {
    TtsAudio {
        id: id(),
        key: key.to_owned(),
        status: TtsStatus::Making,
        blob_key: None,
        content_type: None,
        size_bytes: None,
        media_hash: None,
        duration_ms: None,
        vendor: None,
        model: None,
        voice: None,
        characters: None,
        cost_micros: None,
        price_book: None,
        live: true,
        hits: 0,
        created_at: at(0),
        used_at: at(used_at),
    }
}

/// One tenant's alone, by the places of their lines; those that wait or are heard can be told from the others.
pub async fn a_translation_is_spoken_once(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let (first, second) = (an_injection(&t, 1), an_injection(&t, 2));
    org!(store, t.org, |tx| {
        assert!(tx.note_injection(&second).await.expect("added"));
        assert!(tx.note_injection(&first).await.expect("added"));
        let twice = Injection { translation_id: first.translation_id, ..an_injection(&t, 1) };
        assert!(!tx.note_injection(&twice).await.expect("asked"), "one each");
        assert_eq!(tx.injections_of_call(t.call).await.expect("read"), [first.clone(), second.clone()]);
        for (n, status) in InjectionStatus::ALL.iter().enumerate() {
            let changed = Injection {
                status: *status,
                leg_id: Some(id()),
                why: Some("cut".to_owned()),
                blob_key: Some("a/b".to_owned()),
                vendor: Some("xai".to_owned()),
                language: Language::ALL[n],
                played_at: Some(at(5)),
                ended_at: Some(at(6)),
                ..first.clone()
            };
            tx.update(&changed).await.expect("changed");
            assert_eq!(tx.find(first.id).await.expect("read"), Some(changed.clone()));
            let open = tx.open_injections(t.call).await.expect("read");
            assert_eq!(open.contains(&changed), status.open(), "{status}");
            assert!(open.contains(&second));
        }
    });
    org!(store, other.org, |tx| {
        assert!(tx.injections_of_call(t.call).await.expect("read").is_empty());
        assert!(tx.open_injections(t.call).await.expect("read").is_empty());
    });
}

/// One per key and tenant; who asked last stays longest.
pub async fn sounds_are_kept_by_their_key_and_go_by_their_use(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let sounds: Vec<_> = (1..=4).map(|n| a_sound(&format!("sha256:{n}"), n)).collect();
    org!(store, t.org, |tx| {
        for sound in &sounds {
            assert!(tx.note_tts_audio(sound).await.expect("added"));
        }
        assert!(!tx.note_tts_audio(&a_sound("sha256:1", 9)).await.expect("asked"), "one each");
        assert_eq!(tx.tts_audio("sha256:2").await.expect("read"), Some(sounds[1].clone()));
        assert_eq!(tx.tts_audio("sha256:9").await.expect("read"), None);
        let ready = TtsAudio {
            status: TtsStatus::Ready,
            blob_key: Some("a/b".to_owned()),
            content_type: Some("audio/mpeg".to_owned()),
            size_bytes: Some(7),
            media_hash: Some("sha256:0".to_owned()),
            duration_ms: Some(900),
            vendor: Some("xai".to_owned()),
            model: Some("m".to_owned()),
            voice: Some("ara".to_owned()),
            characters: Some(6),
            cost_micros: Some(5),
            price_book: Some("p".to_owned()),
            live: false,
            ..sounds[0].clone()
        };
        tx.update(&ready).await.expect("changed");
        assert_eq!(tx.find(ready.id).await.expect("read"), Some(ready.clone()));
        let stale = tx.stale_tts_audio(at(3), 9, 9).await.expect("read");
        assert_eq!(stale, [ready.clone(), sounds[1].clone()], "those before then");
        assert_eq!(tx.stale_tts_audio(at(3), 9, 1).await.expect("read").len(), 1);
        assert_eq!(
            tx.stale_tts_audio(at(0), 3, 9).await.expect("read"),
            std::slice::from_ref(&ready),
            "those beyond three"
        );
        tx.hit_tts_audio(ready.id, at(8)).await.expect("counted");
        tx.hit_tts_audio(ready.id, at(7)).await.expect("counted");
        let hit = tx.tts_audio("sha256:1").await.expect("read").expect("it is there");
        assert_eq!((hit.hits, hit.used_at), (2, at(8)), "time does not go back");
        assert_eq!(tx.stale_tts_audio(at(0), 3, 9).await.expect("read"), sounds[1..2]);
    });
    org!(store, other.org, |tx| {
        assert_eq!(tx.tts_audio("sha256:1").await.expect("read"), None);
        assert!(tx.stale_tts_audio(at(99), 0, 9).await.expect("read").is_empty());
        tx.hit_tts_audio(sounds[0].id, at(99)).await.expect("nothing of theirs");
        assert!(!tx.drop_tts_audio(sounds[0].id).await.expect("asked"));
        assert!(tx.note_tts_audio(&a_sound("sha256:1", 1)).await.expect("added"), "their own");
    });
    org!(store, t.org, |tx| {
        assert!(tx.drop_tts_audio(sounds[0].id).await.expect("removed"));
        assert!(!tx.drop_tts_audio(sounds[0].id).await.expect("asked"));
        assert_eq!(tx.tts_audio("sha256:1").await.expect("read"), None);
    });
}
