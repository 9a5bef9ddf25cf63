//! The suite of phone calls, run by their fake.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use wib_core::{
    kit::{Clock, Phone, Timestamp, VirtualClock},
    ports::{
        Voice,
        voice::{Destination, Leg, SipUri, VoiceEvent},
    },
    testing::{fakes::FakeVoice, voice_suite::VoiceRig},
};

#[derive(Debug)]
struct Rig {
    clock: Arc<VirtualClock>,
    voice: FakeVoice,
}

#[async_trait]
impl VoiceRig for Rig {
    fn voice(&self) -> &dyn Voice {
        &self.voice
    }
    fn person(&self) -> Phone {
        "+15005550001".parse().unwrap()
    }
    fn softphone(&self) -> Destination {
        "sip:agent@phones.test".parse::<SipUri>().unwrap().into()
    }
    async fn ring(&self) -> Leg {
        self.voice.ring(&self.person(), &"+13125550100".parse().unwrap())
    }
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
    async fn pass(&self, seconds: u64) -> Vec<VoiceEvent> {
        self.clock.advance(Duration::from_secs(seconds));
        self.voice.pass()
    }
}

async fn make() -> Box<dyn VoiceRig> {
    let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
    Box::new(Rig { voice: FakeVoice::new(clock.clone()), clock })
}

wib_core::voice_suite!(make);
