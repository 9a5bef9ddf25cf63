use serde::Serialize;
use serde_json::json;

use super::{Account, NUMBERS};
use crate::{
    compliance::{Medium, Place, Technology},
    contacts::{Contact, ContactKind, ContactSource},
    imports::{Rows, decode},
    kit::{Error, OrNotFound, Phone, Result, Role, time, time::Timestamp},
    ports::voice::Direction,
    store::{OrgTx, Repo},
    wib::Org,
};

/// What an import of history made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryReport {
    /// Rows of the ledgers that were added.
    pub added: u64,
    /// Rows that were known.
    pub known: u64,
    /// Lines that were left out, each with the reason; at most a hundred are told.
    pub faults: Vec<(usize, String)>,
    /// How many were left out.
    pub left_out: u64,
}

/// The most bytes of a file.
const BYTES: usize = 32 << 20;
/// The most rows of a file.
const ROWS: usize = 200_000;
/// Rows of a transaction: each holds its person until the end.
const CHUNK: usize = 100;
/// Faults that are told.
const FAULTS: usize = 100;

struct Line {
    phone: Phone,
    account: Option<String>,
    at: Timestamp,
    kind: ContactKind,
    counts: bool,
    direction: Direction,
}

/// Columns by their headings.
struct Columns {
    phone: usize,
    at: usize,
    account: Option<usize>,
    kind: Option<usize>,
    connected: Option<usize>,
    direction: Option<usize>,
}
impl Columns {
    fn of(heading: &[String]) -> Result<Self> {
        let find = |name: &str| heading.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
        let must = |name: &'static str| find(name).ok_or_else(|| Error::field(name, "no column of the file holds it"));
        let (account, kind) = (find("account"), find("kind"));
        let (connected, direction) = (find("connected"), find("direction"));
        Ok(Self { phone: must("phone")?, at: must("at")?, account, kind, connected, direction })
    }
    fn read(&self, cells: &[String]) -> Result<Line> {
        let cell = |i: Option<usize>| i.and_then(|i| cells.get(i)).map(|c| c.trim()).filter(|c| !c.is_empty());
        let phone = cell(Some(self.phone)).unwrap_or_default().parse()?;
        let at = cell(Some(self.at)).unwrap_or_default();
        let at = at
            .parse::<Timestamp>()
            .map_err(|_| Error::invalid("at: is not an instant such as 2026-06-01T17:00:00Z"))?;
        let kind = cell(self.kind).map_or(Ok(ContactKind::Attempt), |k| k.to_lowercase().parse())?;
        let direction = cell(self.direction).map_or(Ok(Direction::Outbound), |d| d.to_lowercase().parse())?;
        let connected = match cell(self.connected).map(str::to_lowercase).as_deref() {
            // In doubt it counts.
            None | Some("yes" | "y" | "true" | "1") => true,
            Some("no" | "n" | "false" | "0") => false,
            Some(_) => return Err(Error::invalid("connected: is neither yes nor no")),
        };
        let counts = connected || kind == ContactKind::Conversation;
        let account = cell(self.account).map(ToOwned::to_owned);
        Ok(Line { phone, account, at: time::microseconds(at), kind, counts, direction })
    }
}

impl Org {
    /// Takes prior attempts and conversations of another dialler into the ledgers, so that they count from the first call
    /// on. Columns by heading: `phone` and `at` (an instant), and `account` (the creditor's number), `kind` (`attempt`,
    /// `conversation`), `connected` (`no` for busy or out of service: such an attempt does not count), `direction`. A row
    /// that is known stays one, so that a file may be taken again. Whoever has no history holds a week by taking a
    /// conversation of today for each account.
    ///
    /// # Errors
    /// `Invalid` without a heading of the two; `TooLarge`; `Forbidden` below manager.
    pub async fn import_history(&self, csv: &[u8]) -> Result<HistoryReport> {
        self.at_least(Role::Manager)?;
        if csv.len() > BYTES {
            return Err(Error::too_large(format!("the file has more than {BYTES} bytes")));
        }
        let content = decode(csv);
        let mut rows = Rows::of(&content);
        let (_, heading) = rows.next().ok_or_else(|| Error::invalid("the file has no heading"))?;
        let columns = Columns::of(&heading)?;
        let mut report = HistoryReport::default();
        let mut rows = rows.take(ROWS + 1).enumerate().peekable();
        while rows.peek().is_some() {
            let mut tx = self.tx().await?;
            for (n, (line, cells)) in rows.by_ref().take(CHUNK) {
                if n == ROWS {
                    return Err(Error::too_large(format!("the file has more than {ROWS} rows")));
                }
                let taken = match columns.read(&cells) {
                    Ok(read) => self.take_history(&mut *tx, read).await?,
                    Err(fault) => Err(fault.message().to_owned()),
                };
                match taken {
                    Ok(true) => report.added += 1,
                    Ok(false) => report.known += 1,
                    Err(why) => {
                        report.left_out += 1;
                        if report.faults.len() < FAULTS {
                            report.faults.push((line, why));
                        }
                    }
                }
            }
            if rows.peek().is_none() {
                let told = json!({"added": report.added, "known": report.known, "left_out": report.left_out});
                self.audit("collection:history_imported", ("contact", None)).is(&told).write(&mut *tx).await;
            }
            tx.commit().await?;
        }
        Ok(report)
    }

    /// Whether the row was new, or why it is left out.
    async fn take_history(&self, tx: &mut dyn OrgTx, line: Line) -> Result<Result<bool, String>> {
        if line.at > self.wib.now() {
            return Ok(Err("at: lies in the future".to_owned()));
        }
        let found = match &line.account {
            Some(external) => tx.account_by_external_id(external).await?.into_iter().collect(),
            None => tx.accounts_by_phone(&line.phone, 2).await?,
        };
        let [account] = found.as_slice() else {
            return Ok(Err("is about no account, or about several".to_owned()));
        };
        tx.lock_person(account.person_id).await?;
        let mut account: Account = Repo::find(tx, account.id).await?.or_not_found("account")?;
        let phones = tx.phones(account.person_id.into(), NUMBERS).await?;
        let place = phones.iter().find(|p| p.phone == line.phone).map_or(Place::Unknown, |p| p.place);
        if line.kind == ContactKind::Conversation && account.first_communication_at.is_none_or(|first| first > line.at)
        {
            account.first_communication_at = Some(line.at);
            tx.update(&account).await?;
        }
        let contact = Contact {
            id: self.wib.id(),
            person_id: account.person_id,
            account_id: account.id,
            call_id: None,
            kind: line.kind,
            direction: line.direction,
            at: line.at,
            counts: line.counts,
            medium: Medium::Call,
            technology: Technology::Unknown,
            phone: Some(line.phone),
            place,
            source: ContactSource::Import,
        };
        Ok(Ok(tx.note_contact(&contact).await?))
    }
}
