//! One byte form for one JSON value, so that hashes are stable.
//!
//! Objects have their keys sorted by code point, nothing stands between tokens, numbers are integers in plain decimal,
//! strings escape `"`, `\` and control characters only (`\b \f \n \r \t`, else `\u00xx` in lower case). Floats have no
//! canonical form and are refused. The form is a subset of RFC 8785.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Error, Result};

/// The canonical text of a value.
///
/// # Errors
/// `Invalid` when the value holds a number that is not an integer of 64 bits.
pub fn to_text(value: &impl Serialize) -> Result<String> {
    let value = serde_json::to_value(value).map_err(|e| Error::internal("value has no JSON form").because(e))?;
    let mut text = String::with_capacity(256);
    write(&value, &mut text)?;
    Ok(text)
}

/// `sha256:<hex>` of the canonical text.
///
/// # Errors
/// As [`to_text`].
pub fn hash(value: &impl Serialize) -> Result<String> {
    Ok(sha256(to_text(value)?.as_bytes()))
}

/// `sha256:<hex>` of plain bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn write(value: &Value, out: &mut String) -> Result<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => write!(out, "{i}").expect("a String takes text"),
            (_, Some(u)) => write!(out, "{u}").expect("a String takes text"),
            _ => return Err(Error::invalid("canonical JSON holds integers only")),
        },
        Value::String(s) => write_text(s, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            // Sorted here: any crate of the graph may switch on serde_json's preserve_order.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(item, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes text"),
            c => out.push(c),
        }
    }
    out.push('"');
}
