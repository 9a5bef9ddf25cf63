//! Histories taken apart, changed, and put together again, with a key and without.

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use wib_core::{
    evidence::{
        GENESIS,
        merkle::{Edge, Hash},
    },
    kit::canonical,
};

/// A history taken apart.
#[derive(Clone)]
pub(crate) struct Forge(pub(crate) Vec<Value>);

impl Forge {
    pub(crate) fn of(file: &[u8]) -> Self {
        Self(
            file.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect(),
        )
    }
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|line| (canonical::to_text(line).unwrap() + "\n").into_bytes()).collect()
    }
    /// The number of the line of the link at that place.
    pub(crate) fn entry(&self, seq: i64) -> usize {
        self.0.iter().position(|l| l["link"]["seq"] == seq).unwrap()
    }
    pub(crate) fn last(&self) -> i64 {
        self.0.iter().filter_map(|l| l["link"]["seq"].as_i64()).max().unwrap()
    }
    pub(crate) fn link(&mut self, seq: i64) -> &mut Value {
        let at = self.entry(seq);
        &mut self.0[at]["link"]
    }
    pub(crate) fn manifest(&mut self, seq: i64) -> &mut Value {
        let at = self.entry(seq);
        &mut self.0[at]["manifest"]
    }
    pub(crate) fn organization(&self) -> Value {
        self.0[0]["organization_id"].clone()
    }
    pub(crate) fn drop_behind(mut self, seq: i64) -> Self {
        // Checkpoints and counts go along with the links: the cut is clean.
        let end = self.0.pop().unwrap();
        self.0.retain(|l| l["link"]["seq"].as_i64().or(l["size"].as_i64()).is_none_or(|n| n <= seq));
        self.0.push(end);
        self.count()
    }
    pub(crate) fn count(mut self) -> Self {
        let entries = self.0.iter().filter(|l| l["line"] == "entry").count();
        let checkpoints = self.0.iter().filter(|l| l["line"] == "checkpoint").count();
        self.0[0]["entries"] = entries.into();
        let end = self.0.last_mut().unwrap();
        (end["entries"], end["checkpoints"]) = (entries.into(), checkpoints.into());
        self
    }
    /// Recomputes every hash, without a key.
    pub(crate) fn rechain(mut self) -> Self {
        let organization = self.organization();
        let mut before = json!(GENESIS);
        for line in self.0.iter_mut().filter(|l| l["line"] == "entry") {
            line["link"]["manifest_hash"] = canonical::hash(&line["manifest"]).unwrap().into();
            line["link"]["prev_hash"] = before;
            let mut statement = line["link"].clone();
            statement.as_object_mut().unwrap().remove("entry_hash");
            statement["organization_id"] = organization.clone();
            before = canonical::hash(&statement).unwrap().into();
            line["link"]["entry_hash"] = before.clone();
        }
        self
    }
    /// Makes the checkpoints fit the links, and signs them.
    pub(crate) fn resign(mut self, key: [u8; 32], name_key: bool) -> Self {
        let key = SigningKey::from_bytes(&key);
        if name_key {
            self.0[0]["public_key"] = hex::encode(key.verifying_key().as_bytes()).into();
        }
        let organization = self.organization();
        let (mut edge, mut head) = (Edge::default(), json!(GENESIS));
        for line in &mut self.0 {
            if line["line"] == "entry" {
                head = line["link"]["entry_hash"].clone();
                edge.push(&raw(&head));
            } else if line["line"] == "checkpoint" {
                line["head"] = head.clone();
                line["root"] = format!("sha256:{}", hex::encode(edge.root())).into();
                let mut statement = line.clone();
                let fields = statement.as_object_mut().unwrap();
                fields.remove("line");
                fields.remove("signature");
                fields.insert("organization_id".to_owned(), organization.clone());
                let signed = key.sign(canonical::to_text(&statement).unwrap().as_bytes());
                line["signature"] = hex::encode(signed.to_bytes()).into();
            }
        }
        self
    }
}

pub(crate) fn raw(hash: &Value) -> Hash {
    hex::decode(hash.as_str().unwrap().strip_prefix("sha256:").unwrap()).unwrap().try_into().unwrap()
}

pub(crate) fn forge_without_header(forge: &Forge) -> Vec<u8> {
    Forge(forge.0[1..].to_vec()).bytes()
}

/// With the neutral point as key, `R` the neutral point and `S` 0 fit every statement where that is not refused.
pub(crate) fn small_order(forge: &Forge) -> Vec<u8> {
    let mut forge = forge.clone();
    let point = format!("01{}", "00".repeat(31));
    forge.0[0]["public_key"] = point.clone().into();
    for line in forge.0.iter_mut().filter(|l| l["line"] == "checkpoint") {
        line["signature"] = format!("{point}{}", "00".repeat(32)).into();
    }
    forge.bytes()
}
