//! The conformance suite of [`VerifiedNumbers`]: a function per promise.
//!
//! ```text
//! async fn make() -> Subject { .. }
//! wib_core::verified_numbers_suite!(make);    // one named test per case
//! ```

use std::{sync::Arc, time::Duration};

use crate::{
    kit::{Clock, Phone, VirtualClock},
    ports::{
        Fault, VerifiedNumbers,
        pages::whole,
        verified_numbers::{AskCode, CodeBy},
    },
};

/// A vendor without a verified number, its clock, and the code that it sends.
#[derive(Debug)]
pub struct Subject {
    /// The adapter.
    pub verified: Arc<dyn VerifiedNumbers>,
    /// The clock that its vendor runs on.
    pub clock: Arc<VirtualClock>,
    /// The code.
    pub code: &'static str,
}

const BY_CALL: AskCode = AskCode { by: CodeBy::Call, extension: None };

/// Makes one test per case. `make` is an `async fn() -> Subject`.
#[macro_export]
macro_rules! verified_numbers_suite {
    ($make:path) => {
        $crate::suite_cases! { verified_numbers_suite, $make:
            a_number_is_verified_by_its_code_and_forgotten
            a_wrong_code_verifies_nothing
            a_code_is_too_old_after_ten_minutes
            nobody_is_verified_who_was_not_asked
        }
    };
}

fn number(last: u8) -> Phone {
    format!("+131255501{last:02}").parse().expect("a number")
}

/// It is not before, is after, once; forgetting it twice is a success.
pub async fn a_number_is_verified_by_its_code_and_forgotten(subject: Subject) {
    let Subject { verified, clock, code } = subject;
    let ours = number(7);
    let by_switchboard = AskCode { by: CodeBy::Call, extension: Some("ww12#".to_owned()) };
    verified.ask_code(&ours, &by_switchboard).await.expect("asked");
    assert_eq!(verified.verified(&ours).await.expect("an answer"), None);
    let done = verified.submit_code(&ours, code).await.expect("verified");
    assert_eq!((done.number.phone(), done.verified_at), (Some(ours.clone()), Some(clock.now())));
    assert_eq!(verified.verified(&ours).await.expect("an answer"), Some(done.clone()));
    assert_eq!(whole("suite", 10, |place| verified.list(place)).await.expect("the list"), [done]);
    for _ in 0..2 {
        verified.forget(&ours).await.expect("forgotten");
    }
    assert_eq!(verified.verified(&ours).await.expect("an answer"), None);
    assert!(verified.submit_code(&ours, code).await.is_err(), "a code is good once");
}

/// The right one still does.
pub async fn a_wrong_code_verifies_nothing(subject: Subject) {
    let Subject { verified, code, .. } = subject;
    let ours = number(8);
    verified.ask_code(&ours, &AskCode { by: CodeBy::Sms, extension: None }).await.expect("asked");
    assert_eq!(verified.submit_code(&ours, "00000").await.expect_err("refused").fault, Fault::Request);
    assert_eq!(verified.verified(&ours).await.expect("an answer"), None);
    verified.submit_code(&ours, code).await.expect("verified");
}

/// Another one can be asked for.
pub async fn a_code_is_too_old_after_ten_minutes(subject: Subject) {
    let Subject { verified, clock, code } = subject;
    let ours = number(9);
    verified.ask_code(&ours, &BY_CALL).await.expect("asked");
    clock.advance(Duration::from_secs(600));
    assert!(verified.submit_code(&ours, code).await.is_err());
    verified.ask_code(&ours, &BY_CALL).await.expect("asked");
    verified.submit_code(&ours, code).await.expect("verified");
}

/// Not even with the code of another number.
pub async fn nobody_is_verified_who_was_not_asked(subject: Subject) {
    let Subject { verified, code, .. } = subject;
    verified.ask_code(&number(1), &BY_CALL).await.expect("asked");
    assert!(verified.submit_code(&number(2), code).await.is_err());
    assert_eq!(verified.verified(&number(2)).await.expect("an answer"), None);
}
