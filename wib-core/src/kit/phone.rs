//! Phone numbers in E.164.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Error;

/// A phone number in E.164: a plus and 8 to 15 digits. Parsed once, at the edge.
///
/// Ten digits are taken as a number of the North American plan, as are eleven that begin with 1; everything else needs
/// its plus. `Debug` shows the last four digits only, so that logs do not carry numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

impl Phone {
    /// The number, with its plus.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The number with all but the last four digits hidden: what logs and audit rows may hold.
    #[must_use]
    pub fn masked(&self) -> String {
        let cut = self.0.len() - 4;
        format!("{}{}", "*".repeat(cut), &self.0[cut..])
    }
    /// The three-digit area code, when the number is of the North American plan.
    #[must_use]
    pub fn area_code(&self) -> Option<&str> {
        (self.0.len() == 12).then(|| self.0.strip_prefix("+1").map(|rest| &rest[..3]))?
    }
}
impl FromStr for Phone {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::invalid("not a phone number (expected E.164 such as +13125550100)");
        let text = text.trim();
        if text.len() > 40 {
            return Err(bad());
        }
        let plus = text.starts_with('+');
        let mut digits = String::with_capacity(16);
        for c in text.chars().skip(usize::from(plus)) {
            match c {
                '0'..='9' => digits.push(c),
                ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' => {}
                _ => return Err(bad()),
            }
        }
        let number = match (plus, digits.len()) {
            (true, _) => digits,
            (false, 10) => format!("1{digits}"),
            (false, 11) if digits.starts_with('1') => digits,
            _ => return Err(bad()),
        };
        let nanp_fault = number.starts_with('1') && (number.len() != 11 || matches!(number.as_bytes()[1], b'0' | b'1'));
        if !(8..=15).contains(&number.len()) || number.starts_with('0') || nanp_fault {
            return Err(bad());
        }
        Ok(Self(format!("+{number}")))
    }
}
impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}
impl Serialize for Phone {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(|e: Error| serde::de::Error::custom(e.message()))
    }
}
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Phone {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Phone".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "description": "Phone number in E.164; ten digits are taken as North American", "minLength": 8, "maxLength": 40, "examples": ["+13125550100"]})
    }
}
