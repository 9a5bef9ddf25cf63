//! Money in minor units of a currency. No floats anywhere.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Error;

/// An ISO 4217 currency, written as its three letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// US dollar.
    pub const USD: Self = Self(iso_currency::Currency::USD);
    /// The three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }
    /// Digits behind the point: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn digits(self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }
}
impl FromStr for Currency {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        iso_currency::Currency::from_code(&text.to_ascii_uppercase())
            .map(Self)
            .ok_or_else(|| Error::invalid(format!("{text:?} is not a currency of ISO 4217")))
    }
}
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(|e: Error| serde::de::Error::custom(e.message()))
    }
}
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[A-Z]{3}$"})
    }
}

/// An amount in the currency's smallest unit (cents for USD).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Money {
    /// Amount in minor units; negative is owed to the other side.
    pub minor: i64,
    /// Of what.
    pub currency: Currency,
}

impl Money {
    /// An amount of US cents.
    #[must_use]
    pub const fn usd(cents: i64) -> Self {
        Self { minor: cents, currency: Currency::USD }
    }
    /// The sum; `None` when currencies differ or the sum does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let minor = (self.currency == other.currency).then(|| self.minor.checked_add(other.minor))??;
        Some(Self { minor, ..self })
    }
    /// Parses decimal text such as `1,234.50` exactly, with or without a currency sign.
    ///
    /// Parentheses, or a minus before or behind, mean negative, as creditors' files have it.
    ///
    /// # Errors
    /// `Invalid` when it is no number, has more digits behind the point than the currency, or does not fit.
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Self, Error> {
        let bad = || Error::invalid("not an amount of money");
        let trimmed = text.trim();
        let negative = trimmed.contains(['-', '(']);
        let clean: String = trimmed
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, ',' | '$' | '€' | '£' | '¥' | '(' | ')' | '-' | '+'))
            .collect();
        let clean =
            clean.strip_prefix(currency.code()).or_else(|| clean.strip_suffix(currency.code())).unwrap_or(&clean);
        let (whole, fraction) = clean.split_once('.').unwrap_or((clean, ""));
        let digits = currency.digits() as usize;
        let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !numeric(whole) || !numeric(fraction) || whole.len() > 15 {
            return Err(bad());
        }
        let (kept, rest) = fraction.split_at(fraction.len().min(digits));
        if rest.bytes().any(|b| b != b'0') {
            return Err(bad());
        }
        let minor: i64 = format!("{whole}{kept:0<digits$}").parse().map_err(|_| bad())?;
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }
    /// The amount as decimal text without a currency (`1234.50`): the wire's form.
    #[must_use]
    pub fn decimal(self) -> String {
        let digits = self.currency.digits();
        let scale = 10u64.pow(digits);
        let sign = if self.minor < 0 { "-" } else { "" };
        let (whole, part) = (self.minor.unsigned_abs() / scale, self.minor.unsigned_abs() % scale);
        if digits == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{part:0>width$}", width = digits as usize)
        }
    }
}
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}
