//! Keys are looked for in everything that an adapter lets out: what it logs, what its errors say, how it is shown.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    http::sockets::{Act, Machine, wires},
    vendor::{Adapters, Given, Kind, Values},
    vendors,
};

const CANARY: &str = "canary-5117-do-not-show";

#[derive(Clone, Debug, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);
impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
impl<'a> MakeWriter<'a> for Tape {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_key_is_in_a_log_an_error_or_a_debug_even_when_the_vendor_repeats_it() {
    let tape = Tape::default();
    let logs = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(tape.clone()).finish();
    // With one subscriber alone, a line that another test's thread comes to first is never written (tokio-rs/tracing#3611).
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(logs);
    for act in [Act::Repeat, Act::HangUp] {
        let machine = Machine::new(&[act]).await;
        for vendor in vendors() {
            let mut values = Values::new();
            for setting in vendor.settings {
                let secret = ["API_KEY", "SECRET_KEY", "SECRET", "TOKEN"].iter().any(|end| setting.name.ends_with(end));
                let value = match setting.kind {
                    Kind::Address => machine.url(),
                    _ if secret => CANARY.to_owned(),
                    // A key that is an address holds its password.
                    Kind::Key if setting.name.ends_with("URL") => format!("smtp://user:{CANARY}@127.0.0.1:1"),
                    _ if setting.name.ends_with("FROM") => "desk@wib.test".to_owned(),
                    _ => "an-id".to_owned(),
                };
                if (setting.check)(&value).is_ok() {
                    values.insert(setting.name, SecretString::from(value));
                }
            }
            let hidden = values.values().any(|value| value.expose_secret().contains(CANARY));
            assert!(vendor.keyed(&values) && hidden, "{vendor:?}");
            let given = Given { wires: wires(), live: true, values: &values, verifier: None };
            let mut adapters = Adapters::default();
            for (port, plug) in vendor.ports {
                plug(&given, &mut adapters).unwrap_or_else(|why| panic!("{vendor:?} {port}: {why:?}"));
            }
            assert!(!adapters.probes.is_empty(), "{vendor:?} cannot be examined");
            let mut told = format!("{given:?} {adapters:?}");
            for probe in &adapters.probes {
                let error = (probe.ask)().await.expect_err("the machine refuses");
                told += &format!("{error} {error:?}");
                if matches!(act, Act::Repeat) && vendor.address().is_some() {
                    assert!(error.message.contains(vendor.keys().as_str()), "{vendor:?}: {error}");
                }
            }
            assert!(!told.contains(CANARY), "{vendor:?} shows its key: {told}");
        }
        let logged = String::from_utf8(tape.0.lock().unwrap().clone()).unwrap();
        assert!(logged.contains("probe") && !logged.contains(CANARY), "{logged}");
    }
}
