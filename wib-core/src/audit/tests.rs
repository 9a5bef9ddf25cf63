use serde_json::json;

use super::clean::{LIMIT, clean, difference};

#[test]
fn secrets_names_and_numbers_stay_out_and_ids_stay_in() {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let row = json!({
        "id": id, "name": "Alma Reyes", "email": "alma@example.org", "email_missing": null, "notes": null,
        "phone": "+13125550101", "password_hash": "argon", "api_token": ["t"], "balance_minor": 12050,
        "at": "2026-06-01T17:30:00Z", "hash": "sha256:4111111111111111", "status": "active",
        "said": "call me at 312-555-0101 or alma@example.org", "deep": [{"to_number": "+13125550102"}],
    });
    let shown = clean(row);
    let text = shown.to_string();
    for private in ["Alma", "example.org", "3125550101", "312-555-0101", "3125550102", "argon", "\"t\""] {
        assert!(!text.contains(private), "{private} in {text}");
    }
    for kept in [id, "12050", "2026-06-01T17:30:00Z", "sha256:4111111111111111", "active", "********0101"] {
        assert!(text.contains(kept), "{kept} not in {text}");
    }
    assert_eq!(
        (&shown["name"], &shown["notes"], &shown["password_hash"]),
        (&json!("[personal]"), &json!(null), &json!("[secret]"))
    );
}

#[test]
fn long_and_deep_values_and_fractions_are_bounded() {
    let long = clean(json!({"words_of_a_vendor": "x".repeat(LIMIT)}));
    assert!(
        long["hash"].as_str().is_some_and(|h| h.starts_with("sha256:")) && long["bytes"].as_u64() > Some(LIMIT as u64)
    );
    let fits = clean(json!({"status": "x".repeat(LIMIT - 20)}));
    assert!(fits["status"].is_string());
    let deep = (0..200).fold(json!("bottom"), |inner, _| json!([inner]));
    assert!(!clean(deep).to_string().contains("bottom"));
    assert!(clean(json!({"rate": 0.5}))["hash"].is_string(), "no canonical form");
}

#[test]
fn only_what_differs_is_shown() {
    let (old, new) = difference(json!({"a": 1, "b": 2, "gone": 3}), json!({"a": 1, "b": 4, "came": 5}));
    assert_eq!((old, new), (json!({"b": 2, "gone": 3}), json!({"b": 4, "came": 5})));
}
