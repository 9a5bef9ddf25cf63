//! The suite of buses, by LISTEN and by NATS.

use std::sync::{Arc, Mutex};

use wib_core::{
    kit::{SecretString, SystemClock},
    testing::bus_suite::{Node, Nodes},
};
use wib_storage::{
    bus::PgBus,
    nats::{Nats, NatsBus},
    testing::{
        postgres_store,
        servers::{Program, Server},
    },
};

use crate::clock;

mod postgres {
    use super::*;
    async fn make(name: &'static str) -> Option<Nodes> {
        let store = postgres_store(name, clock()).await?;
        let node = async || {
            let bus = PgBus::open(store.urls(), Arc::new(SystemClock)).await.unwrap();
            Node { hub: bus.hub().clone(), bus: Arc::new(bus) }
        };
        let (a, b, urls) = (node().await, node().await, store.urls().clone());
        let lose = Box::pin(async move { PgBus::deafen(&urls).await.unwrap() });
        Some(Nodes { a, b, lose: Some(lose), held: Box::new(store) })
    }
    wib_core::bus_suite!(make, outages);
}

mod nats {
    use super::*;
    async fn make(name: &'static str) -> Option<Nodes> {
        let server = Server::start(name, Program::Nats)?;
        let url = SecretString::from(format!("nats://{}", server.address()));
        let node = async || {
            let bus = NatsBus::open(&Nats::connect(&url).await.unwrap(), "wib").await.unwrap();
            Node { hub: bus.hub().clone(), bus: Arc::new(bus) }
        };
        let (a, b, server) = (node().await, node().await, Arc::new(Mutex::new(server)));
        let held = server.clone();
        let lose = Box::pin(async move {
            let mut server = server.lock().unwrap();
            server.stop();
            assert!(server.again());
        });
        Some(Nodes { a, b, lose: Some(lose), held: Box::new(held) })
    }
    wib_core::bus_suite!(make, outages);
}

#[tokio::test]
async fn a_bus_without_a_server_says_so_and_shows_no_password() {
    let urls = ["nats://user:canary@127.0.0.1:1", "nats://user:canary@", "", ","];
    for url in urls {
        let error = Nats::connect(&SecretString::from(url.to_owned())).await.unwrap_err();
        assert!(!format!("{error:?} {}", error.chain()).contains("canary"), "{error:?}");
    }
}
