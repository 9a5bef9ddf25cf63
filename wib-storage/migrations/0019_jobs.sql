-- Runs of jobs tell who ran them, how they ended and how much of their work failed.

ALTER TABLE job_runs ADD COLUMN node TEXT NOT NULL DEFAULT '';
ALTER TABLE job_runs ADD COLUMN errors BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job_runs ADD COLUMN outcome TEXT NOT NULL DEFAULT 'running'
    CHECK (outcome IN ('running', 'ok', 'failed', 'broken'));
UPDATE job_runs SET outcome = CASE WHEN ended_at IS NULL THEN 'broken' WHEN error IS NULL THEN 'ok' ELSE 'failed' END;
CREATE INDEX job_runs_by_start ON job_runs (started_at DESC, id DESC);
