//! Vendors in memory: they answer by simple rules, fail on order, and remember what they were asked.

pub mod embedder;
pub mod llm;
pub mod speech;

pub use embedder::FakeEmbedder;
pub use llm::FakeLlm;
pub use speech::FakeSpeech;
