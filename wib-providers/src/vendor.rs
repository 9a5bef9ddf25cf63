//! What whoever wires vendors must know of each: which ports it fills, what can be set, how its adapters are made.
//!
//! A vendor says all of this itself, in its folder, as one [`Vendor`]. So a server reads its configuration, a sandbox
//! plugs itself in, and a doctor probes, without naming any vendor.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use wib_core::{
    WibBuilder,
    ai::SpeechChain,
    ports::{
        Billing, Cache, Embedder, LiveTranscriber, Llm, Mailer, Messenger, Numbers, Pulse, Queue, Speech, Transcriber,
        Trunks, VendorError, VerifiedNumbers, Voice, WebhookSource, Webrtc, media::MediaWire,
    },
};

pub use wib_core::ports::Port;

use crate::http::Wires;

/// A vendor, as whoever wires it sees it.
pub struct Vendor {
    /// Its name in rows, logs, faults and the sandbox's paths.
    pub name: &'static str,
    /// The ports it fills, with what makes the adapters of each.
    pub ports: &'static [(Port, Plug)],
    /// What can be set.
    pub settings: &'static [Setting],
    /// Its model in the sandbox.
    #[cfg(feature = "sandbox")]
    pub(crate) sandbox: Option<crate::sandbox::model::Entry>,
}

/// Makes a vendor's adapters for one port. A failure names the setting that is at fault.
pub type Plug = fn(&Given<'_>, &mut Adapters) -> Result<(), (&'static str, String)>;

impl Vendor {
    /// Whether everything is there that makes it live.
    #[must_use]
    pub fn keyed(&self, values: &Values) -> bool {
        let mut keys = self.settings.iter().filter(|setting| setting.kind == Kind::Key).peekable();
        keys.peek().is_some() && keys.all(|setting| values.contains_key(setting.name))
    }
    /// The names of what makes it live, joined, as a person is told to set them.
    #[must_use]
    pub fn keys(&self) -> String {
        let keys = self.settings.iter().filter(|setting| matches!(setting.kind, Kind::Key | Kind::Needed));
        keys.map(|setting| setting.name).collect::<Vec<_>>().join(", ")
    }
    /// Whether it fills that port.
    #[must_use]
    pub fn fills(&self, port: Port) -> bool {
        self.ports.iter().any(|(its, _)| *its == port)
    }
    /// Whether it has a model in the sandbox.
    #[must_use]
    pub fn sandboxed(&self) -> bool {
        #[cfg(feature = "sandbox")]
        return self.sandbox.is_some();
        #[cfg(not(feature = "sandbox"))]
        false
    }
    /// The name of the setting that gives it another address.
    #[must_use]
    pub fn address(&self) -> Option<&'static str> {
        self.named(Kind::Address)
    }
    /// The name of the setting that verifies its deliveries.
    #[must_use]
    pub fn verifier(&self) -> Option<&'static str> {
        self.named(Kind::Verifier)
    }
    fn named(&self, kind: Kind) -> Option<&'static str> {
        self.settings.iter().find(|setting| setting.kind == kind).map(|setting| setting.name)
    }
}
impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vendor({})", self.name)
    }
}

/// Something that can be set of a vendor.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name of the variable.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// What is wrong with a value; never repeats it.
    pub check: fn(&str) -> Result<(), String>,
}

/// What a setting is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Makes the vendor live: a secret, or an account's name beside it.
    Key,
    /// Needed beside the key.
    Needed,
    /// Verifies the vendor's deliveries: a public key, a secret.
    Verifier,
    /// Another address of the vendor: a mock, a gateway, a sandbox on a port.
    Address,
    /// Anything else.
    Option,
}

impl Setting {
    const fn new(name: &'static str, about: &'static str, kind: Kind) -> Self {
        Self { name, about, kind, check: |_| Ok(()) }
    }
    /// What makes the vendor live.
    #[must_use]
    pub const fn key(name: &'static str, about: &'static str) -> Self {
        Self::new(name, about, Kind::Key)
    }
    /// What must stand beside the key.
    #[must_use]
    pub const fn needed(name: &'static str, about: &'static str) -> Self {
        Self::new(name, about, Kind::Needed)
    }
    /// What deliveries are verified with; without it they are refused.
    #[must_use]
    pub const fn verifier(name: &'static str, about: &'static str) -> Self {
        Self::new(name, about, Kind::Verifier)
    }
    /// What may be there.
    #[must_use]
    pub const fn option(name: &'static str, about: &'static str) -> Self {
        Self::new(name, about, Kind::Option)
    }
    /// Another address.
    #[must_use]
    pub const fn address(name: &'static str) -> Self {
        Self::new(name, "another address", Kind::Address)
    }
    /// The same with a check of its value.
    #[must_use]
    pub const fn checked(mut self, check: fn(&str) -> Result<(), String>) -> Self {
        self.check = check;
        self
    }
}

/// What was set, by name. All of it is held as a secret: some is.
pub type Values = BTreeMap<&'static str, SecretString>;

/// What a vendor's adapters are made from.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    /// What they are plugged into.
    pub wires: Wires,
    /// False for a sandbox behind the same wire.
    pub live: bool,
    /// What was set.
    pub values: &'a Values,
    /// What verifies the deliveries of the vendor's sandbox in this process.
    pub verifier: Option<String>,
}
impl Given<'_> {
    /// What was set under that name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(ExposeSecret::expose_secret)
    }
    /// A secret that was set under that name.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.values.get(name).cloned()
    }
    /// A key: what was set, or one that opens every sandbox.
    #[must_use]
    pub fn key(&self, name: &str) -> SecretString {
        self.secret(name).unwrap_or_else(|| "sandbox".to_owned().into())
    }
    /// Several values in one setting, separated by commas: secrets while they are being rotated.
    pub fn several(&self, name: &str) -> impl Iterator<Item = &str> {
        self.text(name).unwrap_or_default().split(',').map(str::trim).filter(|one| !one.is_empty())
    }
}

/// A question that costs nothing and tells whether a vendor takes our key.
pub struct Probe {
    /// Who is asked.
    pub vendor: &'static str,
    /// For which port.
    pub port: Port,
    /// The path that is read, such as `/models`.
    pub what: &'static str,
    /// Asks.
    pub ask: Box<dyn Fn() -> Asked + Send + Sync>,
}
/// A question under way.
pub type Asked = Pin<Box<dyn Future<Output = Result<(), VendorError>> + Send>>;
impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({} {})", self.vendor, self.what)
    }
}

#[async_trait]
impl Pulse for Probe {
    fn vendor(&self) -> &'static str {
        self.vendor
    }
    fn port(&self) -> Port {
        self.port
    }
    async fn ask(&self) -> Result<(), VendorError> {
        (self.ask)().await
    }
}

/// The adapters that vendors made, each port's first choice first.
#[derive(Debug, Default)]
pub struct Adapters {
    /// Phone calls.
    pub voices: Vec<Arc<dyn Voice>>,
    /// Recordings into text.
    pub transcribers: Vec<Arc<dyn Transcriber>>,
    /// Speech into text while it is spoken.
    pub live_transcribers: Vec<Arc<dyn LiveTranscriber>>,
    /// Language models.
    pub llms: Vec<Arc<dyn Llm>>,
    /// Texts as vectors.
    pub embedders: Vec<Arc<dyn Embedder>>,
    /// Text to speech.
    pub speeches: Vec<Arc<dyn Speech>>,
    /// Mail.
    pub mailers: Vec<Arc<dyn Mailer>>,
    /// Text messages.
    pub messengers: Vec<Arc<dyn Messenger>>,
    /// Numbers of ours.
    pub numbers: Vec<Arc<dyn Numbers>>,
    /// Other numbers that may be shown.
    pub verified_numbers: Vec<Arc<dyn VerifiedNumbers>>,
    /// Trunks and what may be dialled by them.
    pub trunks: Vec<Arc<dyn Trunks>>,
    /// Calls from browsers.
    pub webrtcs: Vec<Arc<dyn Webrtc>>,
    /// Values for a while.
    pub caches: Vec<Arc<dyn Cache>>,
    /// Work handed on.
    pub queues: Vec<Arc<dyn Queue>>,
    /// Payments and subscriptions.
    pub billings: Vec<Arc<dyn Billing>>,
    /// Whose deliveries are accepted.
    pub webhooks: Vec<Arc<dyn WebhookSource>>,
    /// Who brings the sound of calls.
    pub media_wires: Vec<Arc<dyn MediaWire>>,
    /// What a doctor asks.
    pub probes: Vec<Probe>,
}

impl Adapters {
    /// Gives them to the core: the first of a port where one is enough, all models, all who hear live, and a chain of
    /// all speakers.
    #[must_use]
    pub fn fill(self, mut builder: WibBuilder) -> WibBuilder {
        for wire in self.media_wires {
            builder = builder.media_wire(wire);
        }
        for source in self.webhooks {
            builder = builder.webhook(source);
        }
        if let Some(voice) = self.voices.into_iter().next() {
            builder = builder.voice(voice);
        }
        if let Some(transcriber) = self.transcribers.into_iter().next() {
            builder = builder.transcriber(transcriber);
        }
        builder = builder.live_transcribers(self.live_transcribers);
        if !self.llms.is_empty() {
            builder = builder.llms(self.llms);
        }
        if let Some(embedder) = self.embedders.into_iter().next() {
            builder = builder.embedder(embedder);
        }
        if !self.speeches.is_empty() {
            builder = builder.speech(Arc::new(SpeechChain::new(self.speeches)));
        }
        if let Some(mailer) = self.mailers.into_iter().next() {
            builder = builder.mailer(mailer);
        }
        if let Some(messenger) = self.messengers.into_iter().next() {
            builder = builder.messenger(messenger);
        }
        if let Some(numbers) = self.numbers.into_iter().next() {
            builder = builder.numbers(numbers);
        }
        if let Some(verified) = self.verified_numbers.into_iter().next() {
            builder = builder.verified_numbers(verified);
        }
        if let Some(trunks) = self.trunks.into_iter().next() {
            builder = builder.trunks(trunks);
        }
        if let Some(webrtc) = self.webrtcs.into_iter().next() {
            builder = builder.webrtc(webrtc);
        }
        if let Some(billing) = self.billings.into_iter().next() {
            builder = builder.billing(billing);
        }
        for probe in self.probes {
            builder = builder.pulse(Arc::new(probe));
        }
        builder
    }
}
