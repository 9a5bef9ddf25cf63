use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;

use super::{page, refused};
use crate::ports::{
    Fault, Trunks, VendorError,
    pages::{Place, Portion},
    trunks::{Access, KeptPeer, KeptProfile, KeptTrunk, OutboundProfile, Peer, PeerAt, Trunk, TrunkId, TrunkKind},
};

/// Trunks in memory.
#[derive(Debug, Default)]
pub struct FakeTrunks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    made: u64,
    trunks: BTreeMap<String, KeptTrunk>,
    peers: BTreeMap<String, (TrunkId, KeptPeer)>,
    profiles: BTreeMap<String, OutboundProfile>,
}
impl State {
    fn id(&mut self) -> String {
        self.made += 1;
        format!("{:05}", self.made)
    }
}

impl FakeTrunks {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no test fails while it holds this")
    }
}

/// A trunk as it is shown: without its password.
fn shown(trunk: &Trunk) -> Trunk {
    let mut shown = trunk.clone();
    if let Access::Credential { password, .. } = &mut shown.access {
        *password = None;
    }
    shown
}

fn whole(trunk: &Trunk) -> Result<(), VendorError> {
    match (&trunk.access, &trunk.webhook_url) {
        (Access::Application, None) => Err(refused(Fault::Request, "an application needs a webhook_url")),
        _ => Ok(()),
    }
}

#[async_trait]
impl Trunks for FakeTrunks {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    async fn create_trunk(&self, trunk: &Trunk) -> Result<KeptTrunk, VendorError> {
        whole(trunk)?;
        if let Access::Credential { password: None, .. } = trunk.access {
            return Err(refused(Fault::Request, "a new credential trunk needs a password"));
        }
        let mut state = self.state();
        let id = TrunkId { kind: trunk.access.kind(), id: state.id() };
        let kept = KeptTrunk { id: id.clone(), trunk: shown(trunk) };
        state.trunks.insert(id.id, kept.clone());
        Ok(kept)
    }
    async fn trunk(&self, id: &TrunkId) -> Result<Option<KeptTrunk>, VendorError> {
        Ok(self.state().trunks.get(&id.id).filter(|kept| kept.id == *id).cloned())
    }
    async fn find_trunk(&self, id: &str) -> Result<Option<TrunkId>, VendorError> {
        Ok(self.state().trunks.get(id).map(|kept| kept.id.clone()))
    }
    async fn trunks(&self, kind: TrunkKind, place: Option<Place>) -> Result<Portion<KeptTrunk>, VendorError> {
        let state = self.state();
        page(state.trunks.values().filter(|kept| kept.id.kind == kind).cloned().collect(), place.as_ref())
    }
    async fn update_trunk(&self, id: &str, trunk: &Trunk) -> Result<KeptTrunk, VendorError> {
        whole(trunk)?;
        let mut state = self.state();
        let kept = state.trunks.get_mut(id).filter(|kept| kept.id.kind == trunk.access.kind());
        let kept = kept.ok_or_else(|| refused(Fault::Missing, "no such trunk"))?;
        let Trunk { outbound_profile, outbound_channels, inbound_channels, .. } = kept.trunk.clone();
        let new = shown(trunk);
        kept.trunk = Trunk {
            outbound_profile: new.outbound_profile.or(outbound_profile),
            outbound_channels: new.outbound_channels.or(outbound_channels),
            inbound_channels: new.inbound_channels.or(inbound_channels),
            ..new
        };
        Ok(kept.clone())
    }
    async fn delete_trunk(&self, id: &TrunkId) -> Result<(), VendorError> {
        self.state().trunks.remove(&id.id);
        Ok(())
    }
    async fn add_peer(&self, trunk: &TrunkId, peer: &Peer) -> Result<KeptPeer, VendorError> {
        let fits =
            matches!((trunk.kind, &peer.at), (TrunkKind::Fqdn, PeerAt::Host { .. }) | (TrunkKind::Ip, PeerAt::Ip(_)));
        let mut state = self.state();
        if !fits || !state.trunks.contains_key(&trunk.id) {
            return Err(refused(Fault::Request, "the trunk has no far ends of this kind"));
        }
        let kept = KeptPeer { id: state.id(), peer: peer.clone() };
        state.peers.insert(kept.id.clone(), (trunk.clone(), kept.clone()));
        Ok(kept)
    }
    async fn peers(&self, trunk: &TrunkId, place: Option<Place>) -> Result<Portion<KeptPeer>, VendorError> {
        let state = self.state();
        let ours = state.peers.values().filter(|(of, _)| of == trunk).map(|(_, peer)| peer.clone());
        page(ours.collect(), place.as_ref())
    }
    async fn remove_peer(&self, peer: &KeptPeer) -> Result<(), VendorError> {
        self.state().peers.remove(&peer.id);
        Ok(())
    }
    async fn create_profile(&self, profile: &OutboundProfile) -> Result<KeptProfile, VendorError> {
        let mut state = self.state();
        let kept = KeptProfile { id: state.id(), profile: profile.clone() };
        state.profiles.insert(kept.id.clone(), kept.profile.clone());
        Ok(kept)
    }
    async fn profile(&self, id: &str) -> Result<Option<KeptProfile>, VendorError> {
        Ok(self.state().profiles.get(id).map(|profile| KeptProfile { id: id.to_owned(), profile: profile.clone() }))
    }
    async fn profiles(&self, place: Option<Place>) -> Result<Portion<KeptProfile>, VendorError> {
        let state = self.state();
        let all = state.profiles.iter();
        page(
            all.map(|(id, profile)| KeptProfile { id: id.clone(), profile: profile.clone() }).collect(),
            place.as_ref(),
        )
    }
    async fn update_profile(&self, id: &str, profile: &OutboundProfile) -> Result<KeptProfile, VendorError> {
        let mut state = self.state();
        let kept = state.profiles.get_mut(id).ok_or_else(|| refused(Fault::Missing, "no such profile"))?;
        let dearest_minute_micros = profile.dearest_minute_micros.or(kept.dearest_minute_micros);
        *kept = OutboundProfile { dearest_minute_micros, ..profile.clone() };
        Ok(KeptProfile { id: id.to_owned(), profile: kept.clone() })
    }
    async fn delete_profile(&self, id: &str) -> Result<(), VendorError> {
        self.state().profiles.remove(id);
        Ok(())
    }
}
