//! Vendor adapters for the ports of `wib-core`: one folder per vendor, one feature each.
//!
//! A vendor is a folder, a feature, and a line in the list below; what it is called, which ports it fills, what can be set
//! and how it is sandboxed, its folder says ([`vendor::Vendor`]). An adapter is plugged into [`http::Wires`]: what carries requests, the clock, and chance. It never reads the
//! environment.

#[cfg(feature = "_speech")]
pub mod audio;
mod decimal;
#[cfg(feature = "heartbeat")]
pub mod heartbeat;
#[cfg(feature = "hooks")]
pub mod hooks;
pub mod http;
#[cfg(feature = "_chat")]
pub mod openai_compatible;
#[cfg(feature = "_speech")]
pub mod prices;
#[cfg(feature = "rfc3161")]
pub mod rfc3161;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod socket;
#[cfg(feature = "_chat")]
mod sse;
pub mod transport;
pub mod vendor;
#[cfg(feature = "witness")]
pub mod witness;

#[cfg(test)]
mod testing;

macro_rules! vendor_list {
    ($($module:ident $feature:literal;)+) => {
        $(#[cfg(feature = $feature)] pub mod $module;)+

        /// Every vendor that is compiled in, in the order in which a port asks them.
        pub fn vendors() -> impl Iterator<Item = &'static vendor::Vendor> {
            const ALL: &[&vendor::Vendor] = &[$(#[cfg(feature = $feature)] &$module::SETUP),+];
            ALL.iter().copied()
        }
    };
}
vendor_list! {
    telnyx "telnyx";
    assemblyai "assemblyai";
    deepgram "deepgram";
    groq "groq";
    xai "xai";
    openai "openai";
    elevenlabs "elevenlabs";
    resend "resend";
    stripe "stripe";
    smtp "smtp";
    cloudflare "cloudflare";
}
