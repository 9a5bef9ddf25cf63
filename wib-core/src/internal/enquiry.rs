//! Who asks to be shown the product.

use crate::{
    auth::Queued,
    engine::{NewMessage, Topic},
    kit::{Error, FieldFault, Id, Result, text, time::Timestamp},
    ports::mailer::Mail,
    wib::System,
};

/// Asks to be shown the product.
#[derive(Clone, Debug, Default)]
pub struct Enquire {
    /// Who, at most 200 characters.
    pub name: String,
    /// Where to answer.
    pub email: String,
    /// For whom, at most 200 characters.
    pub company: String,
    /// How many they are, at most 100 characters.
    pub team_size: Option<String>,
    /// What for, at most 500 characters.
    pub use_case: Option<String>,
    /// In their own words, at most 5000 characters.
    pub message: Option<String>,
}

/// Somebody who asked to be shown the product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enquiry {
    /// Its id.
    pub id: Id<Enquiry>,
    /// Who.
    pub name: String,
    /// Where to answer.
    pub email: String,
    /// For whom.
    pub company: String,
    /// How many they are.
    pub team_size: Option<String>,
    /// What for.
    pub use_case: Option<String>,
    /// In their own words.
    pub message: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

impl Enquiry {
    fn new(id: Id<Self>, at: Timestamp, command: Enquire) -> Result<Self> {
        let mut faults: Vec<FieldFault> = vec![];
        let mut take = |value: Result<Option<String>>| {
            value.unwrap_or_else(|error| {
                faults.extend_from_slice(error.fields());
                None
            })
        };
        let name = take(text::required("name", &command.name, 200).map(Some));
        let email = text::required("email", &command.email, 254).and_then(|email| text::email("email", Some(email)));
        let email = take(email);
        let company = take(text::required("company", &command.company, 200).map(Some));
        let team_size = take(text::optional("team_size", command.team_size, 100));
        let use_case = take(text::optional("use_case", command.use_case, 500));
        let message = take(text::optional("message", command.message, 5000));
        match (name, email, company) {
            (Some(name), Some(email), Some(company)) if faults.is_empty() => {
                Ok(Self { id, name, email, company, team_size, use_case, message, created_at: at })
            }
            _ => Err(Error::fields_invalid(faults)),
        }
    }
    fn lines(&self) -> Vec<(&'static str, &str)> {
        let mut lines = vec![("Name", &*self.name), ("Email", &*self.email), ("Company", &*self.company)];
        let more = [("Team size", &self.team_size), ("Use case", &self.use_case), ("Message", &self.message)];
        lines.extend(more.into_iter().filter_map(|(about, text)| Some((about, text.as_deref()?))));
        lines
    }
    /// The mail that tells of it. What strangers wrote is text there, never markup.
    fn mail(&self) -> Mail {
        let (mut plain, mut html) = (String::new(), String::from("<h1>A demonstration is asked for</h1><dl>"));
        for (about, text) in self.lines() {
            plain.push_str(&format!("{about}: {text}\n"));
            html.push_str(&format!("<dt>{about}</dt><dd>{}</dd>", escaped(text)));
        }
        html.push_str("</dl>");
        Mail {
            reply_to: self.email.parse().into_iter().collect(),
            subject: "A demonstration is asked for".to_owned(),
            text: Some(plain),
            html: Some(html),
            ..Mail::default()
        }
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("<br>"),
            c => out.push(c),
        }
    }
    out
}

impl System {
    /// Keeps that somebody asks to be shown the product, and mails whoever
    /// [`Settings::enquiries`](crate::Settings::enquiries) names.
    ///
    /// # Errors
    /// `Invalid` naming every wrong field.
    pub async fn enquire(&self, command: Enquire) -> Result<Enquiry> {
        let now = self.wib.now();
        let enquiry = Enquiry::new(self.wib.id(), now, command)?;
        let mut tx = self.tx().await?;
        tx.keep_enquiry(&enquiry).await?;
        if let Some(to) = &self.wib.settings.enquiries {
            let mail = Mail { to: vec![to.clone()], ..enquiry.mail() };
            let payload = serde_json::to_value(Queued { mail: Some(mail), user_id: None, reset_id: None })
                .map_err(|e| Error::internal("a mail cannot be written").because(e))?;
            let key = format!("enquiry:{}", enquiry.id);
            tx.enqueue(None, &NewMessage { topic: Topic::SendMail, key, payload, run_at: now }).await?;
        }
        tx.commit().await?;
        self.wib.wake();
        tracing::info!(enquiry = %enquiry.id, mailed = self.wib.settings.enquiries.is_some(), "a demonstration is asked for");
        Ok(enquiry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::OsRandom;

    #[test]
    fn what_strangers_write_is_no_markup() {
        let command = Enquire {
            name: "<b>Eve</b>".to_owned(),
            email: "Eve@Example.com".to_owned(),
            company: "\"><script>alert(1)</script>".to_owned(),
            message: Some("a & b\nc".to_owned()),
            ..Enquire::default()
        };
        let enquiry = Enquiry::new(Id::new(Timestamp::UNIX_EPOCH, &OsRandom), Timestamp::UNIX_EPOCH, command).unwrap();
        let html = enquiry.mail().html.unwrap();
        assert!(!html.contains("<b>") && !html.contains("<script") && !html.contains("\">"), "{html}");
        assert!(html.contains("&lt;b&gt;Eve&lt;/b&gt;") && html.contains("a &amp; b<br>c"), "{html}");
        assert_eq!(enquiry.mail().reply_to[0].to_string(), "eve@example.com");
    }

    #[test]
    fn every_wrong_field_is_named() {
        let command = Enquire { email: "x".to_owned(), message: Some("x".repeat(5001)), ..Enquire::default() };
        let id = Id::new(Timestamp::UNIX_EPOCH, &OsRandom);
        let wrong = Enquiry::new(id, Timestamp::UNIX_EPOCH, command).unwrap_err();
        let named: Vec<_> = wrong.fields().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(named, ["name", "email", "company", "message"]);
    }
}
