use super::{Account, LocationSource, NUMBERS, Person, PersonId, PersonLocation, PersonPhone};
use crate::{
    circumstances::Circumstance,
    compliance::{CircumstanceKind, Holder, Line, Place, zones::state_in_address},
    consent::Source,
    imports::{AccountStatus, Imported, ImportedAccount, read_accounts},
    kit::{Error, OrNotFound, Phone, Result, Role},
    privacy,
    store::{OrgTx, Repo},
    wib::Org,
};

/// The most disputes of an account that are looked through.
const DISPUTES: i64 = 200;

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
        let told = serde_json::json!({"accounts": report.0.len(), "updated": report.1, "faults": file.faults.len()});
        self.audit("collection:csv_imported", ("account", None)).with(told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(ImportReport { accounts: report.0, updated: report.1, file })
    }

    async fn put_account(&self, tx: &mut dyn OrgTx, row: ImportedAccount) -> Result<(Account, bool)> {
        let now = self.wib.now();
        if let Some(external) = &row.external_id
            && let Some(known) = tx.account_by_external_id(external).await?
        {
            // Who changes an account holds its person.
            tx.lock_person(known.person_id).await?;
            let mut account: Account = tx.find(known.id).await?.or_not_found("account")?;
            account.balance_minor = row.balance.minor;
            account.currency = row.balance.currency;
            // An open dispute outlasts what the file says.
            let open = tx.disputes(account.id, DISPUTES).await?.iter().any(|d| d.answered_at.is_none());
            account.status = if open { AccountStatus::Disputed } else { row.status };
            account.debt_key = row.debt_key.clone().or(account.debt_key);
            if account != known {
                tx.update(&account).await?;
                let line = self.audit("collection:account_updated", ("account", Some(account.id.uuid())));
                line.changed(&known, &account).write(tx).await;
            }
            self.learn(tx, &account, &row).await?;
            return Ok((account, true));
        }
        let person = match self.debtor(tx, &row).await? {
            Some(person) => person,
            None => {
                let person = Person {
                    id: self.wib.id(),
                    name: row.name.clone(),
                    email: row.email.clone(),
                    do_not_call: false,
                    language: None,
                    created_at: now,
                };
                tx.insert(&person).await?;
                person
            }
        };
        let account = Account {
            id: self.wib.id(),
            person_id: person.id,
            external_id: row.external_id.clone(),
            balance_minor: row.balance.minor,
            currency: row.balance.currency,
            status: row.status,
            debt_key: row.debt_key.clone(),
            first_communication_at: None,
            notes: row.notes.clone(),
            created_at: now,
        };
        tx.insert(&account).await?;
        self.learn(tx, &account, &row).await?;
        Ok((account, false))
    }

    /// Who owes a debt of that key, by the same name: its accounts are counted together only when they are one person's.
    async fn debtor(&self, tx: &mut dyn OrgTx, row: &ImportedAccount) -> Result<Option<Person>> {
        let Some(key) = &row.debt_key else { return Ok(None) };
        let Some(account) = tx.account_by_debt_key(key).await? else { return Ok(None) };
        let person: Option<Person> = tx.find(account.person_id).await?;
        Ok(person.filter(|p| p.name.trim().eq_ignore_ascii_case(row.name.trim())))
    }

    /// Adds numbers, places and circumstances of a row that the person does not have yet.
    async fn learn(&self, tx: &mut dyn OrgTx, account: &Account, row: &ImportedAccount) -> Result<()> {
        if privacy::erased(tx, account.person_id).await? {
            return Ok(());
        }
        let (now, person_id, account_id) = (self.wib.now(), account.person_id, account.id);
        let known = tx.phones(person_id.into(), NUMBERS).await?;
        for phone in std::iter::once(&row.primary_phone).chain(&row.secondary_phone) {
            if !known.iter().any(|p| p.phone == *phone) {
                let row = PersonPhone {
                    id: self.wib.id(),
                    person_id,
                    phone: phone.clone(),
                    holder: Holder::Consumer,
                    line: Line::Unknown,
                    place: Place::Unknown,
                    created_at: now,
                };
                tx.insert(&row).await?;
            }
        }
        let known = tx.locations(person_id.into(), NUMBERS).await?;
        let place = |source, state, zone, text| PersonLocation {
            id: self.wib.id(),
            person_id,
            source,
            state,
            zone,
            text,
            created_at: now,
        };
        if let Some(text) = &row.address
            && !known.iter().any(|l| l.text.as_ref() == Some(text))
        {
            let state = state_in_address(text).map(ToOwned::to_owned).or_else(|| row.state.clone());
            tx.insert(&place(LocationSource::Address, state, None, Some(text.clone()))).await?;
        } else if row.address.is_none() && row.state.is_some() && !known.iter().any(|l| l.state == row.state) {
            tx.insert(&place(LocationSource::Address, row.state.clone(), None, None)).await?;
        }
        if row.zone.is_some() && !known.iter().any(|l| l.zone == row.zone) {
            tx.insert(&place(LocationSource::Statement, None, row.zone.clone(), None)).await?;
        }
        for (kind, holds) in [(CircumstanceKind::Cease, row.ceased), (CircumstanceKind::Attorney, row.attorney)] {
            let known = tx.circumstances(person_id, NUMBERS).await?;
            let same = |c: &Circumstance| {
                c.kind == kind && c.ended_at.is_none() && c.account_id.is_none_or(|id| id == account_id)
            };
            if holds && !known.iter().any(same) {
                let circumstance = Circumstance {
                    id: self.wib.id(),
                    person_id,
                    account_id: Some(account_id),
                    phone: None,
                    kind,
                    since: now,
                    source: Source::Import,
                    note: None,
                    ended_at: None,
                    recorded_by: self.actor().user(),
                    created_at: now,
                };
                tx.insert(&circumstance).await?;
                let about = ("circumstance", Some(circumstance.id.uuid()));
                let new = Some(serde_json::json!(circumstance));
                self.audit_change("compliance:circumstance_recorded", about, None, new).write(&mut *tx).await;
            }
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
        let line = self.audit("collection:account_updated", ("person", Some(person_id.uuid())));
        line.is(&place).write(&mut *tx).await;
        tx.commit().await?;
        Ok(place)
    }
}
