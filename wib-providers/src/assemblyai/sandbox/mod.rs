//! AssemblyAI: batch with all that can be asked of a transcript, and streaming. It hears only what the bytes carry.

mod heard;
mod live;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use wib_core::kit::time::{Timestamp, after};

use self::{
    heard::{Heard, How},
    live::Streams,
};
use super::VENDOR;
use crate::sandbox::{
    chance::Chance,
    line::{Said, Say},
    model::{Entry, Model, Told},
    sound::Sound,
    wire::{Ask, Base, json as answer, text, typed},
    world::{KEPT, World},
};

/// AssemblyAI in the sandbox.
pub(super) const ENTRY: Entry = Entry { hosts: &[HOST, CDN, STREAMING], new: |_, seed| Box::new(Transcripts::new(seed)) };
const HOST: &str = "api.assemblyai.com";
const CDN: &str = "cdn.assemblyai.com";
const STREAMING: &str = "streaming.assemblyai.com";
/// From order to processing, and from there to the end.
const QUEUED_MS: u64 = 500;
const PROCESSING_MS: u64 = 3_500;
/// From there to the redacted audio, and how long that can be had.
const REDACTING_MS: u64 = 1_500;
const REDACTED_FOR: Duration = Duration::from_secs(24 * 3600);
/// Characters of a caption, when nothing is said.
const CAPTION: usize = 128;
const UNKNOWN: &str = "Transcript lookup error, transcript id not found";
const NO_SPEECH: &str = "language_detection cannot be performed on files with no spoken audio.";

/// Uploads and transcripts.
#[derive(Debug, Default)]
struct Transcripts {
    secret: String,
    /// What was heard in each upload; the bytes themselves are not kept.
    uploads: BTreeMap<String, Result<Sound, &'static str>>,
    jobs: BTreeMap<String, Job>,
    /// Uploads and jobs in order of arrival.
    order: Vec<String>,
    arrivals: u64,
    streams: Streams,
}

#[derive(Debug)]
struct Job {
    nth: u64,
    status: &'static str,
    error: Option<String>,
    order: Value,
    sound: Option<Sound>,
    created: Timestamp,
    completed: Option<Timestamp>,
    /// By which address it was ordered.
    base: Base,
    /// When its redacted audio was ready.
    redacted: Option<Timestamp>,
    deleted: bool,
}

/// The answer in AssemblyAI's shape of errors.
fn error(status: u16, message: &str) -> Response<Bytes> {
    answer(status, &json!({"error": message}))
}

impl Model for Transcripts {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("POST", ["v2", "upload"]) => "upload",
            ("POST", ["v2", "transcript"]) => "submit",
            ("GET", ["v2", "transcript"]) => "list",
            ("GET", ["v2", "transcript", _]) => "fetch",
            ("DELETE", ["v2", "transcript", _]) => "delete",
            ("GET", ["v2", "transcript", _, "sentences"]) => "sentences",
            ("GET", ["v2", "transcript", _, "paragraphs"]) => "paragraphs",
            ("GET", ["v2", "transcript", _, "srt" | "vtt"]) => "subtitles",
            ("GET", ["v2", "transcript", _, "word-search"]) => "search",
            ("GET", ["v2", "transcript", _, "redacted-audio"]) => "redacted_audio",
            ("GET", ["redacted", _]) => "redacted_file",
            ("GET", ["v3", "token"]) => "token",
            ("GET", ["v3", "ws"]) => "stream",
            _ => "unknown",
        }
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        if let ("GET", ["redacted", name]) = (ask.route().0, ask.route().1.as_slice()) {
            return self.redacted_file(world.now, name);
        }
        let key = ask.header("authorization").unwrap_or_default();
        if key.is_empty() || key.starts_with("Bearer ") || key.contains("invalid") {
            return error(401, "Authentication error, API token missing/invalid");
        }
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("POST", ["v2", "upload"]) => self.upload(world.seed, ask),
            ("POST", ["v2", "transcript"]) => self.submit(world, ask),
            ("GET", ["v2", "transcript"]) => self.list(ask),
            ("GET", ["v2", "transcript", id]) => match self.jobs.get(*id) {
                Some(job) => answer(200, &job.show(id, world.seed)),
                None => error(400, UNKNOWN),
            },
            ("GET", ["v2", "transcript", id, "redacted-audio"]) => self.redacted_audio(world.now, id),
            ("GET", ["v2", "transcript", id, what]) => match self.jobs.get(*id) {
                Some(job) => job.part(id, what, world.seed, ask),
                None => error(400, UNKNOWN),
            },
            ("GET", ["v3", "token"]) => match self.streams.token(world, ask) {
                Ok(token) => answer(200, &token),
                Err(why) => error(400, why),
            },
            ("DELETE", ["v2", "transcript", id]) => match self.jobs.get_mut(*id) {
                Some(job) if job.completed.is_none() => {
                    error(400, "Transcript can not be deleted while it is being processed")
                }
                Some(job) => {
                    job.deleted = true;
                    job.sound = None;
                    answer(200, &job.show(id, world.seed))
                }
                None => error(400, UNKNOWN),
            },
            _ => error(404, "Not found"),
        }
    }
    /// What the house gives its adapter as a secret; an order carries it, and so do deliveries.
    fn verifier(&self) -> Option<String> {
        Some(self.secret.clone())
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        error(status, message)
    }
    fn accept(&mut self, world: &mut World, ask: &Ask<'_>) -> Result<String, Box<Response<Bytes>>> {
        match ask.route().1.as_slice() {
            ["v3", "ws"] => Ok(self.streams.accept(world, ask)),
            _ => Err(Box::new(error(404, "Not found"))),
        }
    }
    fn heard(&mut self, world: &mut World, session: &str, said: Said<'_>) {
        self.streams.heard(world, session, said);
    }
    fn due(&self, session: &str) -> Option<Timestamp> {
        self.streams.due(session)
    }
    fn hung_up(&mut self, _world: &mut World, session: &str) {
        self.streams.hung_up(session);
    }
    fn words_heard(&self, session: &str) -> usize {
        self.streams.words_heard(session)
    }
    fn told(&self, message: &Value) -> Told {
        live::told(message)
    }
    fn collapse(&self) -> Vec<Say> {
        live::collapse()
    }
    /// A job goes on: queued, processing, completed or failed, its audio redacted; or a session's time is over.
    fn step(&mut self, world: &mut World, what: &str) {
        let now = world.now;
        let id = match what.split_once(':') {
            Some(("stream", session)) => return self.streams.expire(world, session),
            Some((_, job)) => return self.redact(world, job),
            None => what,
        };
        let Some(job) = self.jobs.get_mut(id) else { return };
        if job.status == "queued" {
            job.status = "processing";
            return world.plan_for(VENDOR, PROCESSING_MS, id);
        }
        let url = text(&job.order, "audio_url").unwrap_or_default();
        let upload = url.rsplit_once("/upload/").and_then(|(_, upload)| self.uploads.get(upload));
        let silent = |sound: &Sound| sound.lines.is_empty() && job.order["language_detection"] == true;
        let heard = match upload {
            None => Err(format!("Download error, unable to access file at {url}")),
            Some(Err(reason)) => Err((*reason).to_owned()),
            Some(Ok(sound)) if silent(sound) => Err(NO_SPEECH.to_owned()),
            Some(Ok(sound)) => Ok(sound.clone()),
        };
        job.completed = Some(now);
        match heard {
            Ok(sound) => (job.status, job.sound) = ("completed", Some(sound)),
            Err(reason) => (job.status, job.error) = ("error", Some(reason)),
        }
        if job.sound.is_some() && job.order["redact_pii_audio"] == true {
            world.plan_for(VENDOR, REDACTING_MS, format!("redact:{id}"));
        }
        job.tell(world, json!({"transcript_id": id, "status": job.status}));
    }
}

impl Transcripts {
    fn new(seed: u64) -> Self {
        Self { secret: Chance::of(seed, &["assemblyai", "webhook"]).hex(32), ..Self::default() }
    }
    /// Redacted audio is ready. What tells of it does not say of which transcript.
    fn redact(&mut self, world: &mut World, id: &str) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.redacted = Some(world.now);
        job.tell(world, json!({"status": "redacted_audio_ready", "redacted_audio_url": job.redacted_url(id)}));
    }

    fn redacted_audio(&self, now: Timestamp, id: &str) -> Response<Bytes> {
        let Some(job) = self.jobs.get(id) else { return error(400, UNKNOWN) };
        match job.redacted {
            _ if job.order["redact_pii_audio"] != true || job.deleted || job.status == "error" => {
                error(400, "Redacted audio is not available for this transcript")
            }
            None => answer(202, &json!({"status": "redacted_audio_processing"})),
            Some(ready) if after(ready, REDACTED_FOR) < now => error(400, "Redacted audio is no longer available"),
            Some(_) => {
                answer(200, &json!({"status": "redacted_audio_ready", "redacted_audio_url": job.redacted_url(id)}))
            }
        }
    }
    fn redacted_file(&self, now: Timestamp, name: &str) -> Response<Bytes> {
        let (id, form) = name.rsplit_once('.').unwrap_or((name, ""));
        let kept = self.jobs.get(id).filter(|job| job.redacted.is_some_and(|ready| after(ready, REDACTED_FOR) >= now));
        let Some((job, sound)) = kept.and_then(|job| Some((job, job.sound.as_ref()?))) else {
            return typed(403, "application/xml", "<Error><Code>AccessDenied</Code></Error>");
        };
        let quiet = heard::silenced(sound, &job.policies());
        if form == "wav" { typed(200, "audio/wav", quiet.wav()) } else { typed(200, "audio/mpeg", quiet.mp3()) }
    }

    fn named(&mut self, seed: u64, kind: &str) -> String {
        self.arrivals += 1;
        let id = Chance::of(seed, &[kind, &self.arrivals.to_string()]).uuid().to_string();
        self.order.push(id.clone());
        if self.order.len() > 2 * KEPT {
            for old in self.order.drain(..KEPT) {
                self.uploads.remove(&old);
                self.jobs.remove(&old);
            }
        }
        id
    }

    fn upload(&mut self, seed: u64, ask: &Ask<'_>) -> Response<Bytes> {
        if ask.body.is_empty() {
            return error(
                400,
                "Upload failed, please try again. If you continue to have issues please reach out to support.",
            );
        }
        let id = self.named(seed, "upload");
        self.uploads.insert(id.clone(), Sound::hear(ask.body));
        answer(200, &json!({"upload_url": ask.base.url(CDN, VENDOR, &format!("/upload/{id}"))}))
    }

    fn submit(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        let Some(order) = ask.object() else { return error(400, "Invalid JSON in request body") };
        if text(&order, "audio_url").is_none_or(|url| !url.starts_with("http")) {
            return error(
                400,
                "Invalid endpoint schema, please refer to documentation for examples: audio_url is required.",
            );
        }
        if order["speech_models"].as_array().is_none_or(Vec::is_empty) {
            return error(400, "\"speech_models\" must be a non-empty list.");
        }
        let id = self.named(world.seed, "transcript");
        let job = Job {
            nth: self.arrivals,
            status: "queued",
            error: None,
            order,
            sound: None,
            created: world.now,
            completed: None,
            base: ask.base.clone(),
            redacted: None,
            deleted: false,
        };
        let shown = job.show(&id, world.seed);
        self.jobs.insert(id.clone(), job);
        world.plan_for(VENDOR, QUEUED_MS, id);
        answer(200, &shown)
    }

    fn list(&self, ask: &Ask<'_>) -> Response<Bytes> {
        let limit = ask.param("limit").map_or(Some(10), |limit| limit.parse().ok());
        let Some(limit) = limit.filter(|limit| (1..=200).contains(limit)) else {
            return error(400, "limit must be between 1 and 200");
        };
        let nth = |name: &str| ask.param(name).and_then(|id| self.jobs.get(id)).map(|job| job.nth);
        let (before, after) = (nth("before_id").unwrap_or(u64::MAX), nth("after_id").unwrap_or(0));
        let wanted = |job: &Job| {
            job.nth < before
                && job.nth > after
                && ask.param("status").is_none_or(|status| status == job.status)
                && ask.param("created_on").is_none_or(|day| created(job.created).starts_with(day))
        };
        let mut jobs: Vec<_> = self.jobs.iter().filter(|(_, job)| wanted(job)).collect();
        jobs.sort_by_key(|(_, job)| std::cmp::Reverse(job.nth));
        let older = jobs.len() > limit;
        jobs.truncate(limit);
        let url = |query: &str| ask.base.url(HOST, "assemblyai", &format!("/v2/transcript?limit={limit}{query}"));
        let shown = jobs.iter().map(|(id, job)| {
            json!({
                "id": id,
                "resource_url": ask.base.url(HOST, "assemblyai", &format!("/v2/transcript/{id}")),
                "status": job.status,
                "created": created(job.created),
                "completed": job.completed.map(created),
                "audio_url": job.audio_url(),
                "error": job.error,
            })
        });
        let transcripts: Vec<_> = shown.collect();
        let page = json!({
            "limit": limit,
            "result_count": transcripts.len(),
            "current_url": url(""),
            "prev_url": jobs.last().filter(|_| older).map(|(id, _)| url(&format!("&before_id={id}"))),
            "next_url": jobs.first().map(|(id, _)| url(&format!("&after_id={id}"))),
        });
        answer(200, &json!({"page_details": page, "transcripts": transcripts}))
    }
}

fn created(at: Timestamp) -> String {
    format!("{at:.6}").trim_end_matches('Z').to_owned()
}

impl Job {
    fn audio_url(&self) -> &str {
        if self.deleted { "http://deleted_by_user" } else { text(&self.order, "audio_url").unwrap_or_default() }
    }

    fn show(&self, id: &str, seed: u64) -> Value {
        let asked = |field: &str| self.order[field] == true;
        let auth_header = text(&self.order, "webhook_auth_header_name");
        let mut shown = json!({
            "id": id,
            "speech_model": null,
            "speech_models": self.order["speech_models"],
            "language_model": "assemblyai_default",
            "acoustic_model": "assemblyai_default",
            "language_code": text(&self.order, "language_code").unwrap_or("en_us"),
            "language_detection": asked("language_detection"),
            "language_confidence_threshold": self.order["language_confidence_threshold"].as_f64(),
            "language_confidence": null,
            "status": self.status,
            "audio_url": self.audio_url(),
            "audio_duration": null,
            "text": null,
            "words": null,
            "utterances": null,
            "confidence": null,
            "punctuate": true,
            "format_text": true,
            "multichannel": asked("multichannel"),
            "speaker_labels": asked("speaker_labels"),
            "webhook_url": text(&self.order, "webhook_url"),
            "webhook_status_code": null,
            "webhook_auth": auth_header.is_some(),
            "webhook_auth_header_name": auth_header,
            "auto_highlights": asked("auto_highlights"),
            "sentiment_analysis": asked("sentiment_analysis"),
            "entity_detection": asked("entity_detection"),
            "content_safety": asked("content_safety"),
            "redact_pii": asked("redact_pii"),
            "redact_pii_audio": asked("redact_pii_audio"),
            "summarization": false,
        });
        if let Some(error) = &self.error {
            shown["error"] = json!(error);
        }
        if self.deleted {
            shown["text"] = json!("Deleted by user.");
        }
        if let Some(sound) = &self.sound {
            self.show_words(&mut shown, sound, id, seed);
        }
        shown
    }

    /// The kinds of things that are taken out.
    fn policies(&self) -> Vec<&str> {
        let asked = self.order["redact_pii_policies"].as_array().filter(|_| self.order["redact_pii"] == true);
        asked.into_iter().flatten().filter_map(Value::as_str).collect()
    }
    fn redacted_url(&self, id: &str) -> String {
        let form = text(&self.order, "redact_pii_audio_quality").unwrap_or("mp3");
        self.base.url(CDN, VENDOR, &format!("/redacted/{id}.{form}"))
    }
    /// Tells whoever ordered it, when that was asked for.
    fn tell(&self, world: &mut World, body: Value) {
        let field = |name| text(&self.order, name).map(str::to_owned);
        let Some(hook) = field("webhook_url") else { return };
        let asked = field("webhook_auth_header_name").zip(field("webhook_auth_header_value"));
        let auth = asked.or_else(|| world.settings.assemblyai_webhook_auth.clone());
        world.post(VENDOR, Some(hook), auth, body);
    }

    /// What was heard, the same every time.
    fn heard(&self, sound: &Sound, id: &str, seed: u64) -> Heard {
        let how = How {
            multichannel: self.order["multichannel"] == true,
            labels: self.order["speaker_labels"] == true,
            redacted: &self.policies(),
            named: text(&self.order, "redact_pii_sub") == Some("entity_name"),
        };
        Heard::of(sound, how, &mut Chance::of(seed, &["heard", id]))
    }

    /// A transcript in another form.
    fn part(&self, id: &str, what: &str, seed: u64, ask: &Ask<'_>) -> Response<Bytes> {
        let Some(sound) = &self.sound else {
            return error(
                400,
                &format!(
                    "This transcript has a status of '{}'. Transcripts must have a status of 'completed' for this.",
                    if self.deleted { "deleted" } else { self.status }
                ),
            );
        };
        let heard = self.heard(sound, id, seed);
        let passages = |name: &str, passages: Value| {
            let confidence = heard.confidence().unwrap_or(0.0);
            let seconds = (sound.duration_ms + 999) / 1_000;
            answer(200, &json!({"id": id, "confidence": confidence, "audio_duration": seconds, name: passages}))
        };
        match what {
            "sentences" => passages("sentences", heard.sentences()),
            "paragraphs" => passages("paragraphs", heard.paragraphs()),
            "srt" | "vtt" => match ask.param("chars_per_caption").map_or(Ok(CAPTION), str::parse) {
                Ok(most) if most > 0 => typed(200, "text/plain", heard.subtitles(what, most)),
                _ => error(400, "chars_per_caption must be a positive integer"),
            },
            "word-search" => {
                let words = ask.param("words").unwrap_or_default().split(',').map(str::trim);
                let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
                if words.is_empty() {
                    return error(400, "words is required");
                }
                let (total, matches) = heard.search(&words);
                answer(200, &json!({"id": id, "total_count": total, "matches": matches}))
            }
            _ => error(404, "Not found"),
        }
    }

    fn show_words(&self, shown: &mut Value, sound: &Sound, id: &str, seed: u64) {
        let heard = self.heard(sound, id, seed);
        shown["text"] = json!(heard.text());
        shown["confidence"] = json!(heard.confidence());
        shown["words"] = heard.words().map(heard::Word::show).collect();
        shown["audio_duration"] = json!((sound.duration_ms + 999) / 1_000);
        shown["audio_channels"] = json!(sound.channels);
        shown["speech_model_used"] = self.order["speech_models"][0].clone();
        if shown["multichannel"] == true || shown["speaker_labels"] == true {
            shown["utterances"] = heard.utterances();
        }
        if shown["language_detection"] == true {
            shown["language_code"] = json!(sound.language);
            shown["language_confidence"] = json!(0.98);
        }
        if shown["auto_highlights"] == true {
            shown["auto_highlights_result"] = json!({"status": "success", "results": heard.highlights()});
        }
        if shown["sentiment_analysis"] == true {
            shown["sentiment_analysis_results"] = heard.sentiments();
        }
        if shown["entity_detection"] == true {
            shown["entities"] = heard.entities();
        }
        if shown["content_safety"] == true {
            shown["content_safety_labels"] = heard.safety();
        }
    }
}
