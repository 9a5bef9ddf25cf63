//! The files that an installation is made from name only what there is.

use std::{collections::BTreeSet, path::Path};

use wib_http::config::Config;

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Names in capitals as they stand in front of a value, or behind `name:`.
fn variables(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let line = line.trim().trim_start_matches("- ");
        let line = line.strip_prefix("ENV ").unwrap_or(line);
        for part in line.split([' ', '{', ',']).filter(|part| !part.is_empty()) {
            let part = part.strip_prefix("name:").map_or(part, str::trim);
            let (name, valued) = match part.split_once(['=', ':']) {
                Some((name, _)) => (name, true),
                None => (part, line.starts_with("name:") || line.starts_with("{ name:")),
            };
            let capitals = name.len() > 3
                && name.starts_with(|c: char| c.is_ascii_uppercase())
                && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            if valued && capitals {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn every_variable_of_the_deployment_files_is_one_that_is_read() {
    let known = Config::names();
    // Other programs' own.
    let others = ["DB_PASSWORD", "POSTGRES_PASSWORD", "POSTGRES_DB", "POSTGRES_USER", "RUST_VERSION"];
    let mut all = BTreeSet::new();
    for name in ["Containerfile", "compose.yaml", "deploy/kubernetes.yaml"] {
        let found = variables(&file(name));
        assert!(!found.is_empty(), "{name} sets nothing");
        let unknown: Vec<_> =
            found.iter().filter(|v| !known.contains(v.as_str()) && !others.contains(&v.as_str())).collect();
        assert!(unknown.is_empty(), "{name} sets what nobody reads: {unknown:?}");
        all.extend(found);
    }
    for name in ["DATABASE_URL", "WIB_DB_JOBS_URL", "WIB_EVIDENCE_KEY", "WIB_LINGER", "WIB_BIND", "PORT"] {
        assert!(all.contains(name), "{name} is set nowhere: {all:?}");
    }
}

#[test]
fn every_command_of_the_deployment_files_is_one_of_the_program() {
    let told = std::process::Command::new(env!("CARGO_BIN_EXE_wib")).arg("--help").output().unwrap();
    let help = String::from_utf8(told.stdout).unwrap();
    let commands: BTreeSet<_> =
        help.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    let mut found = 0;
    for name in ["Containerfile", "compose.yaml", "deploy/kubernetes.yaml"] {
        for line in file(name).lines().filter(|line| !line.trim_start().starts_with('#')) {
            let list = ["command: [", "args: [", "CMD [\"/wib\", ", "CMD [", "exec: { command: [\"/wib\", "];
            let Some(rest) = list.iter().find_map(|begins| line.split_once(begins)).map(|(_, rest)| rest) else {
                continue;
            };
            let word: String = rest.trim_start_matches('"').chars().take_while(|c| c.is_ascii_lowercase()).collect();
            if line.contains("redis") || line.contains("nats") || line.contains("pg_isready") {
                continue;
            }
            found += 1;
            assert!(commands.contains(word.as_str()), "{name}: {line}: there is {commands:?}");
        }
    }
    assert!(found >= 8, "{found}");
}
