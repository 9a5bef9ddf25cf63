//! Sound of a call as it is spoken, over a WebSocket that the vendor opens to us.

use crate::text_enum;

text_enum! {
    /// How sound is written.
    pub enum Codec {
        /// G.711 mu-law.
        Pcmu = "pcmu",
        /// G.711 A-law.
        Pcma = "pcma",
        /// G.722.
        G722 = "g722",
        /// Opus.
        Opus = "opus",
        /// AMR wide band.
        AmrWb = "amr_wb",
        /// Plain samples of 16 bits, the low byte first.
        L16 = "l16",
    }
}
