//! Finding whom something is about.

use super::{Account, AccountId, Person, PersonId};
use crate::{
    kit::{Error, OrNotFound, Phone, Result},
    store::{OrgTx, Repo},
};

/// The most numbers of a person that are looked through.
pub(crate) const NUMBERS: i64 = 200;

/// The account that is meant, and the number to call; the field of the number is named in errors. No account: the number
/// is nobody's that we know.
pub(crate) async fn whom(
    tx: &mut dyn OrgTx,
    account_id: Option<AccountId>,
    to: Option<&Phone>,
    field: &'static str,
) -> Result<(Option<Account>, Phone)> {
    match (account_id, to) {
        (Some(id), to) => {
            let account: Account = Repo::find(tx, id).await?.or_not_found("account")?;
            let phones = tx.phones(account.person_id.into(), NUMBERS).await?;
            let to = match to {
                Some(to) if phones.iter().any(|p| p.phone == *to) => to.clone(),
                Some(_) => return Err(Error::field(field, "is not a number of the account's person")),
                None => {
                    phones
                        .into_iter()
                        .next()
                        .ok_or_else(|| Error::field(field, "is required: the person has no number"))?
                        .phone
                }
            };
            Ok((Some(account), to))
        }
        (None, Some(to)) => {
            let mut accounts = tx.accounts_by_phone(to, 2).await?;
            if accounts.len() > 1 {
                return Err(Error::field("account_id", "is required: several open accounts have this number"));
            }
            Ok((accounts.pop(), to.clone()))
        }
        (None, None) => Err(Error::field(field, "is required when no account_id is given")),
    }
}

/// An account with its person.
pub(crate) async fn account_and_person(tx: &mut dyn OrgTx, id: AccountId) -> Result<(Account, Person)> {
    let account: Account = Repo::find(tx, id).await?.or_not_found("account")?;
    let person: Person = Repo::find(tx, account.person_id).await?.or_not_found("person")?;
    Ok((account, person))
}

/// Whom a record is about: the person, held until the end of the transaction, and the account as it is behind that lock.
/// Whoever judges a call to this person waits for what is written then, or is waited for.
pub(crate) async fn subject(
    tx: &mut dyn OrgTx,
    person_id: Option<PersonId>,
    account_id: Option<AccountId>,
) -> Result<(Person, Option<Account>)> {
    let account: Option<Account> = match account_id {
        Some(id) => Some(Repo::find(tx, id).await?.or_not_found("account")?),
        None => None,
    };
    let owner = account.as_ref().map(|a| a.person_id);
    if person_id.is_some() && owner.is_some() && person_id != owner {
        return Err(Error::field("account_id", "is not an account of the person"));
    }
    let id = person_id.or(owner).ok_or_else(|| Error::field("person_id", "is required when no account_id is given"))?;
    let person = tx.lock_person(id).await?.or_not_found("person")?;
    let account = match account_id {
        Some(id) => Some(Repo::find(tx, id).await?.or_not_found("account")?),
        None => None,
    };
    Ok((person, account))
}
