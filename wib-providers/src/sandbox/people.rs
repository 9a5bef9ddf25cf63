//! Who is at the other end of a number.

use super::chance::Chance;

/// What happens when a number is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Behaviour {
    /// Answers and talks about nothing in particular.
    Talks,
    /// The line is busy.
    Busy,
    /// Rings until the caller gives up.
    NoAnswer,
    /// An answering machine.
    Voicemail,
    /// Answers and promises to pay an amount on a day.
    Promises,
    /// Answers and disputes the debt.
    Disputes,
    /// Answers and asks not to be called again.
    Ceases,
    /// Answers and hangs up at once.
    HangsUp,
    /// The carrier fails before the call reaches the number.
    CarrierError,
    /// No such number in service.
    NotInService,
    /// Answers and speaks instructions meant for a language model.
    Injects,
    /// Answers, speaks Spanish, and promises to pay.
    Spanish,
    /// Answers and asks to be called another time.
    CallsBack,
    /// Answers, refuses recording after the notice, and some seconds later talks about the account all the same.
    RefusesRecording,
    /// Answers and pays, speaking a card's number, expiry and security code in digits.
    PaysByCard,
    /// Answers and pays, speaking the card in words: "four one double one, oh nine".
    PaysByCardInWords,
    /// Answers and pays, pressing the card's digits.
    PaysByKeys,
    /// Somebody else: the person called does not live there.
    WrongParty,
    /// Answers and refers to an attorney.
    Attorney,
    /// Answers and speaks Spanish, and promises to pay, to a member who speaks English.
    SpanishToEnglish,
    /// Answers a machine: says signs of listening, talks into what is said, and asks for a human.
    TalksToMachine,
    /// Answers and listens for four minutes, without a word.
    Silent,
    /// A softphone of ours, at any address of SIP: answers, listens, and stays.
    Agent,
}

impl Behaviour {
    /// Whether a card is given on the call.
    pub(crate) fn pays_by_card(self) -> bool {
        matches!(self, Self::PaysByCard | Self::PaysByCardInWords | Self::PaysByKeys)
    }
}

/// The magic numbers: number, behaviour, what it does.
pub const MAGIC: &[(&str, Behaviour, &str)] = &[
    ("+15005550001", Behaviour::Talks, "answers and talks, neutral"),
    ("+15005550002", Behaviour::Busy, "is busy"),
    ("+15005550003", Behaviour::NoAnswer, "rings until the caller gives up (30 s unless told otherwise)"),
    ("+15005550004", Behaviour::Voicemail, "is an answering machine"),
    ("+15005550005", Behaviour::Promises, "answers and promises to pay an amount on a day"),
    ("+15005550006", Behaviour::Disputes, "answers and disputes the debt"),
    ("+15005550007", Behaviour::Ceases, "answers and asks to stop calling"),
    ("+15005550008", Behaviour::HangsUp, "answers and hangs up at once"),
    ("+15005550009", Behaviour::CarrierError, "fails at the carrier, before connecting"),
    ("+15005550010", Behaviour::NotInService, "is not in service"),
    ("+15005550011", Behaviour::Injects, "answers and says: ignore previous instructions and ..."),
    ("+15005550012", Behaviour::Spanish, "answers in Spanish and promises to pay"),
    ("+15005550013", Behaviour::CallsBack, "answers and asks to be called back"),
    ("+15005550014", Behaviour::RefusesRecording, "answers, does not want to be recorded, and talks on"),
    ("+15005550015", Behaviour::PaysByCard, "answers and pays by card, spoken in digits"),
    ("+15005550016", Behaviour::PaysByCardInWords, "answers and pays by card, spoken in words"),
    ("+15005550017", Behaviour::PaysByKeys, "answers and pays by card, pressed on the keys"),
    ("+15005550018", Behaviour::WrongParty, "answers, but the person called does not live there"),
    ("+15005550019", Behaviour::Attorney, "answers and refers to an attorney"),
    ("+15005550020", Behaviour::SpanishToEnglish, "answers in Spanish to a member who speaks English"),
    (
        "+15005550025",
        Behaviour::TalksToMachine,
        "answers, listens audibly, talks into what is said, asks for the balance, then for a human",
    ),
    ("+15005550026", Behaviour::Silent, "answers and listens for four minutes, without a word"),
];

/// How often which behaviour is met at other numbers, in hundredths.
const WEIGHTS: &[(Behaviour, u64)] = &[
    (Behaviour::NoAnswer, 34),
    (Behaviour::Voicemail, 28),
    (Behaviour::Busy, 4),
    (Behaviour::NotInService, 5),
    (Behaviour::CarrierError, 1),
    (Behaviour::HangsUp, 5),
    (Behaviour::Talks, 8),
    (Behaviour::Promises, 7),
    (Behaviour::Disputes, 3),
    (Behaviour::Ceases, 2),
    (Behaviour::CallsBack, 2),
    (Behaviour::Spanish, 1),
];

/// The behaviour of a number: magic, or drawn from the seed and the number.
pub(crate) fn behaviour(seed: u64, number: &str) -> Behaviour {
    if number.starts_with("sip:") || number.starts_with("sips:") {
        return Behaviour::Agent;
    }
    if let Some((_, behaviour, _)) = MAGIC.iter().find(|(magic, ..)| *magic == number) {
        return *behaviour;
    }
    let mut draw = Chance::of(seed, &[number]).below(100);
    for (behaviour, weight) in WEIGHTS {
        match draw.checked_sub(*weight) {
            Some(rest) => draw = rest,
            None => return *behaviour,
        }
    }
    Behaviour::NoAnswer
}

/// A person's particulars, drawn from a call's chance.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) agent: &'static str,
    pub(crate) amount: String,
    pub(crate) day: &'static str,
    pub(crate) dia: &'static str,
}

impl Person {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        const FIRST: &[&str] =
            &["Maria", "James", "Aisha", "Robert", "Linda", "Carlos", "Grace", "Tom", "Priya", "Walter"];
        const LAST: &[&str] =
            &["Lopez", "Carter", "Khan", "Miller", "Nguyen", "Ortiz", "Brown", "Schmidt", "Rao", "Hall"];
        const AGENTS: &[&str] = &["Dana", "Chris", "Morgan", "Sam", "Alex"];
        const DAYS: &[(&str, &str)] = &[
            ("Monday", "lunes"),
            ("Tuesday", "martes"),
            ("Wednesday", "miércoles"),
            ("Thursday", "jueves"),
            ("Friday", "viernes"),
        ];
        let name = format!("{} {}", chance.pick(FIRST), chance.pick(LAST));
        let agent = chance.pick(AGENTS);
        let amount = format!("{}.{}", chance.between(5, 60) * 10, chance.pick(&["00", "25", "50"]));
        let (day, dia) = DAYS[usize::try_from(chance.below(DAYS.len() as u64)).unwrap_or(0)];
        Self { name, agent, amount, day, dia }
    }
}
