//! Numbers: search, orders, wiring, release, lookup; and numbers of others that were verified.

use async_trait::async_trait;
use http::Method;
use wib_core::{
    kit::Phone,
    ports::{
        Fault, Numbers, Sent, VendorError, VerifiedNumbers,
        numbers::{
            Assignment, AvailableNumber, NumberFacts, NumberOrder, NumberSearch, OwnedFilter, OwnedNumber, PlacedOrder,
            VoiceSettings,
        },
        pages::{Place, Portion},
        verified_numbers::{AskCode, VerifiedNumber},
    },
};

use super::{Telnyx, VENDOR, wire, wire_lines};

/// The longest name that is shown for a number.
const CNAM: usize = 15;

#[async_trait]
impl Numbers for Telnyx {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn search(&self, search: &NumberSearch) -> Result<Vec<AvailableNumber>, VendorError> {
        let limit = search.limit.clamp(1, 250);
        let named = [
            ("filter[country_code]", Some(search.country.as_str())),
            ("filter[national_destination_code]", search.area_code.as_deref()),
            ("filter[locality]", search.town.as_deref()),
            ("filter[administrative_area]", search.region.as_deref()),
            ("filter[phone_number_type]", search.kind.as_ref().map(|kind| kind.as_str())),
            ("filter[limit]", Some(&*limit.to_string())),
        ];
        let ask = self.client.ask("search_numbers", Method::GET, "/available_phone_numbers");
        let ask = named.iter().fold(ask, |ask, (name, value)| match value {
            Some(value) => ask.query(name, value),
            None => ask,
        });
        let ask = search.features.iter().fold(ask, |ask, one| ask.query("filter[features][]", one.as_str()));
        let page: wire::Listed<wire_lines::Available> = ask.send().await?.json()?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(page.data.into_iter().take(most).map(wire_lines::Available::into_ours).collect())
    }

    async fn order(&self, order: &NumberOrder) -> Result<PlacedOrder, VendorError> {
        if order.reference.trim().is_empty() || order.numbers.is_empty() {
            return Err(self.client.fault(Fault::Request, Sent::No, "an order needs a reference and numbers"));
        }
        let request = wire_lines::OrderRequest {
            customer_reference: &order.reference,
            phone_numbers: order
                .numbers
                .iter()
                .map(|number| wire_lines::Ordered { phone_number: number.as_str() })
                .collect(),
            connection_id: order.trunk_id.as_deref(),
            messaging_profile_id: order.messaging_profile.as_deref(),
        };
        let ask = self.client.ask("order_number", Method::POST, "/number_orders").json(&request);
        let placed: wire::Single<wire_lines::OrderAnswer> = ask.send().await?.json()?;
        Ok(placed.data.into_ours())
    }

    async fn find_order(&self, reference: &str) -> Result<Option<PlacedOrder>, VendorError> {
        let filters = [("filter[customer_reference]", reference)];
        let orders: Vec<wire_lines::OrderAnswer> = self.pages("find_order", "/number_orders", &filters).await?;
        let ours = orders.into_iter().filter(|order| order.reference() == Some(reference));
        Ok(ours.min_by_key(|order| order.created_at).map(wire_lines::OrderAnswer::into_ours))
    }

    async fn order_state(&self, id: &str) -> Result<Option<PlacedOrder>, VendorError> {
        let ask = self.client.ask("number_order", Method::GET, "/number_orders/{}").fill(id);
        Ok(self.found::<wire_lines::OrderAnswer>(ask).await?.map(wire_lines::OrderAnswer::into_ours))
    }

    async fn owned(&self, filter: &OwnedFilter, place: Option<Place>) -> Result<Portion<OwnedNumber>, VendorError> {
        let filters = [
            ("filter[phone_number]", filter.number.as_ref().map(Phone::as_str)),
            ("filter[connection_id]", filter.trunk_id.as_deref()),
            ("filter[customer_reference]", filter.reference.as_deref()),
            ("filter[tag]", filter.tag.as_deref()),
        ];
        let ask = self.client.ask("numbers", Method::GET, "/phone_numbers");
        Ok(self.portion(ask, &filters, place).await?.map(wire_lines::NumberAnswer::into_ours))
    }

    async fn number(&self, id: &str) -> Result<Option<OwnedNumber>, VendorError> {
        let ask = self.client.ask("number", Method::GET, "/phone_numbers/{}").fill(id);
        Ok(self.found::<wire_lines::NumberAnswer>(ask).await?.map(wire_lines::NumberAnswer::into_ours))
    }

    async fn assign(&self, id: &str, assignment: &Assignment) -> Result<OwnedNumber, VendorError> {
        let request = wire_lines::NumberRequest {
            connection_id: assignment.trunk_id.as_deref(),
            customer_reference: assignment.reference.as_deref(),
            tags: assignment.tags.as_deref(),
        };
        let ask = self.client.ask("assign_number", Method::PATCH, "/phone_numbers/{}").fill(id);
        let kept: wire::Single<wire_lines::NumberAnswer> = ask.json(&request).repeatable().send().await?.json()?;
        Ok(kept.data.into_ours())
    }

    async fn voice_settings(&self, id: &str) -> Result<VoiceSettings, VendorError> {
        let ask = self.client.ask("number_voice", Method::GET, "/phone_numbers/{}/voice").fill(id);
        Ok(ask.send().await?.json::<wire::Single<wire_lines::VoiceBody>>()?.data.into_ours())
    }

    async fn set_voice(&self, id: &str, settings: &VoiceSettings) -> Result<VoiceSettings, VendorError> {
        if settings.cnam.as_ref().is_some_and(|name| name.trim().is_empty() || name.chars().count() > CNAM) {
            return Err(self.client.fault(Fault::Request, Sent::No, "a name shown has 1 to 15 characters"));
        }
        let ask = self.client.ask("set_number_voice", Method::PATCH, "/phone_numbers/{}/voice").fill(id);
        let answer = ask.json(&wire_lines::VoiceBody::of(settings)).repeatable().send().await?;
        Ok(answer.json::<wire::Single<wire_lines::VoiceBody>>()?.data.into_ours())
    }

    async fn release(&self, id: &str) -> Result<(), VendorError> {
        self.gone(self.client.ask("release_number", Method::DELETE, "/phone_numbers/{}").fill(id)).await
    }

    async fn look_up(&self, number: &Phone, caller_name: bool) -> Result<NumberFacts, VendorError> {
        let ask = self.client.ask("look_up", Method::GET, "/number_lookup/{}").fill(number.as_str());
        let ask = ask.query("type", if caller_name { "caller-name" } else { "carrier" });
        Ok(ask.send().await?.json::<wire::Single<wire_lines::Lookup>>()?.data.into_ours())
    }
}

#[async_trait]
impl VerifiedNumbers for Telnyx {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn ask_code(&self, number: &Phone, ask: &AskCode) -> Result<(), VendorError> {
        let keys = |keys: &String| keys.len() <= 50 && keys.bytes().all(|b| b"0123456789ABCD*#wW".contains(&b));
        if !ask.extension.as_ref().is_none_or(keys) {
            return Err(self.client.fault(Fault::Request, Sent::No, "not keys of a telephone"));
        }
        let request = wire_lines::CodeRequest {
            phone_number: number.as_str(),
            verification_method: ask.by.as_str(),
            extension: ask.extension.as_deref(),
        };
        self.client.ask("ask_code", Method::POST, "/verified_numbers").json(&request).send().await.map(drop)
    }

    async fn submit_code(&self, number: &Phone, code: &str) -> Result<VerifiedNumber, VendorError> {
        let ask = self.client.ask("submit_code", Method::POST, "/verified_numbers/{}/actions/verify");
        let ask = ask.fill(number.as_str()).json(&wire_lines::CodeAnswer { verification_code: code });
        Ok(ask.send().await?.json::<wire::Single<wire_lines::Verified>>()?.data.into_ours())
    }

    async fn verified(&self, number: &Phone) -> Result<Option<VerifiedNumber>, VendorError> {
        let ask = self.client.ask("verified_number", Method::GET, "/verified_numbers/{}").fill(number.as_str());
        Ok(self.found::<wire_lines::Verified>(ask).await?.map(wire_lines::Verified::into_ours))
    }

    async fn list(&self, place: Option<Place>) -> Result<Portion<VerifiedNumber>, VendorError> {
        let ask = self.client.ask("verified_numbers", Method::GET, "/verified_numbers");
        Ok(self.portion(ask, &[], place).await?.map(wire_lines::Verified::into_ours))
    }

    async fn forget(&self, number: &Phone) -> Result<(), VendorError> {
        let ask = self.client.ask("forget_number", Method::DELETE, "/verified_numbers/{}").fill(number.as_str());
        self.gone(ask).await
    }
}
