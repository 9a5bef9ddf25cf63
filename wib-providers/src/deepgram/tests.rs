use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Value, json};
use wib_core::ports::{
    Fault, LiveTranscriber, Sent, VendorError,
    live::{Encoding, LiveChange, LiveEvent, LiveOrder, LiveStream, TokenLife, Turn},
};

use super::Deepgram;
use crate::testing::{
    Reply, Script,
    contract::Proof,
    contracts::{lines, shared},
};

mod live;
mod parts;
#[cfg(feature = "sandbox")]
mod sandboxed;

fn deepgram(script: &Arc<Script>) -> Deepgram {
    Deepgram::builder(script.wires(), SecretString::from("k3y-of-ours")).build()
}
fn phone() -> LiveOrder {
    LiveOrder { sample_rate: 8_000, language: Some("en-US".into()), ..LiveOrder::default() }
}
