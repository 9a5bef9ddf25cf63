//! Applications, SIP connections with their hosts and addresses, and outbound voice profiles.

use async_trait::async_trait;
use http::Method;
use wib_core::ports::{
    Fault, Sent, Trunks, VendorError,
    pages::{Place, Portion},
    trunks::{Access, KeptPeer, KeptProfile, KeptTrunk, OutboundProfile, Peer, PeerAt, Trunk, TrunkId, TrunkKind},
};

use super::{Telnyx, VENDOR, wire, wire_lines};

/// Where trunks of a kind are, and one of them.
fn paths(kind: TrunkKind) -> (&'static str, &'static str) {
    match kind {
        TrunkKind::Application => ("/call_control_applications", "/call_control_applications/{}"),
        TrunkKind::Credential => ("/credential_connections", "/credential_connections/{}"),
        TrunkKind::Fqdn => ("/fqdn_connections", "/fqdn_connections/{}"),
        TrunkKind::Ip => ("/ip_connections", "/ip_connections/{}"),
    }
}

#[async_trait]
impl Trunks for Telnyx {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn create_trunk(&self, trunk: &Trunk) -> Result<KeptTrunk, VendorError> {
        self.whole(trunk)?;
        if let Access::Credential { password: None, .. } = trunk.access {
            return Err(self.client.fault(Fault::Request, Sent::No, "a new credential trunk needs a password"));
        }
        let kind = trunk.access.kind();
        let ask = self.client.ask("create_trunk", Method::POST, paths(kind).0);
        let kept: wire::Single<wire_lines::TrunkAnswer> =
            ask.json(&wire_lines::TrunkRequest::of(trunk)).send().await?.json()?;
        Ok(kept.data.into_ours(kind))
    }

    async fn trunk(&self, id: &TrunkId) -> Result<Option<KeptTrunk>, VendorError> {
        let ask = self.client.ask("trunk", Method::GET, paths(id.kind).1).fill(&id.id);
        Ok(self.found::<wire_lines::TrunkAnswer>(ask).await?.map(|trunk| trunk.into_ours(id.kind)))
    }

    async fn find_trunk(&self, id: &str) -> Result<Option<TrunkId>, VendorError> {
        let ask = self.client.ask("find_trunk", Method::GET, "/connections/{}").fill(id);
        let found: Option<wire_lines::TrunkAnswer> = self.found(ask).await?;
        let Some(found) = found else { return Ok(None) };
        let strange = || self.client.fault(Fault::Nonsense, Sent::Refused, "a trunk of a kind we do not know");
        found.name().ok_or_else(strange).map(Some)
    }

    async fn trunks(&self, kind: TrunkKind, place: Option<Place>) -> Result<Portion<KeptTrunk>, VendorError> {
        let ask = self.client.ask("trunks", Method::GET, paths(kind).0);
        let page: Portion<wire_lines::TrunkAnswer> = self.portion(ask, &[], place).await?;
        Ok(page.map(|trunk| trunk.into_ours(kind)))
    }

    async fn update_trunk(&self, id: &str, trunk: &Trunk) -> Result<KeptTrunk, VendorError> {
        self.whole(trunk)?;
        let kind = trunk.access.kind();
        let ask = self.client.ask("update_trunk", Method::PATCH, paths(kind).1).fill(id).repeatable();
        let kept: wire::Single<wire_lines::TrunkAnswer> =
            ask.json(&wire_lines::TrunkRequest::of(trunk)).send().await?.json()?;
        Ok(kept.data.into_ours(kind))
    }

    async fn delete_trunk(&self, id: &TrunkId) -> Result<(), VendorError> {
        self.gone(self.client.ask("delete_trunk", Method::DELETE, paths(id.kind).1).fill(&id.id)).await
    }

    async fn add_peer(&self, trunk: &TrunkId, peer: &Peer) -> Result<KeptPeer, VendorError> {
        let (connection_id, port) = (trunk.id.as_str(), peer.port);
        let ask = |path| self.client.ask("add_peer", Method::POST, path);
        let ask = match (trunk.kind, &peer.at) {
            (TrunkKind::Fqdn, PeerAt::Host { name, record }) => {
                let dns_record_type = record.as_str();
                ask("/fqdns").json(&wire_lines::HostRequest { connection_id, fqdn: name, dns_record_type, port })
            }
            (TrunkKind::Ip, PeerAt::Ip(address)) => {
                let ip_address = address.to_string();
                ask("/ips").json(&wire_lines::AddressRequest { connection_id, ip_address, port })
            }
            _ => return Err(self.client.fault(Fault::Request, Sent::No, "the trunk has no far ends of this kind")),
        };
        let kept: wire::Single<wire_lines::PeerAnswer> = ask.send().await?.json()?;
        let nowhere = || self.client.fault(Fault::Nonsense, Sent::Unknown, "a far end without a place");
        kept.data.into_ours().ok_or_else(nowhere)
    }

    async fn peers(&self, trunk: &TrunkId, place: Option<Place>) -> Result<Portion<KeptPeer>, VendorError> {
        let path = match trunk.kind {
            TrunkKind::Fqdn => "/fqdns",
            TrunkKind::Ip => "/ips",
            TrunkKind::Application | TrunkKind::Credential => return Ok(Portion { items: vec![], next: None }),
        };
        let filters = [("filter[connection_id]", Some(trunk.id.as_str()))];
        let ask = self.client.ask("peers", Method::GET, path);
        let page: Portion<wire_lines::PeerAnswer> = self.portion(ask, &filters, place).await?;
        let items = page.items.into_iter().filter_map(wire_lines::PeerAnswer::into_ours).collect();
        Ok(Portion { items, next: page.next })
    }

    async fn remove_peer(&self, peer: &KeptPeer) -> Result<(), VendorError> {
        let path = match peer.peer.at {
            PeerAt::Host { .. } => "/fqdns/{}",
            PeerAt::Ip(_) => "/ips/{}",
        };
        self.gone(self.client.ask("remove_peer", Method::DELETE, path).fill(&peer.id)).await
    }

    async fn create_profile(&self, profile: &OutboundProfile) -> Result<KeptProfile, VendorError> {
        self.bounded(profile)?;
        let ask = self.client.ask("create_profile", Method::POST, "/outbound_voice_profiles");
        let ask = ask.json(&wire_lines::ProfileRequest::of(profile));
        let kept: wire::Single<wire_lines::ProfileAnswer> = ask.send().await?.json()?;
        Ok(kept.data.into_ours())
    }

    async fn profile(&self, id: &str) -> Result<Option<KeptProfile>, VendorError> {
        let ask = self.client.ask("profile", Method::GET, "/outbound_voice_profiles/{}").fill(id);
        Ok(self.found::<wire_lines::ProfileAnswer>(ask).await?.map(wire_lines::ProfileAnswer::into_ours))
    }

    async fn profiles(&self, place: Option<Place>) -> Result<Portion<KeptProfile>, VendorError> {
        let ask = self.client.ask("profiles", Method::GET, "/outbound_voice_profiles");
        Ok(self.portion(ask, &[], place).await?.map(wire_lines::ProfileAnswer::into_ours))
    }

    async fn update_profile(&self, id: &str, profile: &OutboundProfile) -> Result<KeptProfile, VendorError> {
        self.bounded(profile)?;
        let ask = self.client.ask("update_profile", Method::PATCH, "/outbound_voice_profiles/{}").fill(id);
        let ask = ask.json(&wire_lines::ProfileRequest::of(profile)).repeatable();
        let kept: wire::Single<wire_lines::ProfileAnswer> = ask.send().await?.json()?;
        Ok(kept.data.into_ours())
    }

    async fn delete_profile(&self, id: &str) -> Result<(), VendorError> {
        self.gone(self.client.ask("delete_profile", Method::DELETE, "/outbound_voice_profiles/{}").fill(id)).await
    }
}

impl Telnyx {
    /// An application needs an address for its events.
    fn whole(&self, trunk: &Trunk) -> Result<(), VendorError> {
        match (&trunk.access, &trunk.webhook_url) {
            (Access::Application, None) => {
                Err(self.client.fault(Fault::Request, Sent::No, "an application needs a webhook_url"))
            }
            _ => Ok(()),
        }
    }
    /// A limit below nothing would be written as another one.
    fn bounded(&self, profile: &OutboundProfile) -> Result<(), VendorError> {
        if [profile.daily_spend_minor, profile.dearest_minute_micros].into_iter().flatten().any(|limit| limit < 0) {
            return Err(self.client.fault(Fault::Request, Sent::No, "a limit below nothing"));
        }
        Ok(())
    }
}
