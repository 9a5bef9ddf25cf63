//! What is dialled, pressed and said.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::kit::{Error, Phone};

/// Where a call goes: a number, or an address of SIP such as a softphone's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A telephone.
    Phone(Phone),
    /// An address.
    Sip(SipUri),
}
impl Destination {
    /// The number or the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.as_str(),
            Self::Sip(uri) => &uri.0,
        }
    }
}
impl From<Phone> for Destination {
    fn from(phone: Phone) -> Self {
        Self::Phone(phone)
    }
}
impl From<SipUri> for Destination {
    fn from(uri: SipUri) -> Self {
        Self::Sip(uri)
    }
}

/// An address of SIP: `sip:user@host` (RFC 3261 section 19.1), at most 255 bytes of plain ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipUri(String);
impl SipUri {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl FromStr for SipUri {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let rest = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:")).unwrap_or_default();
        let plain = text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&b));
        match rest.split_once('@') {
            Some((user, host)) if plain && !user.is_empty() && !host.is_empty() && !host.contains('@') => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(Error::invalid("expected an address such as sip:user@host")),
        }
    }
}

/// A key that somebody pressed: `0`-`9`, `A`-`D`, `*` or `#`.
///
/// It may be part of a card's number or code (PCI DSS v4.0.1 requirement 3.3.1): `Debug` never shows it. Its JSON does;
/// [`EventBody::forget_secrets`](crate::ports::webhook::EventBody::forget_secrets) takes it out of what is to be kept.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Key(char);
impl Key {
    /// The key.
    #[must_use]
    pub fn reveal(self) -> char {
        self.0
    }
}
impl TryFrom<char> for Key {
    type Error = Error;
    fn try_from(key: char) -> Result<Self, Error> {
        match key.to_ascii_uppercase() {
            key @ ('0'..='9' | 'A'..='D' | '*' | '#') => Ok(Self(key)),
            _ => Err(Error::invalid("not a key of a telephone")),
        }
    }
}
impl From<Key> for char {
    fn from(key: Key) -> Self {
        key.0
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Keys in a row, at least one: `0`-`9`, `A`-`D`, `*`, `#`; to be sent, `w` waits half a second and `W` a whole one.
///
/// `Debug` never shows them, for the reason that [`Key`] has.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Keys(String);
impl Keys {
    /// The keys.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
impl TryFrom<String> for Keys {
    type Error = Error;
    fn try_from(keys: String) -> Result<Self, Error> {
        let known = !keys.is_empty() && keys.bytes().all(|b| b"0123456789ABCD*#wW".contains(&b));
        if known { Ok(Self(keys)) } else { Err(Error::invalid("not keys of a telephone")) }
    }
}
impl From<Keys> for String {
    fn from(keys: Keys) -> Self {
        keys.0
    }
}
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Words that were heard on a call. They may hold a card's number: `Debug` never shows them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spoken(String);
impl Spoken {
    /// The words.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
impl From<String> for Spoken {
    fn from(words: String) -> Self {
        Self(words)
    }
}
impl fmt::Debug for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_telephone_has_is_a_key() {
        for key in "0123456789ABCD*#".chars() {
            assert_eq!(Key::try_from(key).unwrap().reveal(), key);
        }
        assert_eq!(Key::try_from('a').unwrap().reveal(), 'A');
        for none in ['E', 'w', ' ', '\u{0667}', '+'] {
            assert!(Key::try_from(none).is_err(), "{none}");
        }
    }

    #[test]
    fn keys_in_a_row_are_at_least_one_and_may_wait() {
        assert_eq!(Keys::try_from("12wW#".to_owned()).unwrap().reveal(), "12wW#");
        for none in ["", "1 2", "E", "12\u{0667}"] {
            assert!(Keys::try_from(none.to_owned()).is_err(), "{none}");
        }
        assert_eq!(serde_json::from_str::<Keys>("\"\"").ok(), None);
    }

    #[test]
    fn what_was_pressed_or_said_is_never_shown() {
        let keys = Keys::try_from("4111".to_owned()).unwrap();
        let shown = format!("{keys:?} {:?} {:?}", Key::try_from('4'), Spoken::from("four one one one".to_owned()));
        assert!(shown.contains("[redacted]") && !shown.contains('4') && !shown.contains("one"), "{shown}");
    }

    #[test]
    fn an_address_of_sip_has_a_user_and_a_host_and_nothing_to_break_a_header_with() {
        for good in ["sip:agent7@sip.telnyx.com", "sips:a@h:5061;transport=tls"] {
            assert_eq!(good.parse::<SipUri>().unwrap().as_str(), good);
        }
        for bad in
            ["", "sip:", "sip:a", "sip:@h", "sip:a@", "a@h", "sip:a@b@c", "sip:a b@h", "sip:a@h\r\nX: y", "sip:<a>@h"]
        {
            assert!(bad.parse::<SipUri>().is_err(), "{bad}");
        }
        assert!(format!("sip:a@{}", "h".repeat(300)).parse::<SipUri>().is_err());
    }
}
