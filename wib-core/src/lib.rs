//! Word Is Bond: dial a person lawfully, and end with a sealed, verifiable record of what was said.
//!
//! Ports go in, handles come out: [`Wib::builder`] takes a [`Store`](store::Store), [`Blobs`](ports::Blobs) and the vendors'
//! [ports]; [`Wib::org`] gives the handle of one organisation, and every use case is a method of it.
//!
//! ```
//! use wib_core::prelude::*;
//!
//! # async fn example(wib: Wib, organization: wib_core::orgs::OrganizationId, number: Phone) -> Result<()> {
//! let org = wib.org(Principal::service(organization)).await?;
//! match org.start_call(StartCall { to: Some(number), ..StartCall::default() }).await {
//!     Ok(call) => println!("{} will be dialled", call.id),
//!     Err(no) if no.kind() == Kind::Blocked => println!("not now: {no}; next: {:?}", no.details().get("not_before")),
//!     Err(error) => return Err(error),
//! }
//! Worker::new(&wib).run_until_idle().await?;
//! # Ok(())
//! # }
//! ```
//!
//! | slice | what it is |
//! |---|---|
//! | [`orgs`], [`auth`] | tenants, members, sign-in |
//! | [`collections`], [`imports`] | persons, accounts, creditors' files |
//! | [`compliance`], [`contacts`] | the gate and its verdicts; ledgers of attempts and conversations |
//! | [`consent`], [`circumstances`], [`notices`], [`disclosures`] | what persons agreed to, asked for and contest; what they were told |
//! | [`lists`], [`licences`], [`retention`] | registries of numbers, licences, legal holds |
//! | [`caller_ids`] | numbers that are shown and called, lines of members |
//! | [`calls`], [`recordings`], [`transcripts`], [`translation`], [`analysis`], [`usage`], [`costs`] | a call, what it leaves and what it costs |
//! | [`outcomes`], [`voice_config`], [`audio`] | what people say came of a call, how calls begin, audio that is brought |
//! | [`payments`], [`tasks`], [`likelihood`] | what persons agreed to pay and paid, what is to be done, what to expect |
//! | [`billing`], [`plans`] | the organisation's own subscription, invoices and their dunning; what its plan lets it do |
//! | [`live`] | calls watched while they happen |
//! | [`speech`] | texts said aloud, and kept |
//! | [`live`], [`sentiment`], [`assist`] | calls watched while they happen; how the person feels, what the member is advised |
//! | [`evidence`], [`audit`], [`violations`] | seals, the log, what was done against the rules |
//! | [`retention`], [`privacy`] | how long things are kept; a person's data, shown and erased |
//! | [`mail`] | mails, and what became of them |
//! | [`ai_agent`] | a machine that talks with the person |
//! | [`subscriptions`], [`reliability`] | addresses that are told what happens; what they were not told |
//! | [`ai`] | guards in front of every model; who is asked, and what it may cost |
//! | [`blobs`], [`cache`] | bytes that are read and lent; values for a while |
//! | [`flags`], [`platform`], [`sso`] | what is switched on; who runs the installation; how members are to sign in |
//! | [`limits`], [`idempotency`] | how often something may be asked; requests that are run once |
//! | [`internal`], [`diagnostics`] | what the installation's own machines ask; its parts, tried by hand |
//! | [`engine`], [`jobs`] | inbox, outbox, queue, workers; scheduled jobs |
//! | [`kit`], [`store`], [`ports`] | words without a domain; what is asked of databases and vendors |

pub mod ai;
pub mod ai_agent;
pub mod analysis;
pub mod assist;
pub mod audio;
pub mod audit;
pub mod auth;
pub mod billing;
pub mod blobs;
pub mod cache;
pub mod caller_ids;
pub mod calls;
pub mod circumstances;
pub mod collections;
pub mod compliance;
pub mod consent;
pub mod contacts;
pub mod costs;
pub mod diagnostics;
pub mod disclosures;
pub mod engine;
pub mod evidence;
pub mod flags;
pub mod idempotency;
pub mod imports;
pub mod internal;
pub mod jobs;
pub mod kit;
pub mod licences;
pub mod likelihood;
pub mod limits;
pub mod lists;
pub mod live;
pub mod mail;
pub mod notices;
pub mod orgs;
pub mod outcomes;
pub mod payments;
pub mod plans;
pub mod platform;
pub mod ports;
pub mod privacy;
pub mod recordings;
pub mod reliability;
pub mod retention;
pub mod secrets;
pub mod sentiment;
pub mod speech;
pub mod sso;
pub mod store;
pub mod subscriptions;
pub mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transcripts;
pub mod translation;
pub mod usage;
pub mod violations;
pub mod voice_config;
mod wib;

pub use wib::{Org, Person, Platform, Settings, System, Wib, WibBuilder};

/// What an embedder needs for a first call.
pub mod prelude {
    pub use crate::{
        Org, Settings, System, Wib, WibBuilder,
        calls::{Call, CallId, CallStatus, ListCalls, StartCall},
        engine::{Scheduler, Worker},
        evidence::Signer,
        kit::{Error, Kind, Money, Phone, Principal, Result, Role},
    };
}
