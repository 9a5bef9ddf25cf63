//! What is planned, and the words rules use for it.

use serde::{Deserialize, Serialize};

use crate::text_enum;

text_enum! {
    /// What is planned.
    #[derive(Default)]
    pub enum ActKind {
        /// To place a call.
        #[default]
        Dial = "dial",
        /// To send a text message.
        Text = "text",
        /// To send electronic mail.
        Email = "email",
        /// To record a call.
        Record = "record",
        /// To talk about the debt with who answered.
        Converse = "converse",
        /// To leave a message on a machine.
        Voicemail = "voicemail",
        /// To take or arrange a payment.
        Pay = "pay",
        /// To delete a record.
        Purge = "purge",
    }
}

text_enum! {
    /// Why somebody is reached.
    #[derive(Default)]
    pub enum Purpose {
        /// To collect a debt.
        #[default]
        Collection = "collection",
        /// To sell something.
        Solicitation = "solicitation",
        /// To learn where the consumer is, from somebody else (12 CFR 1006.10).
        Location = "location",
    }
}

text_enum! {
    /// How a call is dialled and spoken.
    #[derive(Default)]
    pub enum Technology {
        /// Not said: every rule for machines applies.
        #[default]
        Unknown = "unknown",
        /// A person dials and speaks.
        Manual = "manual",
        /// An autodialer dials, a person speaks.
        Autodialed = "autodialed",
        /// A prerecorded, synthetic or AI voice speaks (FCC 24-17).
        ArtificialVoice = "artificial_voice",
    }
}

text_enum! {
    /// In which role a debt is collected.
    pub enum CollectorRole {
        /// A debt collector: an agency, or who bought the debt.
        Agency = "agency",
        /// The creditor itself.
        Creditor = "creditor",
    }
}

/// An act that is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Act {
    /// What.
    pub kind: ActKind,
    /// Why.
    pub purpose: Purpose,
    /// How.
    pub technology: Technology,
}

text_enum! {
    /// Something that has to be done, in the order of a call.
    pub enum DutyKind {
        /// Bring the list of numbers up to date.
        ScrubList = "scrub_list",
        /// Say who calls (12 CFR 1006.14(g)).
        Identify = "identify",
        /// Say that an artificial voice speaks.
        AiDisclosure = "ai_disclosure",
        /// Say that the call is recorded, before it is.
        RecordingNotice = "recording_notice",
        /// Find out whether the consumer speaks, before the debt is named (12 CFR 1006.6(d)(1)).
        VerifyParty = "verify_party",
        /// Say that this is an attempt to collect a debt and what information is used for (12 CFR 1006.18(e)(1)).
        MiniMiranda = "mini_miranda",
        /// Say that the communication is from a debt collector (12 CFR 1006.18(e)(2)).
        CollectorNotice = "collector_notice",
        /// Say that the debt is too old to be sued for, where a state wants it said.
        TimeBarredNotice = "time_barred_notice",
        /// Say nothing but the limited-content message (12 CFR 1006.2(j)).
        LimitedContent = "limited_content",
        /// Carry a simple opt-out (12 CFR 1006.6(e)).
        OptOut = "opt_out",
        /// Name a number to call back.
        CallBackNumber = "call_back_number",
        /// Send the validation information (12 CFR 1006.34).
        SendValidation = "send_validation",
        /// Mask recording, live text, logs and prompts while payment data is spoken (PCI DSS 3.3.1).
        MaskPayment = "mask_payment",
        /// Read the authorisation back: dates, amount, name, number for enquiries, date of authorisation.
        ReadBack = "read_back",
        /// Send a copy of the authorisation (12 CFR 1005.10(b)).
        SendCopy = "send_copy",
    }
}

text_enum! {
    /// A plain question about the act. Absent from the facts means that nobody knows.
    pub enum Flag {
        /// An active legal hold covers the account.
        LegalHold = "legal_hold",
        /// The number shown is ours or we may show it.
        CallerIdOwned = "caller_id_owned",
        /// A person who owes, or who stands for that person, was verified on this call.
        PartyVerified = "party_verified",
        /// Who speaks turned out to be somebody else.
        ThirdParty = "third_party",
        /// The person refused to be recorded on this call.
        RecordingRefused = "recording_refused",
        /// The address or number has a basis in 12 CFR 1006.6(d)(4)-(5): used by the consumer, consent, or the
        /// creditor's with notice and 35 days.
        ContactBasis = "contact_basis",
        /// The number's assignment was proven within 60 days: a text from the consumer, or the database.
        FreshProof = "fresh_proof",
        /// The message carries a simple opt-out.
        OptOutOffered = "opt_out_offered",
        /// The address belongs to the person's employer.
        WorkAddress = "work_address",
        /// The time to sue has passed.
        TimeBarred = "time_barred",
        /// The message was made from the fixed template of limited-content messages.
        LimitedContentTemplate = "limited_content_template",
        /// A location-information call was made to this party before.
        LocationAsked = "location_asked",
        /// The party asked for another one, or the earlier answer was wrong.
        LocationAskedAgain = "location_asked_again",
        /// Card data will be spoken or keyed.
        CardData = "card_data",
        /// The payment repeats.
        Recurring = "recurring",
        /// The payment is a debit of a bank account, authorised by telephone.
        TelDebit = "tel_debit",
        /// The person has a relationship with us, or placed the call.
        ExistingRelationship = "existing_relationship",
        /// The authorisation was recorded.
        AuthorisationRecorded = "authorisation_recorded",
        /// The authorisation is in writing or similarly authenticated.
        AuthorisationWritten = "authorisation_written",
        /// A copy of it was sent.
        CopySent = "copy_sent",
        /// Every item that must be stated was stated.
        TermsStated = "terms_stated",
        /// A fee is charged on top.
        FeeCharged = "fee_charged",
        /// The agreement or the law expressly allows the fee.
        FeeAllowed = "fee_allowed",
        /// The debt that the payment goes to is disputed.
        PaysDisputed = "pays_disputed",
        /// The instrument is dated more than five days ahead.
        PostDated = "post_dated",
        /// Notice of the deposit was given three to ten business days before.
        DepositNotice = "deposit_notice",
        /// The payment re-presents a returned debit.
        RePresented = "re_presented",
        /// It is at most the second time, within 180 days, of the same amount.
        RePresentable = "re_presentable",
        /// A payment with this authorisation and instalment was made.
        AlreadyPaid = "already_paid",
    }
}
