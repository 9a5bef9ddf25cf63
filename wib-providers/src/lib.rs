//! Vendor adapters for the ports of `wib-core`: one folder per vendor, one feature each.
//!
//! | vendor | feature | fills |
//! |---|---|---|
//! | Telnyx | `telnyx` | `Voice`, `WebhookSource` |
//! | AssemblyAI | `assemblyai` | `Transcriber`, `WebhookSource` |
//! | Groq, xAI, OpenAI | `groq`, `xai`, `openai` | `Llm` |
//! | Resend | `resend` | `Mailer` |
//! | any authority of RFC 3161 | `rfc3161` | `TimestampAuthority` |
//! | any witness of ours | `witness` | `Witness` |
//!
//! An adapter is plugged into [`http::Wires`]: what carries requests, the clock, and chance. It never reads the
//! environment.

mod decimal;
pub mod http;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod transport;

#[cfg(feature = "assemblyai")]
pub mod assemblyai;
#[cfg(feature = "groq")]
pub mod groq;
#[cfg(feature = "openai")]
pub mod openai;
#[cfg(any(feature = "groq", feature = "xai", feature = "openai"))]
pub mod openai_compatible;
#[cfg(any(feature = "groq", feature = "xai", feature = "openai"))]
pub mod prices;
#[cfg(feature = "resend")]
pub mod resend;
#[cfg(feature = "rfc3161")]
pub mod rfc3161;
#[cfg(feature = "telnyx")]
pub mod telnyx;
#[cfg(feature = "witness")]
pub mod witness;
#[cfg(feature = "xai")]
pub mod xai;

#[cfg(test)]
mod testing;
