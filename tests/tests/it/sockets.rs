//! The same over real sockets: the server and the vendors are processes, and frames, words and failures come over the
//! network of this machine.
#![expect(clippy::unwrap_used, reason = "a test may")]

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use wib_core::{
    kit::Timestamp,
    live::{LineSource, LiveGap, LiveLine},
};
use wib_providers::sandbox::word_errors;

use crate::{
    processes::{Stage, TERMINAL, nap},
    stage::magic,
};

/// How long a call and everything behind it may take.
const PATIENCE: Duration = Duration::from_secs(150);

fn plain(word: &str) -> String {
    word.trim_matches(|c: char| ".,?!¿¡".contains(c)).to_lowercase()
}

/// A server and vendors of their own, somebody signed in, and a call that is heard.
struct Line {
    stage: Stage,
    token: String,
    number: String,
    call: String,
}

impl Line {
    async fn open(seed: u64, faults: &[Value]) -> (Self, crate::processes::Running) {
        let mut stage = Stage::set(seed).await;
        stage.settings.insert("WIB_PUBLIC_URL".into(), stage.server.clone());
        stage.settings.insert("WIB_SANDBOX".into(), "voice,transcriber,live_transcriber,llm,mailer,billing".into());
        let server = stage.serve();
        stage.up().await;
        let (organization, token) = stage.sign_up().await;
        let number = magic(1);
        stage.import(&organization, std::slice::from_ref(&number)).await;
        for fault in faults {
            stage.sandbox("live_faults", Some(fault.clone())).await;
        }
        let call = json!({"to": number, "listen": {"translate": false}});
        let url = format!("{}/api/calls", stage.server);
        let (status, answer) = stage.ask(Method::POST, url, &token, Some(call)).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        let call = answer["call"]["id"].as_str().unwrap().to_owned();
        (Self { stage, token, number, call }, server)
    }
    async fn get(&self, path: &str) -> Option<Value> {
        let url = format!("{}/api/{path}", self.stage.server);
        let asked = self.stage.ask(Method::GET, url, &self.token, None).await;
        asked.ok().filter(|(status, _)| status.is_success()).map(|(_, answer)| answer)
    }
    /// What the server says, when it does: it may be down, or asked too often.
    async fn told(&self, path: &str) -> Value {
        let began = Instant::now();
        loop {
            if let Some(answer) = self.get(path).await {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "the server does not answer");
            nap(700).await;
        }
    }
    async fn status(&self) -> String {
        self.told(&format!("calls/{}", self.call)).await["call"]["status"].as_str().unwrap().to_owned()
    }
    async fn over(&self) {
        let began = Instant::now();
        while !TERMINAL.contains(&self.status().await.as_str()) {
            assert!(began.elapsed() < PATIENCE, "the call does not end");
            nap(1_500).await;
        }
    }
    /// What is listed of the call.
    async fn of_call<T: serde::de::DeserializeOwned>(&self, what: &str) -> T {
        serde_json::from_value(self.told(&format!("calls/{}/{what}", self.call)).await[what].take()).unwrap()
    }
    async fn lines(&self) -> Vec<LiveLine> {
        let mut lines: Vec<LiveLine> = self.of_call("lines").await;
        lines.sort_by_key(|line| (line.started_at, line.line_index));
        lines
    }
    /// Every word that was said so far.
    async fn said(&self) -> Vec<Value> {
        let mut said = self.stage.sandbox(&format!("words/{}", self.number), None).await;
        serde_json::from_value(said["words"].take()).unwrap()
    }
    /// What was said of one side since it was heard, and what was heard; half a minute may pass until they are the same.
    async fn word_for_word(&self, what: &str) {
        let said = self.said().await;
        let began = Instant::now();
        loop {
            let lines = self.lines().await;
            let since: Option<Timestamp> = lines.iter().map(|line| line.started_at).min();
            let mut wrong = vec![];
            for speaker in ["customer", "agent"] {
                let start = |word: &Value| word["start"].as_str().unwrap().parse::<Timestamp>().unwrap();
                // A word that began just before the first line is the notice's, not the talk's.
                let talk = |word: &&Value| {
                    since.is_some_and(|since| start(word).as_millisecond() + 150 >= since.as_millisecond())
                };
                let own = said.iter().filter(|word| word["speaker"] == speaker).filter(talk);
                let own: Vec<_> = own.map(|word| plain(word["text"].as_str().unwrap())).collect();
                let heard = lines.iter().filter(|line| line.speaker.as_str() == speaker);
                let heard: Vec<_> = heard.flat_map(|line| line.text.split_whitespace().map(plain)).collect();
                let [one, other] = [&own, &heard].map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
                if own.len() < 10 || word_errors(&one, &other) > 0 {
                    wrong.push((speaker, own, heard));
                }
            }
            if wrong.is_empty() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: {wrong:?}");
            nap(2_000).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_real_sockets_too_no_word_is_lost_whatever_goes_wrong() {
    let troubles = ["refused", "error", "half_open", "no_results", "partials_only", "late", "out_of_order", "cut"];
    let tried = troubles.iter().zip(40..).map(async |(what, seed)| {
        let fault = json!({"vendor": "assemblyai", "after_words": 8, "every": true, "what": what, "ms": 900});
        let (line, _server) = Line::open(seed, &[fault]).await;
        line.over().await;
        line.word_for_word(what).await;
        let borne = ["late", "out_of_order"].contains(what);
        let vendors: Vec<_> = line.lines().await.into_iter().map(|line| line.vendor).collect();
        assert!(borne || vendors.iter().any(|vendor| vendor == "deepgram"), "{what}: {vendors:?}");
    });
    join_all(tried).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_while_it_hears_marks_the_gap_and_fills_it_from_the_recording() {
    let (line, mut server) = Line::open(60, &[]).await;
    let began = Instant::now();
    // In the midst of the talk, after the first lines.
    while line.said().await.len() < 24 {
        assert!(began.elapsed() < PATIENCE, "nothing is said");
        nap(100).await;
    }
    server.kill();
    nap(2_500).await;
    let _again = line.stage.serve();
    line.over().await;
    line.word_for_word("killed").await;
    let gaps: Vec<LiveGap> = line.of_call("gaps").await;
    assert!(!gaps.is_empty() && gaps.iter().all(|gap| gap.filled_at.is_some() && gap.ended_at.is_some()), "{gaps:?}");
    let lines = line.lines().await;
    let (live, filled): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.source == LineSource::Live);
    assert!(!live.is_empty() && !filled.is_empty(), "{lines:?}");
}
