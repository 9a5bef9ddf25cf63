//! A machine that talks with people.

use super::*;
use crate::{
    ai_agent::{AiAgentConfig, AiModel, AiSession, AiState, AiTurn, AiTurnKind},
    kit::text::TextEnum,
};

fn a_session(t: &Tenant) -> AiSession {
    AiSession {
        id: id(),
        call_id: t.call,
        state: AiState::Idle,
        turn: 0,
        answers: 0,
        asked: 1,
        restarts: 0,
        silences: 0,
        heard_until: -1,
        since: at(1),
        handed_at: None,
        activated_by: None,
        created_at: at(1),
        updated_at: at(1),
    }
}
fn a_turn(t: &Tenant, number: i64) -> AiTurn {
    AiTurn {
        id: id(),
        call_id: t.call,
        number,
        kind: AiTurnKind::Answer,
        text: "¿Sigue usted ahí?".to_owned(),
        language: "es-US".to_owned(),
        after_line: number - 2,
        vendor: Some("groq".to_owned()),
        model: Some("llama".to_owned()),
        live: false,
        ordered_at: None,
        started_at: None,
        ended_at: None,
        cut_at: None,
        created_at: at(number),
    }
}

/// One tenant's alone, one per call and number, and what was said is forgotten with the lines.
pub async fn conversations_of_a_machine_come_back_change_and_are_forgotten(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let config = AiAgentConfig {
        id: id(),
        prompt: "Be kind.".to_owned(),
        model: AiModel::default(),
        temperature_milli: 300,
        enabled: true,
        greeting: None,
        max_turns: 20,
        silence_seconds: 8,
        handoff_to: None,
        updated_at: at(1),
    };
    let (session, turns) = (a_session(&t), [a_turn(&t, 1), a_turn(&t, 2)]);
    org!(store, t.org, |tx| {
        assert_eq!(tx.ai_agent_config().await.expect("read"), None);
        assert_eq!(tx.ai_session(t.call).await.expect("read"), None);
        tx.insert(&config).await.expect("added");
        tx.insert(&session).await.expect("added");
        for turn in turns.iter().rev() {
            tx.insert(turn).await.expect("added");
        }
        assert_eq!(tx.ai_turns(t.call).await.expect("read"), turns);
        for model in AiModel::ALL {
            let changed = AiAgentConfig {
                model: *model,
                greeting: Some("Hello.".to_owned()),
                handoff_to: Some("+13125550188".parse().expect("a number")),
                ..config.clone()
            };
            tx.update(&changed).await.expect("changed");
            assert_eq!(tx.ai_agent_config().await.expect("read"), Some(changed));
        }
        for state in AiState::ALL {
            let changed = AiSession { state: *state, turn: 2, handed_at: Some(at(3)), ..session.clone() };
            tx.update(&changed).await.expect("changed");
            assert_eq!(tx.ai_session(t.call).await.expect("read"), Some(changed));
        }
        for kind in AiTurnKind::ALL {
            let changed = AiTurn { kind: *kind, started_at: Some(at(3)), cut_at: Some(at(4)), ..turns[1].clone() };
            tx.update(&changed).await.expect("changed");
            assert_eq!(tx.ai_turn(t.call, 2).await.expect("read"), Some(changed));
        }
    });
    org!(store, other.org, |tx| {
        assert_eq!(tx.ai_agent_config().await.expect("read"), None);
        assert_eq!(tx.ai_session(t.call).await.expect("read"), None);
        assert_eq!(tx.ai_turn(t.call, 1).await.expect("read"), None);
        assert!(tx.ai_turns(t.call).await.expect("read").is_empty());
        assert_eq!(kind_of(tx.update(&session).await), Kind::NotFound);
        tx.forget_lines(t.call).await.expect("nothing of theirs");
    });
    // One transaction after another: a file has one writer.
    for what in 0..3 {
        let mut tx = store.org(t.org).await.expect("opened");
        let twice = match what {
            0 => tx.insert(&a_session(&t)).await,
            1 => tx.insert(&a_turn(&t, 1)).await,
            _ => tx.insert(&AiAgentConfig { id: id(), ..config.clone() }).await,
        };
        assert_eq!(kind_of(twice), Kind::Conflict);
    }
    org!(store, t.org, |tx| {
        assert_eq!(tx.ai_turns(t.call).await.expect("read").len(), 2);
        tx.forget_lines(t.call).await.expect("forgotten");
        assert!(tx.ai_turns(t.call).await.expect("read").is_empty());
        assert!(tx.ai_session(t.call).await.expect("read").is_some(), "how it stood stays, without words");
        tx.insert(&a_turn(&t, 1)).await.expect("added anew");
    });
}
