//! Files of creditors.

use jiff::civil::date;
use proptest::prelude::*;
use wib_core::{
    imports::{AccountStatus, Field, Imported, Limits, Severity, read_accounts},
    kit::{Error, Kind, Money},
};

fn read(csv: &str) -> Result<Imported, Error> {
    read_accounts(csv.as_bytes(), Limits::default())
}

/// A file of one row with the three required columns and one more.
fn with(heading: &str, cell: &str) -> Imported {
    read(&format!("name,balance_due,primary_phone,{heading}\nAda,10,3125550100,{cell}\n"))
        .expect("the required columns are there")
}

#[test]
fn a_messy_file_is_understood() {
    let file = "\u{feff}\n\
        Debtor Nm;Amt Due ($);Cell #;Cell #;Acct #;Street Addr;Stat;PTP Date;E-Mail;Rep\n\
        ;;;;;;;;;\n\
        \"Smith; John\";$1,250.50;(312) 555-0100;312.555.0101;A-1;12 Main St;past due;6/5/2026;John@Mail.Example;Kim\n\
        \n\
        Doe Jane;(45.00);3125550102;;=1+2;;Closed;;;\n\
        Roe Rita;99;312 555 0103 x12;n/a;@x;;Contested;5-Oct-2026;not a mail\n\
        ;12.345;123;;;;;2026-13-01;;\n";
    let file = read(file).unwrap();
    let mapped: Vec<_> = file.mapping.iter().map(|c| (c.header.as_str(), c.field, c.confidence)).collect();
    assert_eq!(
        mapped,
        [
            ("Debtor Nm", Some(Field::Name), 80),
            ("Amt Due ($)", Some(Field::BalanceDue), 95),
            ("Cell #", Some(Field::PrimaryPhone), 95),
            ("Cell #", None, 0),
            ("Acct #", Some(Field::ExternalId), 95),
            ("Street Addr", Some(Field::Address), 76),
            ("Stat", Some(Field::Status), 80),
            ("PTP Date", Some(Field::PromiseDate), 95),
            ("E-Mail", Some(Field::Email), 100),
            ("Rep", None, 0),
        ]
    );
    let [john, rita] = file.accounts.as_slice() else { panic!("{:?}", file.faults) };
    assert_eq!((john.row, john.name.as_str(), john.balance), (4, "Smith; John", Money::usd(125_050)));
    assert_eq!((john.primary_phone.as_str(), john.status), ("+13125550100", AccountStatus::Active));
    assert_eq!((john.promise_date, john.email.as_deref()), (Some(date(2026, 6, 5)), Some("john@mail.example")));
    assert_eq!((rita.row, rita.status, rita.external_id.as_deref()), (7, AccountStatus::Disputed, Some("@x")));
    assert_eq!((rita.primary_phone.as_str(), rita.promise_date), ("+13125550103", Some(date(2026, 10, 5))));
    let faults: Vec<_> = file.faults.iter().map(|f| (f.row, f.field, f.severity, f.message)).collect();
    assert_eq!(
        faults,
        [
            (6, Field::BalanceDue, Severity::Error, "is negative"),
            (7, Field::Email, Severity::Warning, "is not a mail address and was left out"),
            (8, Field::BalanceDue, Severity::Error, "is not an amount"),
            (8, Field::PrimaryPhone, Severity::Error, "is not a phone number"),
            (8, Field::PromiseDate, Severity::Warning, "is not a date and was left out"),
            (8, Field::Name, Severity::Error, "is missing"),
        ]
    );
    let sum = &file.summary;
    assert_eq!((sum.total, sum.valid, sum.invalid, sum.with_warnings), (4, 2, 2, 2));
    assert_eq!((sum.errors_by_field[&Field::BalanceDue], sum.top.len()), (2, 4));
}

#[test]
fn every_delimiter_and_both_encodings_are_read() {
    for delimiter in [',', ';', '\t', '|'] {
        let csv = "name~balance~phone\r\nZoë~1~3125550100\r\n".replace('~', &delimiter.to_string());
        assert_eq!(read(&csv).unwrap().accounts[0].name, "Zoë", "{delimiter:?}");
    }
    let windows = read_accounts(b"name,balance,phone\nZo\xeb \x93Z\x94 \x80,\x801,3125550100\n", Limits::default());
    let windows = windows.unwrap();
    assert_eq!((windows.accounts[0].name.as_str(), windows.accounts[0].balance), ("Zoë “Z” €", Money::usd(100)));
}

#[test]
fn the_exact_name_wins_over_the_alias_and_the_alias_over_likeness() {
    let file =
        read("Phone No,Primary Phone,Customer,Nme,Balanc Due,Work Phone\nx,3125550100,Ada,y,5,3125550101\n").unwrap();
    let fields: Vec<_> = file.mapping.iter().map(|c| (c.field, c.confidence)).collect();
    assert_eq!(fields[1], (Some(Field::PrimaryPhone), 100));
    assert_eq!(fields[2], (Some(Field::Name), 95));
    assert_eq!(fields[4], (Some(Field::BalanceDue), 90));
    assert_eq!(fields[5], (Some(Field::SecondaryPhone), 95));
    assert_eq!(fields[3].0, None);
}

#[test]
fn a_missing_required_column_is_named() {
    let error = read("name,email\nAda,a@b.co\n").unwrap_err();
    let fields: Vec<_> = error.fields().iter().map(|f| f.field.as_str()).collect();
    assert_eq!((error.kind(), fields), (Kind::Invalid, vec!["balance_due", "primary_phone"]));
    assert_eq!(read(" \n;;\n").unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn limits_hold() {
    let csv = b"name,balance,phone\nA,1,3125550100\nB,1,3125550100\n";
    let limited = |rows, bytes| read_accounts(csv, Limits { rows, bytes }).map(|file| file.summary.total);
    assert_eq!(limited(2, csv.len()).unwrap(), 2);
    assert_eq!(limited(1, csv.len()).unwrap_err().kind(), Kind::TooLarge);
    assert_eq!(limited(2, csv.len() - 1).unwrap_err().kind(), Kind::TooLarge);
    assert_eq!(read(&"name,".repeat(501)).unwrap_err().kind(), Kind::TooLarge);
}

#[test]
fn amounts_are_exact_and_bounded() {
    let promised = |cell: &str| {
        let file = with("promise_amount", &format!("\"{cell}\""));
        file.accounts.first().and_then(|a| a.promise_amount).ok_or_else(|| file.faults[0].message)
    };
    assert_eq!(promised("$ 1,234.50"), Ok(Money::usd(123_450)));
    assert_eq!(promised("99,999,999.99"), Ok(Money::usd(9_999_999_999)));
    assert_eq!(promised("100000000"), Err("is more than 99,999,999.99"));
    for cell in ["(5)", "$(5.00)", "-5", "5-", "−5"] {
        assert_eq!(promised(cell), Err("is negative"), "{cell}");
    }
    assert_eq!(promised("1.234,56"), Err("is not an amount"));
    assert_eq!(promised("(0.00)"), Ok(Money::usd(0)));
}

#[test]
fn dates_are_read_in_three_forms() {
    let promised = |cell: &str| with("PTP", cell).accounts[0].promise_date;
    for cell in ["2026-06-05", "2026-06-05T00:00:00Z", "6/5/2026", "06/05/2026 10:00", "5-Jun-2026", "05-JUNE-2026"] {
        assert_eq!(promised(cell), Some(date(2026, 6, 5)), "{cell}");
    }
    for cell in ["2026-02-30", "13/5/2026", "5-Foo-2026", "soon", "6/5/26"] {
        assert_eq!(promised(cell), None, "{cell}");
    }
}

#[test]
fn status_words_fold_and_unknown_ones_are_active() {
    for (word, status) in [
        ("Past-Due", AccountStatus::Active),
        ("PAID", AccountStatus::Paid),
        ("part payment", AccountStatus::Partial),
        ("challenged", AccountStatus::Disputed),
        ("Hold", AccountStatus::Archived),
        ("whatever", AccountStatus::Active),
        ("", AccountStatus::Active),
    ] {
        assert_eq!(with("status", word).accounts[0].status, status, "{word}");
    }
}

#[test]
fn what_is_too_long_is_cut_with_a_warning() {
    let file = with("notes", &"é".repeat(5001));
    assert_eq!(file.accounts[0].notes.as_ref().map(|n| n.chars().count()), Some(5000));
    assert_eq!((file.faults[0].field, file.summary.with_warnings), (Field::Notes, 1));
}

#[test]
fn debug_leaves_the_person_out() {
    let shown = format!("{:?}", with("email", "ada@example.com"));
    assert!(!shown.contains("Ada") && !shown.contains("555") && !shown.contains("ada@"), "{shown}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read_accounts(&bytes, Limits::default());
    }

    #[test]
    fn any_rows_add_up(rows in prop::collection::vec("[ -~\n\"',;é]{0,40}", 0..20)) {
        let file = read(&format!("name,balance,phone\n{}", rows.join("\n"))).unwrap();
        prop_assert_eq!(file.summary.valid + file.summary.invalid, file.summary.total);
        prop_assert_eq!(file.accounts.len(), file.summary.valid);
        prop_assert!(file.faults.is_sorted_by_key(|fault| fault.row));
    }
}
