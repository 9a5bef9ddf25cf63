//! Enums with one text form, the same in SQL, JSON and logs.

use super::{Error, Result};

/// An enum whose members are written in snake case everywhere.
///
/// Made by [`text_enum!`](crate::text_enum); never written by hand.
pub trait TextEnum: Sized + Copy + 'static {
    /// Every member, in the order of declaration.
    const ALL: &'static [Self];
    /// The one text form.
    fn as_str(self) -> &'static str;
    /// The member of that text.
    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.as_str() == text)
    }
}

/// Declares an enum with its text form: `as_str`, `FromStr`, `Display`, serde, and a schema.
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        $vis enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $crate::kit::text::TextEnum for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),+ } }
        }
        impl $name {
            /// The one text form, in snake case.
            #[must_use]
            $vis const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),+ } }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::kit::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <Self as $crate::kit::text::TextEnum>::from_text(text)
                    .ok_or_else(|| $crate::kit::Error::invalid(format!(concat!(stringify!($name), " does not know {:?}"), text)))
            }
        }
        impl $crate::store::Column for $name {
            const KIND: $crate::store::ValueKind = $crate::store::ValueKind::Text;
            fn into_value(self) -> $crate::store::Value { $crate::store::Value::Text(Some(self.as_str().to_owned())) }
            fn from_value(value: $crate::store::Value) -> Result<Self, String> {
                let text = String::from_value(value)?;
                <Self as $crate::kit::text::TextEnum>::from_text(&text)
                    .ok_or_else(|| format!(concat!(stringify!($name), " does not know {:?}"), text))
            }
        }
    };
}

/// Declares an enum of words that vendors say, every unknown word kept as `Other`: `as_str`, `Display`, `From`, serde.
#[macro_export]
macro_rules! open_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        #[non_exhaustive]
        $vis enum $name {
            $($(#[$vmeta])* $variant,)+
            /// A word that this version does not know.
            Other(String),
        }
        impl $name {
            /// The word.
            #[must_use]
            $vis fn as_str(&self) -> &str { match self { $(Self::$variant => $text,)+ Self::Other(word) => word } }
        }
        impl From<String> for $name {
            fn from(word: String) -> Self { match word.as_str() { $($text => Self::$variant,)+ _ => Self::Other(word) } }
        }
        impl From<$name> for String {
            fn from(word: $name) -> Self { word.as_str().to_owned() }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

/// A text that must be there: trimmed, 1 to `most` characters.
pub(crate) fn required(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most {
        return Err(Error::field(field, format!("must have 1 to {most} characters")));
    }
    Ok(text.to_owned())
}

/// A text that may be absent: trimmed, at most `most` characters; blank is absent.
pub(crate) fn optional(field: &'static str, text: Option<String>, most: usize) -> Result<Option<String>> {
    let text = text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    text.map(|t| required(field, &t, most)).transpose()
}

/// A mail address in small letters, when there is one.
pub(crate) fn email(field: &'static str, text: Option<String>) -> Result<Option<String>> {
    let Some(text) = optional(field, text, 254)? else { return Ok(None) };
    let fits = |(local, domain): (&str, &str)| !local.is_empty() && domain.contains('.') && !domain.contains('@');
    if text.contains(char::is_whitespace) || !text.split_once('@').is_some_and(fits) {
        return Err(Error::field(field, "is not a mail address"));
    }
    Ok(Some(text.to_lowercase()))
}
