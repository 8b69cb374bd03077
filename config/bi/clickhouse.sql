-- The rows and alerts of ladderd in ClickHouse: clickhouse-client --multiquery < clickhouse.sql
--
--   topic ladder.current --> current_queue --> current_versions --> view current: one row for each key
--   topic ladder.history --> history_queue --> history_versions --> view history: the same
--   topic ladder.alerts  --> alerts_queue  --> alerts_versions  --> view alerts, view firing
--
-- Before, put your brokers where 127.0.0.1:9092 stands; a password or TLS goes into <kafka> of the server's
-- configuration. Once is enough: ClickHouse reads on by itself, within a second.
--
-- A row is absolute and a later revision replaces it, so everything may be read again at any time. *_versions
-- may hold several revisions of a key; the views show the greatest, so read the views. A row of zeros takes
-- back what stood there. Money, costs and rates are exact. Never add up or average costs, rates and `people`.

CREATE DATABASE IF NOT EXISTS ladder;

-- ---- Rows ----

CREATE TABLE ladder.history_queue
(
	`key` String, schema Int64, kind LowCardinality(String), basis LowCardinality(String),
	level LowCardinality(String), id String, name Nullable(String),
	account LowCardinality(Nullable(String)), campaign LowCardinality(Nullable(String)),
	adset LowCardinality(Nullable(String)), ad LowCardinality(Nullable(String)),
	`window` LowCardinality(String), `from` DateTime64(3, 'UTC'), `to` DateTime64(3, 'UTC'),
	from_ms Int64, to_ms Int64, revision Int64, settled Bool,
	currency LowCardinality(Nullable(String)), impressions Int64, clicks Int64, opens Int64,
	conversations Int64, replies Int64, qualified Int64, handoffs Int64, appointments Int64,
	customers Int64, new_customers Int64, orders Int64, refunds Int64, people Int64, messages_in Int64,
	messages_out Int64, auto_out Int64, out_free Int64, out_service Int64, out_paid Int64,
	followups Int64, overfollowed Int64, implied_qualified Int64, implied_handoff Int64,
	outcomes_unattributed Int64, reported_clicks Int64, reported_conversations Int64, kind_auto Int64,
	kind_prefilled Int64, kind_short Int64, kind_started Int64, kind_engaged Int64,
	audit_untagged Int64, audit_unqualified Int64, audit_partially_qualified Int64, audit_lost Int64,
	audit_qualified Int64, audit_sales_ready Int64, audit_converted Int64, response_under_5m Int64,
	response_under_1h Int64, response_over_1h Int64, customers_under_5m Int64,
	customers_under_1h Int64, customers_over_1h Int64, match_referral Int64, match_click_id Int64,
	match_touch Int64, match_ongoing Int64, match_organic Int64, spend Decimal(19, 6),
	click_cost Decimal(19, 6), revenue Decimal(19, 6), cost_per_click Nullable(Decimal(19, 6)),
	cost_per_open Nullable(Decimal(19, 6)), cost_per_conversation Nullable(Decimal(19, 6)),
	cost_per_reported_conversation Nullable(Decimal(19, 6)),
	cost_per_message_in Nullable(Decimal(19, 6)), cost_per_person Nullable(Decimal(19, 6)),
	cost_per_qualified Nullable(Decimal(19, 6)), cost_per_handoff Nullable(Decimal(19, 6)),
	cost_per_appointment Nullable(Decimal(19, 6)), cac Nullable(Decimal(19, 6)),
	open_rate Nullable(Decimal(19, 6)), click_to_message_rate Nullable(Decimal(19, 6)),
	reply_rate Nullable(Decimal(19, 6)), qualification_rate Nullable(Decimal(19, 6)),
	handoff_rate Nullable(Decimal(19, 6)), close_rate Nullable(Decimal(19, 6)),
	junk_rate Nullable(Decimal(19, 6)), tagging_rate Nullable(Decimal(19, 6)),
	counting_gap Nullable(Decimal(19, 6)), message_to_person_rate Nullable(Decimal(19, 6)),
	fast_response_rate Nullable(Decimal(19, 6)), close_rate_under_5m Nullable(Decimal(19, 6)),
	close_rate_over_1h Nullable(Decimal(19, 6)), revenue_per_conversation Nullable(Decimal(19, 6)),
	average_order_value Nullable(Decimal(19, 6)), revenue_per_customer Nullable(Decimal(19, 6)),
	roas Nullable(Decimal(19, 6)), response_p50 Nullable(Decimal(19, 6)),
	response_p90 Nullable(Decimal(19, 6)), close_time_p50 Nullable(Decimal(19, 6)),
	close_time_p90 Nullable(Decimal(19, 6)), weakest_rung LowCardinality(Nullable(String)),
	diagnosis LowCardinality(Nullable(String))
)
ENGINE = Kafka
SETTINGS kafka_broker_list = '127.0.0.1:9092', kafka_topic_list = 'ladder.history',
	kafka_group_name = 'clickhouse.ladder.history', kafka_format = 'JSONEachRow',
	kafka_flush_interval_ms = 1000, date_time_input_format = 'best_effort';

CREATE TABLE ladder.current_queue AS ladder.history_queue
ENGINE = Kafka
SETTINGS kafka_broker_list = '127.0.0.1:9092', kafka_topic_list = 'ladder.current',
	kafka_group_name = 'clickhouse.ladder.current', kafka_format = 'JSONEachRow',
	kafka_flush_interval_ms = 1000, date_time_input_format = 'best_effort';

-- Each order is that of the key: an hour or day has its beginning in it, a rolling row has not.
CREATE TABLE ladder.history_versions AS ladder.history_queue
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(`from`)
ORDER BY (level, basis, `window`, id, `from`);

CREATE TABLE ladder.current_versions AS ladder.history_queue
ENGINE = ReplacingMergeTree(revision)
ORDER BY (level, basis, `window`, id);

CREATE VIEW ladder.history AS SELECT * FROM ladder.history_versions FINAL;
CREATE VIEW ladder.current AS SELECT * FROM ladder.current_versions FINAL;

CREATE MATERIALIZED VIEW ladder.history_reader TO ladder.history_versions
AS SELECT * FROM ladder.history_queue;
CREATE MATERIALIZED VIEW ladder.current_reader TO ladder.current_versions
AS SELECT * FROM ladder.current_queue;

-- ---- Alerts ----

CREATE TABLE ladder.alerts_queue
(
	labels Map(String, String), annotations Map(String, String), startsAt DateTime64(3, 'UTC'),
	endsAt DateTime64(3, 'UTC'), generatorURL String, status LowCardinality(String), fingerprint String,
	revision Int64, currency LowCardinality(Nullable(String)),
	observed Tuple(numerator Nullable(Decimal(19, 6)), denominator Nullable(Int64),
		rate Nullable(Decimal(19, 6)), low Nullable(Decimal(19, 6)), high Nullable(Decimal(19, 6))),
	baseline Tuple(numerator Nullable(Decimal(19, 6)), denominator Nullable(Int64),
		rate Nullable(Decimal(19, 6)), low Nullable(Decimal(19, 6)), high Nullable(Decimal(19, 6))),
	spend_at_risk Nullable(Decimal(19, 6))
)
ENGINE = Kafka
SETTINGS kafka_broker_list = '127.0.0.1:9092', kafka_topic_list = 'ladder.alerts',
	kafka_group_name = 'clickhouse.ladder.alerts', kafka_format = 'JSONEachRow',
	kafka_flush_interval_ms = 1000, date_time_input_format = 'best_effort';

-- Each time that one fires keeps its last state.
CREATE TABLE ladder.alerts_versions AS ladder.alerts_queue
ENGINE = ReplacingMergeTree(revision)
ORDER BY (fingerprint, startsAt);

CREATE VIEW ladder.alerts AS SELECT * FROM ladder.alerts_versions FINAL;

-- What fires now: each alert's last word, unless it was not said again for so long that it does not hold.
CREATE VIEW ladder.firing AS
SELECT * FROM ladder.alerts
WHERE status = 'firing' AND endsAt > now64()
ORDER BY revision DESC
LIMIT 1 BY fingerprint;

CREATE MATERIALIZED VIEW ladder.alerts_reader TO ladder.alerts_versions
AS SELECT * FROM ladder.alerts_queue;

-- ---- Questions ----

-- What each rung costs, by campaign, window and basis, as of now:
--   SELECT * FROM ladder.cost_per_rung WHERE `window` = '7d' AND basis = 'cohort' ORDER BY spend DESC;
CREATE VIEW ladder.cost_per_rung AS
SELECT account, id AS campaign, name, `window`, basis, `from`, `to`, currency, spend, cost_per_click,
	cost_per_open, cost_per_conversation, cost_per_qualified, cost_per_handoff, cost_per_appointment, cac,
	roas, weakest_rung, diagnosis
FROM ladder.current
WHERE level = 'campaign' AND (spend != 0 OR conversations != 0);

-- The same over whole days, of any span: costs are made from sums, not from costs, cut at the 6th decimal.
--   SELECT * FROM ladder.cost_per_rung_between(first = today() - 7, after = today(), basis = 'cohort');
CREATE VIEW ladder.cost_per_rung_between AS
SELECT day.account AS account, day.id AS campaign, argMax(day.name, day.`to`) AS name,
	day.currency AS currency,
	sum(day.spend) AS spend,
	sum(day.spend) / nullIf(sum(day.clicks), 0) AS cost_per_click,
	sum(day.spend) / nullIf(sum(day.opens), 0) AS cost_per_open,
	sum(day.spend) / nullIf(sum(day.conversations), 0) AS cost_per_conversation,
	sum(day.spend) / nullIf(sum(day.qualified), 0) AS cost_per_qualified,
	sum(day.spend) / nullIf(sum(day.handoffs), 0) AS cost_per_handoff,
	sum(day.spend) / nullIf(sum(day.appointments), 0) AS cost_per_appointment,
	sum(day.spend) / nullIf(sum(day.customers), 0) AS cac,
	sum(day.revenue) / nullIf(sum(day.spend), 0) AS roas
FROM ladder.history AS day
WHERE level = 'campaign' AND `window` = '1d' AND basis = {basis:String}
	AND `from` >= {first:DateTime64(3, 'UTC')} AND `from` < {after:DateTime64(3, 'UTC')}
GROUP BY account, campaign, currency;
