//! Time stamps of RFC 3161: ours against OpenSSL, right and wrong authorities, and changed bytes.

use std::{path::Path, process::Command, sync::Arc};

use wib_core::{
    evidence::timestamp::{
        Stamped, TIMESTAMP_LIMIT, TimestampRefused as Refused, TimestampRequest, TimestampRoots, token_of, verify_token,
    },
    kit::{Clock, SeededRandom, Timestamp, VirtualClock},
    testing::authority::{TestAuthority, Wrong},
};

const RSA: (&[u8], &[u8]) =
    (include_bytes!("../fixtures/timestamps/rsa.tsr"), include_bytes!("../fixtures/timestamps/rsa-root.pem"));
const P256: (&[u8], &[u8]) =
    (include_bytes!("../fixtures/timestamps/p256.tsr"), include_bytes!("../fixtures/timestamps/p256-root.pem"));

/// The request that the fixtures answer.
fn request() -> TimestampRequest {
    TimestampRequest { nonce: 0x1122_3344_5566_7788, ..TimestampRequest::of(b"checkpoint", &SeededRandom::new(1)) }
}
fn roots(pem: &[u8]) -> TimestampRoots {
    TimestampRoots::from_pem(pem).unwrap()
}
fn clock() -> Arc<dyn Clock> {
    Arc::new(VirtualClock::new("2026-06-01T17:30:00.75Z".parse().unwrap()))
}
/// An authority's answer to our request, judged with its root.
fn judged(wrong: Wrong) -> Result<Stamped, Refused> {
    let authority = TestAuthority::wrong(clock(), wrong);
    let roots = TimestampRoots::from_der([authority.root()]).unwrap();
    request().accept(&authority.answer(&request().to_der()), &roots).map(|(_, stamped)| stamped)
}

#[test]
fn a_request_is_the_one_that_openssl_reads() {
    assert_eq!(request().to_der(), include_bytes!("../fixtures/timestamps/request.tsq"));
}

#[test]
fn answers_of_openssl_are_accepted_with_all_they_say() {
    let (token, rsa) = request().accept(RSA.0, &roots(RSA.1)).unwrap();
    let at: Timestamp = "2026-11-22T22:45:04Z".parse().unwrap();
    assert_eq!(
        (rsa.at, rsa.authority.as_str(), rsa.authority_checked),
        (at, "Word Is Bond tests, RSA authority", true)
    );
    assert_eq!(rsa.accuracy.unwrap().as_micros(), 1_500_100);
    assert_eq!((rsa.serial.as_str(), rsa.policy.as_str()), ("02", "1.3.6.1.4.1.99999.1"));
    assert_eq!(verify_token(token, &request().digest, None, &roots(RSA.1)).unwrap(), rsa);
    let (_, p256) = request().accept(P256.0, &roots(P256.1)).unwrap();
    assert_eq!((p256.authority.as_str(), p256.accuracy), ("Word Is Bond tests, P-256 authority", None));
    let both = roots(&[RSA.1, P256.1].concat());
    assert!(request().accept(RSA.0, &both).is_ok() && request().accept(P256.0, &both).is_ok());
    let blind = request().accept(P256.0, &TimestampRoots::default()).unwrap().1;
    assert_eq!(blind, Stamped { authority_checked: false, ..p256 });
}

#[test]
fn a_root_that_is_not_theirs_another_digest_and_another_nonce_are_refused_by_name() {
    for ((answer, _), (_, root)) in [(RSA, P256), (P256, RSA)] {
        let refused = request().accept(answer, &roots(root)).unwrap_err();
        assert!(matches!(refused, Refused::Authority(_)), "{refused:?}");
        let none = TimestampRoots::default();
        let other = TimestampRequest { digest: [0; 32], ..request() };
        assert_eq!(other.accept(answer, &none).unwrap_err(), Refused::Digest);
        let other = TimestampRequest { nonce: 7, ..request() };
        assert_eq!(other.accept(answer, &none).unwrap_err(), Refused::Nonce);
    }
}

#[test]
fn an_authority_of_our_own_is_accepted() {
    let stamped = judged(Wrong::Nothing).unwrap();
    assert_eq!(stamped.at.to_string(), "2026-06-01T17:30:00Z");
    assert_eq!((stamped.authority.as_str(), stamped.authority_checked), ("Test Authority", true));
    assert_eq!((stamped.accuracy.unwrap().as_millis(), stamped.policy.as_str()), (1005, "1.2.3.4.1"));
}

#[test]
fn every_way_to_be_wrong_is_refused_by_its_name() {
    use Wrong::*;
    for (wrong, name) in [
        (Expired, "validity"),
        (NotYet, "validity"),
        (OtherUsage, "key_usage"),
        (TwoUsages, "key_usage"),
        (UsageNotCritical, "key_usage"),
        (NoUsage, "key_usage"),
        (KeySignsCertificates, "key_usage"),
        (OtherDigest, "digest"),
        (OtherNonce, "nonce"),
        (NoNonce, "nonce"),
        (OtherContent, "content"),
        (OtherContentAttribute, "attributes"),
        (OtherMessageDigest, "attributes"),
        (OtherSworn, "signing_certificate"),
        (NothingSworn, "signing_certificate"),
        (OtherKey, "signature"),
        (NoCertificate, "signing_certificate"),
        (TwoSigners, "content"),
        (CriticalExtension, "content"),
        (Modified, "modified"),
        (NoToken, "encoding"),
    ] {
        let refused = judged(wrong).unwrap_err();
        assert_eq!(refused.code(), name, "{wrong:?}: {refused}");
    }
    let refused = judged(Rejects).unwrap_err();
    let failures = vec!["bad_alg", "system_failure"];
    assert_eq!(refused, Refused::Rejected { status: "rejection", failures, text: "not today".to_owned() });
    let told = refused.to_string();
    assert_eq!(told, "the authority answered rejection (bad_alg, system_failure): not today");
}

#[test]
fn an_authority_that_is_wrong_about_itself_is_refused_without_roots_too() {
    for wrong in [Wrong::Expired, Wrong::OtherUsage, Wrong::OtherKey, Wrong::OtherSworn] {
        let authority = TestAuthority::wrong(clock(), wrong);
        let answer = authority.answer(&request().to_der());
        assert!(request().accept(&answer, &TimestampRoots::default()).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_changed_byte_is_refused_or_changes_nothing_that_was_proven() {
    let ours = TestAuthority::new(clock());
    let answer = ours.answer(&request().to_der());
    let own = TimestampRoots::from_der([ours.root()]).unwrap();
    for (answer, roots) in [(RSA.0, roots(RSA.1)), (P256.0, roots(P256.1)), (&answer[..], own)] {
        let (token, whole) = request().accept(answer, &roots).unwrap();
        let mut unread = 0;
        for at in 0..token.len() {
            for mask in [0x01, 0x20, 0x80, 0xff] {
                let mut changed = token.to_vec();
                changed[at] ^= mask;
                if let Ok(found) = verify_token(&changed, &request().digest, Some(request().nonce), &roots) {
                    assert_eq!(found, whole, "byte {at} mask {mask:#x}");
                    unread += 1;
                }
            }
        }
        // What nothing depends on: numbers of versions and the list of digests.
        assert!(unread <= 80, "{unread} of {} changes", token.len() * 4);
    }
}

#[test]
fn what_is_cut_endless_or_too_large_is_refused_by_name() {
    for (answer, root) in [RSA, P256] {
        let none = roots(root);
        for end in 0..answer.len() {
            let refused = request().accept(&answer[..end], &none).unwrap_err();
            assert!(matches!(refused, Refused::Encoding(_)), "{end}: {refused:?}");
        }
        let longer = [answer, b"\0"].concat();
        assert_eq!(request().accept(&longer, &none).unwrap_err(), Refused::Encoding("more than is expected"));
        let endless = [&[0x30, 0x80], &answer[4..], &[0, 0]].concat();
        assert_eq!(request().accept(&endless, &none).unwrap_err(), Refused::Encoding("an indefinite length"));
    }
    let random: &dyn wib_core::kit::Random = &SeededRandom::new(3);
    let mut garbage = vec![0; 1 << 20];
    random.fill(&mut garbage);
    let none = TimestampRoots::default();
    assert_eq!(request().accept(&garbage, &none).unwrap_err(), Refused::TooLarge);
    assert_eq!(verify_token(&garbage, &[0; 32], None, &none).unwrap_err(), Refused::TooLarge);
    for start in (0..garbage.len() - TIMESTAMP_LIMIT).step_by(1 << 12) {
        let piece = &garbage[start..start + TIMESTAMP_LIMIT];
        assert!(matches!(token_of(piece), Err(Refused::Encoding(_))));
        assert!(matches!(verify_token(piece, &[0; 32], None, &none), Err(Refused::Encoding(_))));
    }
}

#[test]
fn roots_are_certificates_or_refused() {
    for pem in [&b""[..], b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(TimestampRoots::from_pem(pem).is_err());
    }
    assert!(
        TimestampRoots::from_pem(&RSA.1.repeat(32)).is_ok() && TimestampRoots::from_pem(&RSA.1.repeat(33)).is_err()
    );
    assert!(TimestampRoots::default().is_empty() && !roots(RSA.1).is_empty());
}

fn openssl(folder: &Path, line: &str) -> Option<bool> {
    let done = Command::new("openssl").args(line.split(' ')).current_dir(folder).output().ok()?;
    Some(done.status.success())
}

#[test]
fn openssl_answers_our_request_and_believes_our_authority() {
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = (folder.path(), |name: &str| folder.path().join(name));
    if openssl(path, "version").is_none() {
        println!("skipped: openssl_answers_our_request_and_believes_our_authority: no openssl");
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "openssl must be there where CI=true");
        return;
    }
    let run = |line: &str| assert_eq!(openssl(path, line), Some(true), "openssl {line}");
    let request = TimestampRequest::of(b"what was said", &wib_core::kit::OsRandom);
    std::fs::write(file("data"), b"what was said").unwrap();
    std::fs::write(file("request"), request.to_der()).unwrap();
    std::fs::write(file("serial"), "01\n").unwrap();
    let cnf = "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = x\n[ca]\nbasicConstraints = critical, CA:TRUE\n\
        [tsa]\nextendedKeyUsage = critical, timeStamping\n[ts]\nserial = serial\nsigner_digest = sha384\n\
        default_policy = 1.2.3.4\ndigests = sha256\ness_cert_id_alg = sha384\n";
    std::fs::write(file("cnf"), cnf).unwrap();
    run("genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out root.key");
    run("genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out tsa.key");
    run("req -x509 -config cnf -extensions ca -key root.key -subj /CN=Root -days 2 -out root.pem");
    run("req -new -config cnf -key tsa.key -subj /CN=Stamps -out tsa.csr");
    run(
        "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -set_serial 2 -extfile cnf -extensions tsa -days 2 -out tsa.pem",
    );
    run("ts -reply -config cnf -section ts -queryfile request -signer tsa.pem -inkey tsa.key -out answer");
    run("ts -verify -queryfile request -in answer -CAfile root.pem");
    let answer = std::fs::read(file("answer")).unwrap();
    let root = roots(&std::fs::read(file("root.pem")).unwrap());
    let (token, stamped) = request.accept(&answer, &root).unwrap();
    assert_eq!((stamped.authority.as_str(), stamped.authority_checked), ("Stamps", true));
    std::fs::write(file("token"), token).unwrap();
    run("ts -verify -data data -in token -token_in -CAfile root.pem");

    // OpenSSL asks for certificates that are valid now.
    let ours = TestAuthority::new(Arc::new(wib_core::kit::SystemClock));
    std::fs::write(file("ours"), ours.answer(&request.to_der())).unwrap();
    std::fs::write(file("ours.der"), ours.root()).unwrap();
    run("x509 -inform DER -in ours.der -out ours.pem");
    run("ts -verify -queryfile request -in ours -CAfile ours.pem");
    assert_eq!(openssl(path, "ts -verify -queryfile request -in ours -CAfile root.pem"), Some(false), "another root");
}
