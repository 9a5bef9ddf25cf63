//! Which heading is which field.

use std::cmp::Reverse;

use serde::Serialize;

use crate::{kit::text::TextEnum, text_enum};

/// Least likeness of a heading and a name, in percent, for a guess.
const LIKELY: usize = 60;
/// Confidence of a known other name, in percent.
const ALIAS: u8 = 95;

text_enum! {
    /// What a column of accounts may hold.
    pub enum Field {
        /// Who owes; required.
        Name = "name",
        /// How much is owed; required.
        BalanceDue = "balance_due",
        /// Where they are reached; required.
        PrimaryPhone = "primary_phone",
        /// Another number.
        SecondaryPhone = "secondary_phone",
        /// Mail address.
        Email = "email",
        /// The creditor's own number.
        ExternalId = "external_id",
        /// Postal address.
        Address = "address",
        /// How the account stands.
        Status = "status",
        /// Anything else.
        Notes = "notes",
        /// State or territory.
        State = "state_code",
        /// Time zone (IANA).
        TimeZone = "time_zone",
        /// The servicer's number that student loans share.
        DebtKey = "debt_key",
        /// Whether to cease communication.
        Cease = "cease",
        /// Whether an attorney represents the person.
        Attorney = "attorney",
        /// When payment was promised.
        PromiseDate = "promise_date",
        /// How much was promised.
        PromiseAmount = "promise_amount",
    }
}

impl Field {
    /// Fields without which a row is no account.
    pub const REQUIRED: [Self; 3] = [Self::Name, Self::BalanceDue, Self::PrimaryPhone];

    /// Other names, folded as headings are.
    fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Name => &[
                "fullname",
                "customername",
                "debtorname",
                "accountname",
                "clientname",
                "consumername",
                "borrowername",
                "contactname",
                "patronname",
                "membername",
                "accountholder",
                "customer",
                "debtor",
                "consumer",
                "borrower",
            ],
            Self::BalanceDue => &[
                "balance",
                "amount",
                "amountdue",
                "amountowed",
                "debt",
                "total",
                "totaldue",
                "totalbalance",
                "owed",
                "openbalance",
                "outstandingbalance",
                "remainingbalance",
                "currentbalance",
                "outstanding",
                "originalamount",
                "invoiceamount",
                "principal",
                "bal",
                "amt",
                "amtdue",
                "baldue",
            ],
            Self::PrimaryPhone => &[
                "phone",
                "phonenumber",
                "phone1",
                "phoneno",
                "mobile",
                "mobilephone",
                "mobilenumber",
                "cell",
                "cellphone",
                "cellnumber",
                "telephone",
                "telephonenumber",
                "tel",
                "contactphone",
                "contactnumber",
                "mainphone",
                "homephone",
                "daytimephone",
                "dayphone",
            ],
            Self::SecondaryPhone => &[
                "altphone",
                "alternatephone",
                "alternativephone",
                "workphone",
                "otherphone",
                "eveningphone",
                "phone2",
                "secondphone",
                "phonenumber2",
                "alternatenumber",
            ],
            Self::Email => &["emailaddress", "mail", "emailid"],
            Self::ExternalId => &[
                "accountid",
                "accountnumber",
                "accountno",
                "account",
                "acct",
                "acctno",
                "acctid",
                "acctnumber",
                "referenceid",
                "referencenumber",
                "referenceno",
                "reference",
                "refno",
                "invoiceid",
                "invoicenumber",
                "invoiceno",
                "caseid",
                "casenumber",
                "caseno",
                "fileid",
                "filenumber",
                "fileno",
                "recordid",
                "recordnumber",
                "ref",
                "id",
            ],
            Self::Address => &["streetaddress", "mailingaddress", "fulladdress", "addr", "address1", "location"],
            Self::Status => &["accountstatus", "acctstatus", "state"],
            Self::Notes => &["note", "comments", "comment", "memo", "remarks", "description"],
            Self::State => &["statecode", "stateabbreviation", "residencestate", "province"],
            Self::TimeZone => &["tz", "zone"],
            Self::DebtKey => &["servicernumber", "serviceraccountnumber", "loanservicingnumber"],
            Self::Cease => &["ceased", "ceaseanddesist", "ceasecontact", "ceaseflag"],
            Self::Attorney => &["attorneyrepresented", "hasattorney", "represented", "attorneyflag"],
            Self::PromiseDate => &["ptp", "ptpdate", "paydate", "datepromised"],
            Self::PromiseAmount => &["ptpamount", "promisedamount", "promiseamt", "amountpromised"],
        }
    }
    /// Whether a heading that is only alike is taken for it: not where a wrong guess would tell of a person what is not so.
    const fn guessed(self) -> bool {
        !matches!(self, Self::State | Self::TimeZone | Self::DebtKey | Self::Cease | Self::Attorney)
    }
    /// Likeness of a folded heading to the field's nearest name, in percent.
    fn likeness(self, heading: &[char]) -> usize {
        let key: Vec<char> = fold(self.as_str());
        let aliases = self.aliases().iter().map(|alias| alias.chars().collect());
        aliases.chain([key]).map(|name: Vec<char>| likeness(heading, &name)).max().unwrap_or(0)
    }
}

/// A heading and what it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappedColumn {
    /// The heading as the file has it.
    pub header: String,
    /// The field, when it is one.
    pub field: Option<Field>,
    /// How sure that is, in percent; 0 without a field.
    pub confidence: u8,
}

/// Maps headings to fields in three passes: same name, known other name, likeness. Each is used once.
pub(super) fn map(headings: &[String]) -> Vec<MappedColumn> {
    let folded: Vec<Vec<char>> = headings.iter().map(|h| fold(h)).collect();
    let is = |name: &str, heading: &[char]| name.chars().eq(heading.iter().copied());
    let mut columns: Vec<_> =
        headings.iter().map(|h| MappedColumn { header: h.clone(), field: None, confidence: 0 }).collect();
    let mut give = |field: Field, column: usize, confidence: u8| {
        if columns[column].field.is_none() && columns.iter().all(|c| c.field != Some(field)) {
            columns[column] = MappedColumn { field: Some(field), confidence, ..columns[column].clone() };
        }
    };
    for field in Field::ALL.iter().copied() {
        folded.iter().enumerate().filter(|(_, h)| **h == fold(field.as_str())).for_each(|(i, _)| give(field, i, 100));
    }
    for field in Field::ALL.iter().copied() {
        for alias in field.aliases() {
            folded.iter().enumerate().filter(|(_, h)| is(alias, h)).for_each(|(i, _)| give(field, i, ALIAS));
        }
    }
    let mut guesses: Vec<_> = (0..folded.len())
        .filter(|i| (4..=64).contains(&folded[*i].len()))
        .flat_map(|i| Field::ALL.iter().filter(|f| f.guessed()).map(move |field| (i, *field)))
        .map(|(i, field)| (Reverse(field.likeness(&folded[i])), field, i))
        .filter(|(Reverse(likeness), ..)| *likeness >= LIKELY)
        .collect();
    guesses.sort_unstable();
    for (Reverse(likeness), field, i) in guesses {
        give(field, i, u8::try_from(likeness.min(usize::from(ALIAS))).unwrap_or(ALIAS));
    }
    columns
}

/// Small letters and digits only.
fn fold(heading: &str) -> Vec<char> {
    heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// One less the edit distance over the longer length, in whole percent.
fn likeness(a: &[char], b: &[char]) -> usize {
    let longer = a.len().max(b.len()).max(1);
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = (corner + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    (longer - row[b.len()]) * 100 / longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_one_less_the_distance_over_the_longer() {
        let like = |a: &str, b: &str| likeness(&fold(a), &fold(b));
        assert_eq!((like("Debtor Nm", "debtorname"), like("abc", "xyz"), like("a", "a")), (80, 0, 100));
        assert_eq!((like("kitten", "sitting"), like("", ""), like("", "ab")), (57, 100, 0));
    }

    #[test]
    fn every_alias_is_folded_and_names_one_field() {
        let aliases: Vec<_> = Field::ALL.iter().flat_map(|field| field.aliases()).collect();
        assert!(aliases.iter().all(|alias| fold(alias).iter().collect::<String>() == **alias));
        let distinct: std::collections::BTreeSet<_> = aliases.iter().collect();
        assert_eq!(distinct.len(), aliases.len());
    }
}
