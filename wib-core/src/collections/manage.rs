use super::{Account, LocationSource, Person, PersonId, PersonLocation, PersonPhone, Suppression};
use crate::{
    compliance::zones::state_in_address,
    imports::{Imported, ImportedAccount, read_accounts},
    kit::{Error, OrNotFound, Phone, Result, Role},
    store::{OrgTx, Repo},
    wib::Org,
};

/// What an import made.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// The accounts, in the file's order, with the number to call first.
    pub accounts: Vec<(Account, Phone)>,
    /// Accounts that were known and brought up to date; they are among `accounts`.
    pub updated: i64,
    /// What was read, row by row, with its faults.
    pub file: Imported,
}

impl Org {
    /// Reads a creditor's CSV as it comes and makes persons, numbers, places and accounts of it. A known account number
    /// is brought up to date instead of made again. All or nothing: a fault in a row leaves out that row only, a fault of
    /// the database everything.
    ///
    /// # Errors
    /// `Invalid` when the file has no usable columns; `Forbidden` below manager.
    pub async fn import_accounts(&self, csv: &[u8]) -> Result<ImportReport> {
        self.at_least(Role::Manager)?;
        let mut file = read_accounts(csv, crate::imports::Limits::default())?;
        let mut tx = self.tx().await?;
        let mut report = (Vec::new(), 0);
        for row in std::mem::take(&mut file.accounts) {
            let phone = row.primary_phone.clone();
            let (account, known) = self.put_account(&mut *tx, row).await?;
            report.1 += i64::from(known);
            report.0.push((account, phone));
        }
        let mut line = self.audit("collection:csv_imported", ("account", None));
        line.metadata =
            serde_json::json!({"accounts": report.0.len(), "updated": report.1, "faults": file.faults.len()});
        tx.insert(&line).await?;
        tx.commit().await?;
        Ok(ImportReport { accounts: report.0, updated: report.1, file })
    }

    async fn put_account(&self, tx: &mut dyn OrgTx, row: ImportedAccount) -> Result<(Account, bool)> {
        let now = self.wib.now();
        if let Some(external) = &row.external_id
            && let Some(mut account) = tx.account_by_external_id(external).await?
        {
            account.balance_minor = row.balance.minor;
            account.currency = row.balance.currency;
            account.status = row.status;
            tx.update(&account).await?;
            self.learn(tx, account.person_id, &row).await?;
            return Ok((account, true));
        }
        let person = Person {
            id: self.wib.id(),
            name: row.name.clone(),
            email: row.email.clone(),
            do_not_call: false,
            created_at: now,
        };
        tx.insert(&person).await?;
        let account = Account {
            id: self.wib.id(),
            person_id: person.id,
            external_id: row.external_id.clone(),
            balance_minor: row.balance.minor,
            currency: row.balance.currency,
            status: row.status,
            ceased_at: None,
            notes: row.notes.clone(),
            created_at: now,
        };
        tx.insert(&account).await?;
        self.learn(tx, person.id, &row).await?;
        Ok((account, false))
    }

    /// Adds numbers and places of a row that the person does not have yet.
    async fn learn(&self, tx: &mut dyn OrgTx, person_id: PersonId, row: &ImportedAccount) -> Result<()> {
        let now = self.wib.now();
        let known = tx.phones(person_id).await?;
        for phone in std::iter::once(&row.primary_phone).chain(&row.secondary_phone) {
            if !known.iter().any(|p| p.phone == *phone) {
                let row = PersonPhone { id: self.wib.id(), person_id, phone: phone.clone(), created_at: now };
                tx.insert(&row).await?;
            }
        }
        let Some(text) = &row.address else { return Ok(()) };
        let state = state_in_address(text).map(ToOwned::to_owned);
        if !tx.locations(person_id).await?.iter().any(|l| l.text.as_ref() == Some(text)) {
            let source = LocationSource::Address;
            let place = PersonLocation {
                id: self.wib.id(),
                person_id,
                source,
                state,
                zone: None,
                text: Some(text.clone()),
                created_at: now,
            };
            tx.insert(&place).await?;
        }
        Ok(())
    }

    /// Keeps that a person named a time zone (`America/Chicago`): a place where the person may be.
    ///
    /// # Errors
    /// `Invalid` when there is no such zone; `NotFound` for the person.
    pub async fn state_zone(&self, person_id: PersonId, zone: &str) -> Result<PersonLocation> {
        self.at_least(Role::Agent)?;
        jiff::tz::TimeZone::get(zone).map_err(|_| Error::field("zone", "is not a time zone of the IANA database"))?;
        let mut tx = self.tx().await?;
        Repo::<Person>::find(&mut *tx, person_id).await?.or_not_found("person")?;
        let place = PersonLocation {
            id: self.wib.id(),
            person_id,
            source: LocationSource::Statement,
            state: None,
            zone: Some(zone.to_owned()),
            text: None,
            created_at: self.wib.now(),
        };
        tx.insert(&place).await?;
        tx.insert(&self.audit("collection:account_updated", ("person", Some(person_id.uuid())))).await?;
        tx.commit().await?;
        Ok(place)
    }

    /// Puts a number on the do-not-call list; it counts from the next verdict on. A number that is on it stays as it is.
    ///
    /// # Errors
    /// `Forbidden` below agent.
    pub async fn suppress(&self, phone: &Phone, source: &str) -> Result<Suppression> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        if let Some(known) = tx.suppression(phone).await? {
            return Ok(known);
        }
        let row = Suppression {
            id: self.wib.id(),
            phone: phone.clone(),
            source: source.to_owned(),
            created_at: self.wib.now(),
        };
        tx.insert(&row).await?;
        let mut line = self.audit("dnc:created", ("suppression", Some(row.id.uuid())));
        line.metadata = serde_json::json!({"number": phone.masked(), "source": source});
        tx.insert(&line).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Takes a number off the do-not-call list; whether it was on it.
    ///
    /// # Errors
    /// `Forbidden` below manager.
    pub async fn unsuppress(&self, phone: &Phone) -> Result<bool> {
        self.at_least(Role::Manager)?;
        let mut tx = self.tx().await?;
        let listed = tx.unsuppress(phone).await?;
        if listed {
            let mut line = self.audit("dnc:deleted", ("suppression", None));
            line.metadata = serde_json::json!({"number": phone.masked()});
            tx.insert(&line).await?;
            tx.commit().await?;
        }
        Ok(listed)
    }

    /// Keeps that a person wants no more communication about a debt (12 CFR 1006.6(c)). Cannot be taken back here.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below agent.
    pub async fn cease(&self, id: super::AccountId) -> Result<Account> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let mut account: Account = tx.find(id).await?.or_not_found("account")?;
        // Whoever judges a call to this person waits for this, or is waited for.
        tx.lock_person(account.person_id).await?;
        if account.ceased_at.is_none() {
            account.ceased_at = Some(self.wib.now());
            tx.update(&account).await?;
            tx.insert(&self.audit("collection:account_updated", ("account", Some(id.uuid())))).await?;
            tx.commit().await?;
        }
        Ok(account)
    }
}
