//! Where a place lies: states, their time zones, area codes and ZIP regions.
//!
//! A state lists every zone it lies in (49 CFR part 71), so a place known by its state alone is judged in all of them.
//! Area codes are those of the North American Numbering Plan that belong to the United States.

use super::{Location, LocationSource};
use crate::kit::{Phone, Timestamp};

struct State {
    code: &'static str,
    name: &'static str,
    /// First digits of its ZIP codes.
    zip: &'static str,
    zones: &'static [&'static str],
    area_codes: &'static str,
}

const EASTERN: &[&str] = &["America/New_York"];
const CENTRAL: &[&str] = &["America/Chicago"];
const MOUNTAIN: &[&str] = &["America/Denver"];
const PACIFIC: &[&str] = &["America/Los_Angeles"];
const EASTERN_CENTRAL: &[&str] = &["America/New_York", "America/Chicago"];
const CENTRAL_MOUNTAIN: &[&str] = &["America/Chicago", "America/Denver"];
const PUERTO_RICO: &[&str] = &["America/Puerto_Rico"];
const CHAMORRO: &[&str] = &["Pacific/Guam"];

macro_rules! states {
    ($($code:ident $name:literal $zip:literal $zones:expr, $area_codes:literal;)+) => {
        &[$(State { code: stringify!($code), name: $name, zip: $zip, zones: $zones, area_codes: $area_codes }),+]
    };
}

const STATES: &[State] = states! {
    AK "Alaska" "9" &["America/Anchorage", "America/Adak"], "907";
    AL "Alabama" "3" CENTRAL, "205 251 256 334 659 938";
    AR "Arkansas" "7" CENTRAL, "327 479 501 870";
    AS "American Samoa" "9" &["Pacific/Pago_Pago"], "684";
    // The Navajo Nation keeps daylight saving time, the rest of the state does not.
    AZ "Arizona" "8" &["America/Phoenix", "America/Denver"], "480 520 602 623 928";
    CA "California" "9" PACIFIC,
        "209 213 279 310 323 341 350 357 369 408 415 424 442 510 530 559 562 619 626 628 650 657 661 669 707 714 \
        738 747 760 805 818 820 831 837 840 858 909 916 925 949 951";
    CO "Colorado" "8" MOUNTAIN, "303 719 720 748 970 983";
    CT "Connecticut" "0" EASTERN, "203 475 860 959";
    DC "District of Columbia" "2" EASTERN, "202 771";
    DE "Delaware" "1" EASTERN, "302";
    FL "Florida" "3" EASTERN_CENTRAL,
        "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954";
    GA "Georgia" "3" EASTERN, "229 404 470 478 678 706 762 770 912 943";
    GU "Guam" "9" CHAMORRO, "671";
    HI "Hawaii" "9" &["Pacific/Honolulu"], "808";
    IA "Iowa" "5" CENTRAL, "319 515 563 641 712";
    ID "Idaho" "8" &["America/Boise", "America/Los_Angeles"], "208 986";
    IL "Illinois" "6" CENTRAL, "217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872";
    IN "Indiana" "4" &["America/Indiana/Indianapolis", "America/Chicago"], "219 260 317 463 574 765 812 930";
    KS "Kansas" "6" CENTRAL_MOUNTAIN, "316 620 785 913";
    KY "Kentucky" "4" EASTERN_CENTRAL, "270 364 502 606 859";
    LA "Louisiana" "7" CENTRAL, "225 318 337 457 504 985";
    MA "Massachusetts" "0" EASTERN, "339 351 413 508 617 774 781 857 978";
    MD "Maryland" "2" EASTERN, "227 240 301 410 443 667";
    ME "Maine" "0" EASTERN, "207";
    MI "Michigan" "4" &["America/Detroit", "America/Menominee"], "231 248 269 313 517 586 616 679 734 810 906 947 989";
    MN "Minnesota" "5" CENTRAL, "218 320 507 612 651 763 924 952";
    MO "Missouri" "6" CENTRAL, "235 314 417 557 573 636 660 816 975";
    MP "Northern Mariana Islands" "9" CHAMORRO, "670";
    MS "Mississippi" "3" CENTRAL, "228 471 601 662 769";
    MT "Montana" "5" MOUNTAIN, "406";
    NC "North Carolina" "2" EASTERN, "252 336 472 704 743 828 910 919 980 984";
    ND "North Dakota" "5" CENTRAL_MOUNTAIN, "701";
    NE "Nebraska" "6" CENTRAL_MOUNTAIN, "308 402 531";
    NH "New Hampshire" "0" EASTERN, "603";
    NJ "New Jersey" "0" EASTERN, "201 551 609 640 732 848 856 862 908 973";
    NM "New Mexico" "8" MOUNTAIN, "505 575";
    // West Wendover keeps mountain time (49 CFR 71.9).
    NV "Nevada" "8" &["America/Los_Angeles", "America/Denver"], "702 725 775";
    NY "New York" "01" EASTERN,
        "212 315 329 332 347 363 516 518 585 607 624 631 646 680 716 718 838 845 914 917 929 934";
    OH "Ohio" "4" EASTERN, "216 220 234 283 326 330 380 419 436 440 513 567 614 740 937";
    OK "Oklahoma" "7" CENTRAL, "405 539 572 580 918";
    OR "Oregon" "9" &["America/Los_Angeles", "America/Boise"], "458 503 541 971";
    PA "Pennsylvania" "1" EASTERN, "215 223 267 272 412 445 484 570 582 610 717 724 814 835 878";
    PR "Puerto Rico" "0" PUERTO_RICO, "787 939";
    RI "Rhode Island" "0" EASTERN, "401";
    SC "South Carolina" "2" EASTERN, "803 821 839 843 854 864";
    SD "South Dakota" "5" CENTRAL_MOUNTAIN, "605";
    TN "Tennessee" "3" EASTERN_CENTRAL, "423 615 629 731 865 901 931";
    TX "Texas" "78" CENTRAL_MOUNTAIN,
        "210 214 254 281 325 346 361 409 430 432 469 512 621 682 713 726 737 806 817 830 832 903 915 936 940 945 \
        956 972 979";
    UT "Utah" "8" MOUNTAIN, "385 435 801";
    VA "Virginia" "2" EASTERN, "276 434 540 571 686 703 757 804 826 948";
    VI "Virgin Islands" "0" PUERTO_RICO, "340";
    VT "Vermont" "0" EASTERN, "802";
    WA "Washington" "9" PACIFIC, "206 253 360 425 509 564";
    WI "Wisconsin" "5" CENTRAL, "262 274 353 414 534 608 715 920";
    WV "West Virginia" "2" EASTERN, "304 681";
    WY "Wyoming" "8" MOUNTAIN, "307";
};

/// Every time zone of a state, a territory or the district (`IL`); none for a code that is none of them.
#[must_use]
pub fn zones_of_state(code: &str) -> &'static [&'static str] {
    STATES.iter().find(|s| s.code == code).map_or(&[], |s| s.zones)
}

/// The state an area code belongs to; `None` for other countries of the plan, toll-free and unassigned codes.
#[must_use]
pub fn state_of_area_code(area_code: &str) -> Option<&'static str> {
    STATES.iter().find(|s| s.area_codes.split(' ').any(|c| c == area_code)).map(|s| s.code)
}

/// The state a postal address ends with, `None` when unsure.
///
/// Taken are a code or a full name before a ZIP code of the same region, and, without a ZIP code, one that stands alone
/// after the last comma or on the last line: `12 Oak Ct` is not in Connecticut, `Port Washington 11050` not on the
/// Pacific.
#[must_use]
pub fn state_in_address(text: &str) -> Option<&'static str> {
    let text = text.replace('.', "").to_uppercase();
    let end = |text| str::trim_end_matches(text, |c: char| !c.is_alphanumeric());
    let mut head = end(&text);
    for country in ["UNITED STATES OF AMERICA", "UNITED STATES", "USA", "US"] {
        if let Some(rest) = ends_with(head, country) {
            head = end(rest);
            break;
        }
    }
    let zip = head.rsplit(|c: char| c.is_whitespace() || c == ',').next().filter(|last| is_zip(last));
    let head = end(head.strip_suffix(zip.unwrap_or_default()).unwrap_or(head));
    let (state, rest) = STATES
        .iter()
        .flat_map(|s| [(s, s.code), (s, s.name)])
        .filter_map(|(s, key)| Some((s, ends_with(head, &key.to_uppercase())?)))
        // The longest: West Virginia also ends with Virginia.
        .min_by_key(|(_, rest)| rest.len())?;
    let sure = match zip {
        Some(zip) => state.zip.contains(&zip[..1]),
        None => {
            let rest = rest.trim_end_matches([' ', '\t']);
            rest.is_empty() || rest.ends_with([',', '\n', '\r', ';'])
        }
    };
    sure.then_some(state.code)
}

/// A place from a postal address; `None` when the state is not sure.
#[must_use]
pub fn location_of_address(text: &str, noted_on: Option<Timestamp>) -> Option<Location> {
    let state = state_in_address(text)?;
    location(LocationSource::Address, state, regions_of(state, Some(text)), noted_on)
}

/// A place from the area code of a number; `None` outside the United States.
#[must_use]
pub fn location_of_area_code(phone: &Phone) -> Option<Location> {
    let (code, mut regions) = (phone.area_code()?, vec![]);
    let state = state_of_area_code(code)?;
    regions.push(format!("US-{state}"));
    regions.extend(NYC_AREA_CODES.contains(&code).then(|| "US-NY-NYC".to_owned()));
    location(LocationSource::AreaCode, state, regions, None)
}

fn location(
    source: LocationSource,
    state: &str,
    regions: Vec<String>,
    noted_on: Option<Timestamp>,
) -> Option<Location> {
    let zones: Vec<_> = zones_of_state(state).iter().map(|z| (*z).to_owned()).collect();
    (!zones.is_empty()).then_some(Location { source, zones, regions, noted_on })
}

/// Area codes of New York City; their numbers may ring anywhere, and so tighten only.
const NYC_AREA_CODES: &[&str] = &["212", "332", "347", "646", "718", "917", "929"];
/// First digits of the ZIP codes of New York City, those that lie in it in part among them.
const NYC_ZIPS: &[&str] =
    &["100", "101", "102", "103", "104", "111", "112", "113", "114", "116", "11001", "11004", "11005", "11040"];

/// Every jurisdiction a place in that state may lie in: the state, and New York City unless the address has a ZIP code
/// that lies elsewhere.
#[must_use]
pub fn regions_of(state: &str, address: Option<&str>) -> Vec<String> {
    let mut regions = vec![format!("US-{state}")];
    let zip = address.and_then(|text| text.split(|c: char| c.is_whitespace() || c == ',').rfind(|word| is_zip(word)));
    if state == "NY" && zip.is_none_or(|zip| NYC_ZIPS.iter().any(|city| zip.starts_with(city))) {
        regions.push("US-NY-NYC".to_owned());
    }
    regions
}

/// What stands before a whole word at the end.
fn ends_with<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    text.strip_suffix(word).filter(|rest| !rest.ends_with(char::is_alphanumeric))
}

/// `60601` or `60601-1234`.
fn is_zip(text: &str) -> bool {
    let digits = |t: &str, n| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('-') {
        Some((five, four)) => digits(five, 5) && digits(four, 4),
        None => digits(text, 5),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn every_state_has_zones_that_exist() {
        assert_eq!(STATES.len(), 50 + 1 + 5);
        for zone in STATES.iter().flat_map(|s| s.zones) {
            assert!(TimeZone::get(zone).is_ok(), "{zone}");
        }
        assert!(STATES.iter().all(|s| !s.zones.is_empty() && zones_of_state(s.code) == s.zones));
        assert!(zones_of_state("ON").is_empty());
    }

    #[test]
    fn an_area_code_belongs_to_one_state() {
        let codes: Vec<_> = STATES.iter().flat_map(|s| s.area_codes.split(' ')).collect();
        assert_eq!(codes.len(), codes.iter().collect::<BTreeSet<_>>().len());
        assert!(codes.iter().all(|c| c.len() == 3 && c.as_bytes()[0] >= b'2' && c.as_bytes()[1] != b'9'));
        for (code, state) in [("312", "IL"), ("850", "FL"), ("907", "AK"), ("787", "PR"), ("670", "MP"), ("983", "CO")]
        {
            assert_eq!(state_of_area_code(code), Some(state));
        }
        for foreign in ["416", "514", "876", "242", "800", "888", "900", "", "2"] {
            assert_eq!(state_of_area_code(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn an_address_ends_with_its_state() {
        for (text, state) in [
            ("233 S Wacker Dr, Chicago, IL 60606", "IL"),
            ("233 S Wacker Dr\nChicago IL 60606-7147\nUSA", "IL"),
            ("1 Main St, Springfield Illinois 62701", "IL"),
            ("1 Main St, Charleston, West Virginia", "WV"),
            ("1 Main St, Charleston West Virginia 25301", "WV"),
            ("500 Virginia St, Kansas City, MO 64106", "MO"),
            ("1 Main St, Kansas City, KS", "KS"),
            ("1600 Pennsylvania Ave NW, Washington, D.C. 20500", "DC"),
            ("1 Main St, Phoenix, az 85001, United States", "AZ"),
            ("1 Main St, El Paso, TX 88595", "TX"),
            ("12 Calle Sol, San Juan, PR 00901", "PR"),
            ("1 Main St, New York, New York", "NY"),
            ("Texas", "TX"),
        ] {
            assert_eq!(state_in_address(text), Some(state), "{text}");
        }
    }

    #[test]
    fn an_address_that_leaves_doubt_has_no_state() {
        for text in [
            "",
            "12 Oak Ct",
            "100 Main St NE",
            "500 W Madison St, 2nd FL",
            "10 Elm St, Port Washington 11050",
            "10 Elm St, Port Washington",
            "Los Angeles, CO 90012",
            "1 Bloor St, Toronto, ON M5V 2T6",
            "10 Downing St, London",
            "Chicago 60606",
            "APO, AE 09012",
            "Plus",
            "Arkansas12345",
        ] {
            assert_eq!(state_in_address(text), None, "{text}");
        }
    }

    #[test]
    fn a_place_in_new_york_lies_in_the_city_unless_its_zip_code_says_otherwise() {
        let both = ["US-NY", "US-NY-NYC"];
        assert_eq!(regions_of("NY", Some("350 5th Ave, New York, NY 10118")), both);
        assert_eq!(regions_of("NY", Some("10 Elm St, New York")), both);
        assert_eq!(regions_of("NY", None), both);
        assert_eq!(regions_of("NY", Some("1 Main St, Buffalo, NY 14201-1234")), ["US-NY"]);
        assert_eq!(regions_of("NY", Some("10118 Main St, Buffalo, NY 14201")), ["US-NY"]);
        assert_eq!(regions_of("NJ", Some("1 Main St, Newark, NJ 07102")), ["US-NJ"]);
        let of = |number: &str| location_of_area_code(&number.parse().unwrap()).unwrap().regions;
        assert_eq!(
            (of("+12125550100"), of("+17165550100")),
            (both.map(str::to_owned).to_vec(), vec!["US-NY".to_owned()])
        );
    }

    #[test]
    fn a_place_carries_its_source_and_every_zone() {
        let address = location_of_address("1 Main St, Pensacola, FL 32501", None).unwrap();
        assert_eq!((address.source, address.zones.len()), (LocationSource::Address, 2));
        let number = location_of_area_code(&"+16025550100".parse().unwrap()).unwrap();
        assert_eq!(
            (number.source, number.zones),
            (LocationSource::AreaCode, vec!["America/Phoenix".to_owned(), "America/Denver".to_owned()])
        );
        assert_eq!(location_of_area_code(&"+14165550100".parse().unwrap()), None);
        assert_eq!(location_of_area_code(&"+442071838750".parse().unwrap()), None);
    }
}
