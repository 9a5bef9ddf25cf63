//! The suites of ports, run by their fakes; and what the core does with events of messages.

use std::sync::Arc;

use wib_core::kit::VirtualClock;

fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()))
}

mod webrtc {
    use std::sync::Arc;

    use wib_core::testing::{fakes::FakeWebrtc, webrtc_suite::Subject};

    async fn make() -> Subject {
        let clock = super::clock();
        Subject { webrtc: Arc::new(FakeWebrtc::new(clock.clone())), clock, trunk_id: "7".to_owned() }
    }
    wib_core::webrtc_suite!(make);
}

mod trunks {
    use std::sync::Arc;

    use wib_core::{ports::Trunks, testing::fakes::FakeTrunks};

    async fn make() -> Arc<dyn Trunks> {
        Arc::new(FakeTrunks::default())
    }
    wib_core::trunks_suite!(make);
}

mod numbers {
    use std::sync::Arc;

    use wib_core::testing::{fakes::FakeNumbers, numbers_suite::Subject};

    async fn make() -> Subject {
        let clock = super::clock();
        let numbers = Arc::new(FakeNumbers::new(clock.clone()));
        let lossy = numbers.clone();
        let lose_an_answer = Box::new(move || lossy.lose_an_answer());
        Subject { numbers, clock, trunk_id: "7".to_owned(), lose_an_answer }
    }
    wib_core::numbers_suite!(make);
}

mod verified_numbers {
    use std::sync::Arc;

    use wib_core::testing::{fakes::FakeVerifiedNumbers, verified_numbers_suite::Subject};

    async fn make() -> Subject {
        let clock = super::clock();
        let verified = Arc::new(FakeVerifiedNumbers::new(clock.clone()));
        Subject { verified, clock, code: FakeVerifiedNumbers::CODE }
    }
    wib_core::verified_numbers_suite!(make);
}

mod messenger {
    use std::sync::Arc;

    use wib_core::testing::{fakes::FakeMessenger, messenger_suite::Subject};

    async fn make() -> Subject {
        let clock = super::clock();
        let messenger = Arc::new(FakeMessenger::new(clock.clone(), "+13125550100".parse().unwrap()));
        Subject { messenger, clock, good: "+14155550123".parse().unwrap(), bad: "+15005550010".parse().unwrap() }
    }
    wib_core::messenger_suite!(make);
}
