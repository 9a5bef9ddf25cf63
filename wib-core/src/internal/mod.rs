//! What the installation's own machines ask: how fresh its jobs are, what of its vendors it could not apply, whether its
//! tables are as they should be; and who asks to be shown the product.

mod enquiry;
mod freshness;
mod letters;
mod tables;

pub use enquiry::{Enquire, Enquiry};
pub use freshness::{Freshness, JobHealth, JobState};
pub use letters::{InboundLetter, InboundLetters};
pub use tables::{TableReport, TableReports};
