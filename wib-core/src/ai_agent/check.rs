//! What a model made is looked at before it is spoken: a machine never negotiates, and names no debt to whom it must not.
//!
//! It errs on the side of silence. Every number that is not among the facts is refused, written or said, whatever it counts;
//! so is every word that a term of payment is made of.

use std::collections::BTreeSet;

use crate::text_enum;

text_enum! {
    /// Why something must not be spoken.
    pub enum Refused {
        /// A number that is not among the facts.
        Amount = "amount",
        /// A day or a deadline that is not among the facts.
        Deadline = "deadline",
        /// A word of a term: a discount, a settlement, instalments.
        Terms = "terms",
        /// It names the debt, and must not.
        Debt = "debt",
        /// It is nothing that can be spoken.
        Unusable = "unusable",
    }
}
impl Refused {
    /// Whether a machine was about to negotiate.
    pub(super) const fn negotiates(self) -> bool {
        matches!(self, Self::Amount | Self::Deadline | Self::Terms)
    }
}

/// What may be said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Whether the debt may be named.
    pub(super) debt: bool,
    /// Numbers, in their shortest form.
    pub(super) numbers: BTreeSet<String>,
}
impl Allowed {
    /// The debt, and what is owed.
    pub(super) fn debt_of(balance: &str) -> Self {
        Self { debt: true, numbers: [shortest(balance)].into() }
    }
}

/// `$1,200.50` and `1200.5` are one number.
fn shortest(number: &str) -> String {
    let digits: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let digits = digits.trim_matches('.');
    let short = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    let short = short.trim_start_matches('0');
    if short.is_empty() { "0".to_owned() } else { short.to_owned() }
}

const NUMBERS: &[&str] = &[
    "zero",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fourty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "hundreds",
    "thousand",
    "thousands",
    "million",
    "grand",
    "dozen",
    "couple",
    "half",
    "third",
    "quarter",
    "double",
    "twice",
    "triple",
    "percent",
    "percentage",
    "dollar",
    "dollars",
    "buck",
    "bucks",
    "cent",
    "cents",
    "cero",
    "dos",
    "tres",
    "cuatro",
    "cinco",
    "seis",
    "siete",
    "ocho",
    "nueve",
    "diez",
    "once",
    "doce",
    "trece",
    "catorce",
    "quince",
    "dieciséis",
    "dieciseis",
    "diecisiete",
    "dieciocho",
    "diecinueve",
    "veinte",
    "veintiuno",
    "veintiún",
    "veintidós",
    "veintidos",
    "veintitrés",
    "veinticuatro",
    "veinticinco",
    "veintiséis",
    "veintisiete",
    "veintiocho",
    "veintinueve",
    "treinta",
    "cuarenta",
    "cincuenta",
    "sesenta",
    "setenta",
    "ochenta",
    "noventa",
    "cien",
    "ciento",
    "cientos",
    "doscientos",
    "doscientas",
    "trescientos",
    "cuatrocientos",
    "quinientos",
    "seiscientos",
    "setecientos",
    "ochocientos",
    "novecientos",
    "mil",
    "miles",
    "millón",
    "docena",
    "mitad",
    "tercio",
    "cuarto",
    "doble",
    "dólar",
    "dólares",
    "dolar",
    "dolares",
    "centavo",
    "centavos",
    "par",
];
/// Behind these, one is a number too.
const ONE: &[&str] = &["one", "un", "una", "uno", "a", "an"];
const COUNTED: &[&str] = &[
    "payment",
    "payments",
    "instalment",
    "installment",
    "month",
    "months",
    "week",
    "weeks",
    "day",
    "days",
    "year",
    "years",
    "pago",
    "pagos",
    "cuota",
    "cuotas",
    "mes",
    "meses",
    "semana",
    "semanas",
    "día",
    "días",
    "dia",
    "dias",
    "año",
    "años",
];
const DEADLINES: &[&str] = &[
    "deadline",
    "tomorrow",
    "tonight",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "month",
    "months",
    "week",
    "weeks",
    "weekend",
    "mañana",
    "lunes",
    "martes",
    "miércoles",
    "miercoles",
    "jueves",
    "viernes",
    "sábado",
    "sabado",
    "domingo",
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
    "plazo",
    "mes",
    "meses",
    "semana",
    "semanas",
    "vencimiento",
    "midnight",
    "noon",
];
/// Beginnings of words that terms are made of.
const TERMS: &[&str] = &[
    "discount",
    "settle",
    "waive",
    "waiv",
    "reduc",
    "lower",
    "forgiv",
    "negotiat",
    "instal",
    "extend",
    "extension",
    "offer",
    "deal",
    "bargain",
    "compromis",
    "rebate",
    "haggl",
    "interest-free",
    "downpayment",
    "arrangement",
    "descuent",
    "rebaj",
    "negoci",
    "liquidaci",
    "liquidar",
    "condon",
    "ofert",
    "ofrec",
    "quita",
    "prórroga",
    "prorroga",
    "cuota",
    "perdon",
    "reduj",
    "convenio",
    "moratoria",
];
/// Beginnings of words that name a debt.
const DEBTS: &[&str] = &[
    "debt",
    "owe",
    "owing",
    "balance",
    "collect",
    "creditor",
    "overdue",
    "delinquen",
    "arrear",
    "loan",
    "payment",
    "pay",
    "paid",
    "account",
    "invoice",
    "bill",
    "deud",
    "adeud",
    "debe",
    "saldo",
    "cobr",
    "acreedor",
    "moros",
    "préstamo",
    "prestamo",
    "pago",
    "pagar",
    "cuenta",
    "factura",
];
/// Most characters of what is said at once.
const LONGEST: usize = 1_200;

/// Whether a text may be spoken.
pub(super) fn check(text: &str, allowed: &Allowed) -> Result<(), Refused> {
    // As somebody hears it: hidden characters are not there, and look-alikes are what they look like.
    let seen: String = text.chars().filter_map(crate::ai::seen).collect();
    let trimmed = seen.trim();
    if trimmed.is_empty() || trimmed.chars().count() > LONGEST || trimmed.contains(['[', '<', '{']) {
        return Err(Refused::Unusable);
    }
    numbers(trimmed, allowed)?;
    let words = words(trimmed);
    let begins = |word: &str, with: &[&str]| with.iter().any(|start| word.starts_with(start));
    for (at, word) in words.iter().enumerate() {
        let word = word.as_str();
        let next = words.get(at + 1).map_or("", String::as_str);
        let counted = COUNTED.contains(&next) || NUMBERS.contains(&next);
        if NUMBERS.contains(&word) || (ONE.contains(&word) && counted) {
            // The amount itself is there as digits, and was looked at.
            let of_amount = matches!(word, "dollar" | "dollars" | "dólares" | "cents") && at > 0;
            let amount = of_amount.then(|| shortest(&words[at - 1]));
            if !amount.is_some_and(|number| allowed.numbers.contains(&number)) {
                return Err(Refused::Amount);
            }
        }
        if DEADLINES.contains(&word) {
            return Err(Refused::Deadline);
        }
        if begins(word, TERMS) {
            return Err(Refused::Terms);
        }
        if !allowed.debt && begins(word, DEBTS) {
            return Err(Refused::Debt);
        }
    }
    Ok(())
}

fn words(text: &str) -> Vec<String> {
    let split = text
        .split(|c: char| c.is_whitespace() || c == '-' || c == '–' || c == '—' || c == '/' || c == '\'' || c == '’');
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    split.map(bare).filter(|word| !word.is_empty()).collect()
}

/// Every run of digits, with the points and commas within it.
fn numbers(text: &str, allowed: &Allowed) -> Result<(), Refused> {
    let mut run = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_numeric() && !c.is_ascii_digit() {
            return Err(Refused::Amount);
        }
        if c.is_ascii_digit() || (!run.is_empty() && matches!(c, '.' | ',')) {
            run.push(c);
            continue;
        }
        if !run.is_empty() {
            let number = shortest(run.trim_end_matches(['.', ',']));
            // What hangs on a number makes another one of it: 10k, 5%, 20th.
            if c == '%' || c.is_alphabetic() || !allowed.numbers.contains(&number) {
                return Err(Refused::Amount);
            }
            run.clear();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owes() -> Allowed {
        Allowed::debt_of("120.50")
    }

    #[test]
    fn what_is_among_the_facts_may_be_said() {
        for text in ["Your balance is $120.50.", "It is 120.50 dollars.", "You owe $120.5, is that right?"] {
            assert_eq!(check(text, &owes()), Ok(()), "{text}");
        }
        for text in
            ["Hello, may I speak with Alma Reyes?", "One moment please.", "I see. Thank you for that.", "¿Es usted?"]
        {
            assert_eq!(check(text, &Allowed::default()), Ok(()), "{text}");
        }
    }

    #[test]
    fn terms_deadlines_and_debts_are_not() {
        use Refused as R;
        for (text, why) in [
            ("We can settle this.", R::Terms),
            ("I can offer you a discount.", R::Terms),
            ("Le ofrezco una rebaja.", R::Terms),
            ("Pay me by Friday.", R::Deadline),
            ("You have until the end of the month.", R::Deadline),
            ("Sixty dollars would do.", R::Amount),
            ("Pay in one payment.", R::Amount),
            ("Pay half of it.", R::Amount),
            ("Pay a hundred.", R::Amount),
            ("Twenty-five percent", R::Amount),
            ("ciento veinte dólares", R::Amount),
            ("$60", R::Amount),
            ("120.50k", R::Amount),
            ("120.50%", R::Amount),
            ("1\u{200b}20.50 and 6\u{200b}0", R::Amount),
            ("６０ is enough", R::Amount),
            ("٦٠ is enough", R::Amount),
            ("½ is enough", R::Amount),
            ("$120.50 or 121", R::Amount),
            ("1.20.50", R::Amount),
            ("", R::Unusable),
            ("Call [PHONE_1].", R::Unusable),
        ] {
            assert_eq!(check(text, &owes()), Err(why), "{text}");
        }
        for text in ["You owe us.", "It is about your account.", "Tiene una deuda.", "The balance", "Can you pay?"] {
            assert_eq!(check(text, &Allowed::default()), Err(R::Debt), "{text}");
        }
    }

    fn around() -> impl Strategy<Value = (String, String)> {
        let words = prop::collection::vec(
            prop::sample::select(vec!["well", "yes,", "it is", "so", "\u{200b}", "$", "¿"]),
            0..4,
        );
        (words.clone(), words).prop_map(|(a, b)| (a.join(" "), b.join(" ")))
    }

    proptest! {
        #[test]
        fn no_amount_that_is_not_among_the_facts_ever_passes(minor in 1u64..100_000_000, (before, behind) in around(), shape in 0u8..6) {
            prop_assume!(minor != 12_050);
            let (whole, cents) = (minor / 100, minor % 100);
            let amount = match shape {
                0 => format!("${whole}.{cents:02}"),
                1 => format!("{whole}.{cents:02} dollars"),
                2 => format!("{whole},{cents:02}"),
                3 => format!("US${whole}.{cents:02}!"),
                4 => format!("{whole}.{cents:02}\u{200d}"),
                _ => format!("({whole}.{cents:02})"),
            };
            // A comma may stand for thousands: what it makes is another number still, or this very one.
            prop_assume!(shortest(&amount) != "120.5");
            for allowed in [owes(), Allowed::default()] {
                prop_assert!(check(&format!("{before} {amount} {behind}"), &allowed).is_err(), "{}", amount);
            }
        }
    }
}
