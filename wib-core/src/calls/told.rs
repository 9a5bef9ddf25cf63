use serde_json::json;

use super::Call;
use crate::{
    kit::Result,
    store::OrgTx,
    subscriptions::{self, WebhookEvent},
    wib::Wib,
};

/// Has whoever subscribed told that a call began, or is over.
pub(super) async fn told(wib: &Wib, tx: &mut dyn OrgTx, event: WebhookEvent, call: &Call) -> Result<()> {
    let data = json!({
        "call_id": call.id, "account_id": call.account_id, "direction": call.direction, "flow_type": call.flow_type,
        "status": call.status, "duration_ms": call.duration_ms(), "hangup_cause": call.hangup_cause, "live": call.live,
    });
    subscriptions::tell(wib, tx, event, call.id.uuid(), data).await
}
