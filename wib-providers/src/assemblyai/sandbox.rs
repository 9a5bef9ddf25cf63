//! AssemblyAI batch: upload, order, fetch, list, delete. It hears only what the uploaded bytes carry.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use wib_core::kit::time::Timestamp;

use super::VENDOR;
use crate::sandbox::{
    chance::Chance,
    model::{Entry, Model},
    scripts::Side,
    sound::{Line, Sound},
    wire::{Ask, json as answer, text},
    world::{KEPT, World},
};

/// AssemblyAI in the sandbox.
pub(super) const ENTRY: Entry = Entry { hosts: &[HOST], new: |_, seed| Box::new(Transcripts::new(seed)) };
const HOST: &str = "api.assemblyai.com";
/// From order to processing, and from there to the end.
const QUEUED_MS: u64 = 500;
const PROCESSING_MS: u64 = 3_500;
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
            _ => "unknown",
        }
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
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
                None => error(400, "Transcript lookup error, transcript id not found"),
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
                None => error(400, "Transcript lookup error, transcript id not found"),
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
    /// A job goes on: queued, processing, completed or failed.
    fn step(&mut self, world: &mut World, id: &str) {
        let now = world.now;
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
        if let Some(hook) = text(&job.order, "webhook_url") {
            let field = |name| text(&job.order, name).map(str::to_owned);
            let asked = field("webhook_auth_header_name").zip(field("webhook_auth_header_value"));
            let auth = asked.or_else(|| world.settings.assemblyai_webhook_auth.clone());
            let (hook, body) = (hook.to_owned(), json!({"transcript_id": id, "status": job.status}));
            world.post(VENDOR, Some(hook), auth, body);
        }
    }
}

impl Transcripts {
    fn new(seed: u64) -> Self {
        Self { secret: Chance::of(seed, &["assemblyai", "webhook"]).hex(32), ..Self::default() }
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
        answer(200, &json!({"upload_url": ask.base.url("cdn.assemblyai.com", "assemblyai", &format!("/upload/{id}"))}))
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
            "auto_highlights": false,
            "redact_pii": false,
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

    fn show_words(&self, shown: &mut Value, sound: &Sound, id: &str, seed: u64) {
        let (multichannel, labels) = (shown["multichannel"] == true, shown["speaker_labels"] == true);
        let mut chance = Chance::of(seed, &["heard", id]);
        let mut certainty = || f64::from(u32::try_from(chance.between(9_000, 9_990)).unwrap_or(0)) / 10_000.0;
        // One track holds both sides: labels tell them apart, channels can not.
        let channel = |line: &Line| if sound.channels == 2 && line.speaker == Side::Agent { "2" } else { "1" };
        let label = |line: &Line| match () {
            () if multichannel => Some(channel(line)),
            () if labels => Some(if line.speaker == sound.lines[0].speaker { "A" } else { "B" }),
            () => None,
        };
        let (mut words, mut utterances, mut sum) = (Vec::new(), Vec::new(), 0.0);
        for line in &sound.lines {
            let (speaker, channel) = (label(line), multichannel.then(|| channel(line)));
            let mut own: Vec<Value> = Vec::new();
            for (word, start, end) in line.words() {
                let confidence = certainty();
                sum += confidence;
                own.push(
                    json!({"text": word, "start": start, "end": end, "confidence": confidence, "speaker": speaker}),
                );
            }
            let mut utterance = json!({
                "speaker": speaker, "text": line.text, "start": line.start_ms, "end": line.end_ms, "confidence": certainty(),
            });
            if let Some(channel) = channel {
                own.iter_mut().for_each(|word| word["channel"] = json!(channel));
                utterance["channel"] = json!(channel);
            }
            utterance["words"] = json!(own);
            utterances.push(utterance);
            words.append(&mut own);
        }
        let text: Vec<_> = sound.lines.iter().map(|line| line.text.as_str()).collect();
        shown["text"] = json!(text.join(" "));
        shown["confidence"] = if words.is_empty() {
            Value::Null
        } else {
            json!(sum / f64::from(u32::try_from(words.len()).unwrap_or(u32::MAX)))
        };
        shown["words"] = json!(words);
        shown["audio_duration"] = json!((sound.duration_ms + 999) / 1_000);
        shown["audio_channels"] = json!(sound.channels);
        shown["speech_model_used"] = self.order["speech_models"][0].clone();
        if multichannel || labels {
            shown["utterances"] = json!(utterances);
        }
        if shown["language_detection"] == true {
            shown["language_code"] = json!(sound.language);
            shown["language_confidence"] = json!(0.98);
        }
    }
}
