-- The packs of rules that were ever applied: a verdict is judged again with the one it was made with.

CREATE TABLE rule_packs (
    hash TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
