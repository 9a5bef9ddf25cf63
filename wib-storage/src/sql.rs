//! Statements as constants, checked while compiling: tenant filter, number of arguments, shape of an insert.

/// The database a statement is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}
impl Engine {
    /// Whether organisations and the platform come by logins of their own.
    pub(crate) const fn has_logins(self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => false,
            #[cfg(feature = "postgres")]
            Self::Postgres => true,
        }
    }
}

/// A statement with the name it has in traces and metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    pub(crate) name: &'static str,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "the other engine's text"))]
    pg: &'static str,
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "the other engine's text"))]
    lite: &'static str,
}
impl Sql {
    pub(crate) const fn same(name: &'static str, text: &'static str) -> Self {
        Self { name, pg: text, lite: text }
    }
    pub(crate) const fn text(&self, engine: Engine) -> &'static str {
        match engine {
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => self.lite,
            #[cfg(feature = "postgres")]
            Engine::Postgres => self.pg,
        }
    }
}

/// A statement of one organisation, which the handle binds as `$1`, and `N` arguments behind it.
#[derive(Clone, Copy)]
pub(crate) struct OrgSql<const N: usize>(pub(crate) Sql);

/// A statement of the platform with `N` arguments.
#[derive(Clone, Copy)]
pub(crate) struct SystemSql<const N: usize>(pub(crate) Sql);

impl<const N: usize> OrgSql<N> {
    /// For the macro alone.
    pub(crate) const fn checked(name: &'static str, pg: &'static str, lite: &'static str) -> Self {
        Self(Sql { name, pg, lite })
    }
}
impl<const N: usize> SystemSql<N> {
    /// For the macro alone.
    pub(crate) const fn checked(name: &'static str, pg: &'static str, lite: &'static str) -> Self {
        Self(Sql { name, pg, lite })
    }
}

/// A named statement of one organisation: `organization_id = $1`, or an insert that leads with it, or it does not compile.
macro_rules! org_sql {
    ($name:ident, pg: $pg:expr, sqlite: $lite:expr) => {{
        const ARGS: usize = $crate::sql::pair($pg, $lite, true) - 1;
        $crate::sql::OrgSql::<ARGS>::checked(stringify!($name), $pg, $lite)
    }};
    ($name:ident, $text:expr) => {{
        const ARGS: usize = $crate::sql::check($text, true) - 1;
        $crate::sql::OrgSql::<ARGS>::checked(stringify!($name), $text, $text)
    }};
}

/// A named statement across organisations: for sign-in, routing and the engine.
macro_rules! system_sql {
    ($name:ident, pg: $pg:expr, sqlite: $lite:expr) => {{
        const ARGS: usize = $crate::sql::pair($pg, $lite, false);
        $crate::sql::SystemSql::<ARGS>::checked(stringify!($name), $pg, $lite)
    }};
    ($name:ident, $text:expr) => {{
        const ARGS: usize = $crate::sql::check($text, false);
        $crate::sql::SystemSql::<ARGS>::checked(stringify!($name), $text, $text)
    }};
}
pub(crate) use {org_sql, system_sql};

/// Both texts checked; they take the same parameters.
pub(crate) const fn pair(pg: &str, lite: &str, scoped: bool) -> usize {
    let (a, b) = (check(pg, scoped), check(lite, scoped));
    assert!(a == b, "the two texts take different parameters");
    a
}

/// One pass over a statement: the number of its parameters, or a panic that says what is wrong with it.
///
/// It reads text, not meaning: a join names the organisation for every table by the author's care, the two-tenant suite
/// and row-level security.
pub(crate) const fn check(text: &str, scoped: bool) -> usize {
    let bytes = text.as_bytes();
    let insert = starts(bytes, 0, b"INSERT INTO ");
    let (mut at, mut depth, mut seen, mut bound, mut columns) = (0, 0usize, 0u64, false, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\'' | b'"' => {
                let quote = bytes[at];
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += 1;
                }
            }
            b'-' if starts(bytes, at, b"--") => {
                while at < bytes.len() && bytes[at] != b'\n' {
                    at += 1;
                }
            }
            b'?' => panic!("write parameters as $1, $2"),
            b'(' => {
                columns = columns || (depth == 0 && starts(bytes, at, b"(organization_id, "));
                depth += 1;
            }
            b')' => depth -= 1,
            b'$' => {
                let mut number = 0;
                while at + 1 < bytes.len() && bytes[at + 1].is_ascii_digit() {
                    number = number * 10 + (bytes[at + 1] - b'0') as usize;
                    at += 1;
                }
                assert!(number >= 1 && number <= 63, "parameters are $1 to $63");
                seen |= 1 << (number - 1);
            }
            c if c.is_ascii_alphabetic() || c == b'_' => {
                let start = at;
                while at + 1 < bytes.len() && (bytes[at + 1].is_ascii_alphanumeric() || bytes[at + 1] == b'_') {
                    at += 1;
                }
                let end = at + 1;
                let word = end - start;
                if word == 15 && starts(bytes, start, b"organization_id") && starts(bytes, end, b" = $1") {
                    bound = bound || !digit(bytes, end + 5);
                }
                let first = (word == 6 && starts(bytes, start, b"VALUES") && starts(bytes, end, b" ($1,"))
                    || (word == 6 && starts(bytes, start, b"SELECT") && starts(bytes, end, b" $1,"));
                bound = bound || (insert && columns && first);
                let either = word == 2 && matches!(bytes[start], b'o' | b'O') && matches!(bytes[at], b'r' | b'R');
                assert!(
                    !(scoped && either && depth == 0),
                    "put OR into parentheses: it would lift the organisation's filter"
                );
            }
            _ => {}
        }
        at += 1;
    }
    assert!(!scoped || bound, "statement is not bound to the organisation: add `organization_id = $1`");
    assert!(seen & (seen + 1) == 0, "parameters have a hole: use $1 to $n");
    seen.count_ones() as usize
}

const fn digit(bytes: &[u8], at: usize) -> bool {
    at < bytes.len() && bytes[at].is_ascii_digit()
}

const fn starts(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    if bytes.len() < at + word.len() {
        return false;
    }
    let mut i = 0;
    while i < word.len() {
        if bytes[at + i] != word[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{check, pair};

    fn refused(text: &'static str) -> String {
        let panic = std::panic::catch_unwind(|| check(text, true)).expect_err(text);
        panic.downcast_ref::<&str>().map_or_else(String::new, |s| (*s).to_owned())
    }

    #[test]
    fn a_bound_statement_tells_its_parameters() {
        assert_eq!(check("SELECT * FROM calls WHERE organization_id = $1 AND id = $2", true), 2);
        assert_eq!(check("SELECT c.id FROM calls c WHERE c.organization_id = $1 AND (a = $2 OR b = $2)", true), 2);
        assert_eq!(check("INSERT INTO calls (organization_id, id) VALUES ($1, $2)", true), 2);
        assert_eq!(check("INSERT INTO calls (organization_id, id) SELECT $1, id FROM x WHERE y = '$9 ?'", true), 1);
        assert_eq!(check("DELETE FROM sessions WHERE token_hash = $1 -- or $4", false), 1);
    }

    #[test]
    fn a_statement_without_its_organisation_is_refused() {
        for text in [
            "SELECT * FROM calls WHERE id = $1",
            "SELECT * FROM calls WHERE parent_organization_id = $1",
            "SELECT * FROM calls WHERE organization_id = $10",
            "SELECT * FROM calls WHERE x = 'organization_id = $1'",
            "SELECT * FROM calls -- organization_id = $1",
            "INSERT INTO calls (id, organization_id) VALUES ($1, $2)",
            "INSERT INTO calls (organization_id, id) VALUES ($2, $1)",
        ] {
            assert!(refused(text).contains("not bound"), "{text}");
        }
    }

    #[test]
    fn an_or_that_would_lift_the_filter_is_refused() {
        assert!(refused("SELECT * FROM calls WHERE organization_id = $1 OR live = TRUE").contains("parentheses"));
        assert!(refused("SELECT * FROM calls WHERE organization_id = $1 or live").contains("parentheses"));
    }

    #[test]
    fn holes_question_marks_and_uneven_pairs_are_refused() {
        assert!(refused("SELECT * FROM calls WHERE organization_id = $1 AND id = $3").contains("hole"));
        assert!(refused("SELECT * FROM calls WHERE organization_id = $1 AND id = ?").contains("$1, $2"));
        let uneven = || pair("DELETE FROM a WHERE b = $1", "DELETE FROM a WHERE b = $1 AND c = $2", false);
        assert!(std::panic::catch_unwind(uneven).is_err());
    }
}
