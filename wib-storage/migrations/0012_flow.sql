-- What a recording may hold of payment data, and what was taken out of transcripts.

ALTER TABLE recordings ADD COLUMN started_at TIMESTAMPTZ;
-- Not given out while payment data is being taken out of it.
ALTER TABLE recordings ADD COLUMN withheld BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE recordings ADD COLUMN note TEXT;

ALTER TABLE transcripts ADD COLUMN scrubbed BIGINT NOT NULL DEFAULT 0;
