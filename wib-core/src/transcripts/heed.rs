//! What the person said that has to be heeded: a wish to be left alone is honoured at once; what changes a legal status
//! goes to a person.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::json;

use super::Transcript;
use crate::{
    calls::{Call, CallEvent},
    consent::{OptOut, Source, means_stop},
    kit::Result,
    ports::voice::Direction,
    store::OrgTx,
    wib::{Org, Wib},
};

/// Most findings of one kind that one transcript gives.
const MOST: usize = 5;

static ATTORNEY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:my|have an?|speak (?:to|with)|talk (?:to|with)|through) (?:my )?(?:lawyer|attorney|counsel|abogad[oa])\b|\bmi abogad[oa]\b|\btengo (?:un )?abogad[oa]\b")
        .expect("a literal pattern compiles")
});
static DISPUTE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:do not|don['’]?t|never) (?:owe|owed)\b|\bnot my debt\b|\bdispute (?:this|the|that)\b|\balready paid\b|\bproof of (?:the|this) debt\b|\bno debo\b|\bya (?:lo )?pagu[eé]\b")
        .expect("a literal pattern compiles")
});

/// Looks through what the customer's side said, in the transaction that keeps the transcript.
///
/// An opt-out is written to the ledger that the gate reads: to be wrong about it is on the safe side. An attorney or a
/// dispute becomes a line for a person to confirm: no machine changes a legal status.
pub(super) async fn heed(wib: &Wib, tx: &mut dyn OrgTx, org: &Org, call: &Call, transcript: &Transcript) -> Result<()> {
    let now = wib.now();
    let (mut stops, mut findings) = (vec![], vec![]);
    for (i, said) in transcript.utterances.0.iter().enumerate().filter(|(_, u)| u.speaker != "agent") {
        if means_stop(&said.text) {
            stops.push(i);
        }
        for (kind, pattern) in [("attorney", &ATTORNEY), ("dispute", &DISPUTE)] {
            if pattern.is_match(&said.text) && findings.iter().filter(|(k, _)| *k == kind).count() < MOST {
                findings.push((kind, i));
            }
        }
    }
    let span = |i: usize| {
        let u = &transcript.utterances.0[i];
        json!({"transcript_id": transcript.id, "utterance": i, "start_ms": u.start_ms, "end_ms": u.end_ms})
    };
    if let (Some(first), Some(person)) = (stops.first(), call.person_id) {
        let number = if call.direction == Direction::Outbound { &call.to_number } else { &call.from_number };
        let source = if call.direction == Direction::Outbound { Source::OutboundCall } else { Source::InboundCall };
        let command = OptOut { person_id: Some(person), phone: Some(number.clone()), source, ..OptOut::default() };
        let evidence = format!("transcript:{} utterance:{first}", transcript.id);
        org.honour(tx, &command, &[person], Some(&evidence)).await?;
        metrics::counter!("wib_opt_outs_total").increment(1);
        note(wib, tx, call, &format!("opt_out:{}", transcript.id), "call.opted_out", span(*first), now).await?;
    }
    for (kind, i) in findings {
        let mut data = span(i);
        data["kind"] = kind.into();
        data["standing"] = "to be confirmed by a person".into();
        note(wib, tx, call, &format!("heard:{kind}:{}:{i}", transcript.id), "call.heard", data, now).await?;
    }
    Ok(())
}

async fn note(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &Call,
    source: &str,
    event_type: &str,
    event_data: serde_json::Value,
    at: crate::kit::Timestamp,
) -> Result<()> {
    let (source, event_type) = (source.to_owned(), event_type.to_owned());
    let event = CallEvent { id: wib.id(), call_id: call.id, source, event_type, event_data, at };
    tx.note_event(&event).await.map(drop)
}
