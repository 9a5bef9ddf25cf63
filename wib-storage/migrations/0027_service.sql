-- The service itself: what it costs an organisation and what it was used for, what models are asked for by order, and what
-- became of mails.

ALTER TABLE billing_accounts ADD COLUMN default_method TEXT;
ALTER TABLE billing_accounts ADD COLUMN default_at TIMESTAMPTZ;
ALTER TABLE billing_accounts ADD COLUMN synced_at TIMESTAMPTZ;
ALTER TABLE subscriptions ADD COLUMN amount_minor BIGINT;
ALTER TABLE subscriptions ADD COLUMN currency TEXT;
ALTER TABLE invoices ADD COLUMN pdf_url TEXT;
ALTER TABLE invoices ADD COLUMN billed_at TIMESTAMPTZ;
-- When a day's use was told to the vendor's meters; once.
ALTER TABLE usage_stats ADD COLUMN reported_at TIMESTAMPTZ;

-- What an organisation pays with. One that was taken away never comes back.
CREATE TABLE payment_methods (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    vendor TEXT NOT NULL,
    vendor_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    brand TEXT,
    last4 TEXT,
    exp_month BIGINT,
    exp_year BIGINT,
    added_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    detached_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (vendor, vendor_id)
);
CREATE INDEX payment_methods_by_time ON payment_methods (organization_id, added_at DESC, id DESC);

CREATE TABLE ai_configs (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    enabled BOOLEAN NOT NULL,
    model TEXT NOT NULL,
    -- Thousandths.
    temperature_milli BIGINT NOT NULL CHECK (temperature_milli BETWEEN 0 AND 2000),
    max_tokens BIGINT NOT NULL CHECK (max_tokens BETWEEN 1 AND 4096),
    system_prompt TEXT NOT NULL,
    sentiment_analysis BOOLEAN NOT NULL,
    auto_summarize BOOLEAN NOT NULL,
    language TEXT NOT NULL,
    grok_chat BOOLEAN NOT NULL,
    openai_chat BOOLEAN NOT NULL,
    grok_tts BOOLEAN NOT NULL,
    elevenlabs_tts BOOLEAN NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id)
);

-- Summaries of calls, and transcripts by order, whose words are the vendor's to keep.
CREATE TABLE ordered_texts (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID,
    kind TEXT NOT NULL CHECK (kind IN ('summary', 'transcript')),
    vendor TEXT NOT NULL,
    vendor_id TEXT,
    status TEXT NOT NULL CHECK (status IN ('queued', 'processing', 'completed', 'error')),
    text TEXT,
    live BOOLEAN NOT NULL,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (vendor, vendor_id)
);
CREATE INDEX ordered_texts_of_call ON ordered_texts (organization_id, call_id, created_at, id);

-- Mails that went, by the vendor's id: what becomes of one leads to its organisation by it. No address, no word.
CREATE TABLE sent_mails (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    vendor TEXT NOT NULL,
    vendor_id TEXT NOT NULL,
    recipients BIGINT NOT NULL,
    sent_at TIMESTAMPTZ NOT NULL,
    delivered_at TIMESTAMPTZ,
    opened_at TIMESTAMPTZ,
    clicked_at TIMESTAMPTZ,
    bounced_at TIMESTAMPTZ,
    complained_at TIMESTAMPTZ,
    UNIQUE (vendor, vendor_id)
);
CREATE INDEX sent_mails_by_time ON sent_mails (sent_at, id);

-- Addresses that are not written to any more, by a hash that is the organisation's own.
CREATE TABLE mail_suppressions (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    address_hash TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('bounced', 'complained', 'refused')),
    mail_id UUID NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, address_hash)
);
CREATE INDEX persons_by_email ON persons (organization_id, LOWER(email), id);
