-- The rows of ladderd in Snowflake. snowflake-connector.json, Snowflake's Kafka connector with Snowpipe
-- Streaming, puts the records of ladder.current and ladder.history into ladder_records as they are; the views
-- make rows of them.
--
-- A row is absolute and a later revision replaces it, so everything may be read again at any time; the views
-- show the greatest revision of each key. A row of zeros takes back what stood there. Money, costs and rates are
-- exact. Never add up or average costs, rates and people.

CREATE TABLE IF NOT EXISTS ladder_records (record_metadata VARIANT, record_content VARIANT);

-- FROM, TO, KEY, SCHEMA and WINDOW are words of SQL: write these names in capitals and double quotes.
CREATE OR REPLACE VIEW ladder_rows AS
SELECT
	record_content:"key"::STRING AS "KEY",
	record_content:"schema"::NUMBER(19) AS "SCHEMA",
	record_content:"kind"::STRING AS kind,
	record_content:"basis"::STRING AS basis,
	record_content:"level"::STRING AS level,
	record_content:"id"::STRING AS id,
	record_content:"name"::STRING AS name,
	record_content:"account"::STRING AS account,
	record_content:"campaign"::STRING AS campaign,
	record_content:"adset"::STRING AS adset,
	record_content:"ad"::STRING AS ad,
	record_content:"window"::STRING AS "WINDOW",
	record_content:"from"::TIMESTAMP_TZ AS "FROM",
	record_content:"to"::TIMESTAMP_TZ AS "TO",
	record_content:"from_ms"::NUMBER(19) AS from_ms,
	record_content:"to_ms"::NUMBER(19) AS to_ms,
	record_content:"revision"::NUMBER(19) AS revision,
	record_content:"settled"::BOOLEAN AS settled,
	record_content:"currency"::STRING AS currency,
	record_content:"impressions"::NUMBER(19) AS impressions,
	record_content:"clicks"::NUMBER(19) AS clicks,
	record_content:"opens"::NUMBER(19) AS opens,
	record_content:"conversations"::NUMBER(19) AS conversations,
	record_content:"replies"::NUMBER(19) AS replies,
	record_content:"qualified"::NUMBER(19) AS qualified,
	record_content:"handoffs"::NUMBER(19) AS handoffs,
	record_content:"appointments"::NUMBER(19) AS appointments,
	record_content:"customers"::NUMBER(19) AS customers,
	record_content:"new_customers"::NUMBER(19) AS new_customers,
	record_content:"orders"::NUMBER(19) AS orders,
	record_content:"refunds"::NUMBER(19) AS refunds,
	record_content:"people"::NUMBER(19) AS people,
	record_content:"messages_in"::NUMBER(19) AS messages_in,
	record_content:"messages_out"::NUMBER(19) AS messages_out,
	record_content:"auto_out"::NUMBER(19) AS auto_out,
	record_content:"out_free"::NUMBER(19) AS out_free,
	record_content:"out_service"::NUMBER(19) AS out_service,
	record_content:"out_paid"::NUMBER(19) AS out_paid,
	record_content:"followups"::NUMBER(19) AS followups,
	record_content:"overfollowed"::NUMBER(19) AS overfollowed,
	record_content:"implied_qualified"::NUMBER(19) AS implied_qualified,
	record_content:"implied_handoff"::NUMBER(19) AS implied_handoff,
	record_content:"outcomes_unattributed"::NUMBER(19) AS outcomes_unattributed,
	record_content:"reported_clicks"::NUMBER(19) AS reported_clicks,
	record_content:"reported_conversations"::NUMBER(19) AS reported_conversations,
	record_content:"kind_auto"::NUMBER(19) AS kind_auto,
	record_content:"kind_prefilled"::NUMBER(19) AS kind_prefilled,
	record_content:"kind_short"::NUMBER(19) AS kind_short,
	record_content:"kind_started"::NUMBER(19) AS kind_started,
	record_content:"kind_engaged"::NUMBER(19) AS kind_engaged,
	record_content:"audit_untagged"::NUMBER(19) AS audit_untagged,
	record_content:"audit_unqualified"::NUMBER(19) AS audit_unqualified,
	record_content:"audit_partially_qualified"::NUMBER(19) AS audit_partially_qualified,
	record_content:"audit_lost"::NUMBER(19) AS audit_lost,
	record_content:"audit_qualified"::NUMBER(19) AS audit_qualified,
	record_content:"audit_sales_ready"::NUMBER(19) AS audit_sales_ready,
	record_content:"audit_converted"::NUMBER(19) AS audit_converted,
	record_content:"response_under_5m"::NUMBER(19) AS response_under_5m,
	record_content:"response_under_1h"::NUMBER(19) AS response_under_1h,
	record_content:"response_over_1h"::NUMBER(19) AS response_over_1h,
	record_content:"customers_under_5m"::NUMBER(19) AS customers_under_5m,
	record_content:"customers_under_1h"::NUMBER(19) AS customers_under_1h,
	record_content:"customers_over_1h"::NUMBER(19) AS customers_over_1h,
	record_content:"match_referral"::NUMBER(19) AS match_referral,
	record_content:"match_click_id"::NUMBER(19) AS match_click_id,
	record_content:"match_touch"::NUMBER(19) AS match_touch,
	record_content:"match_ongoing"::NUMBER(19) AS match_ongoing,
	record_content:"match_organic"::NUMBER(19) AS match_organic,
	record_content:"spend"::NUMBER(19, 6) AS spend,
	record_content:"click_cost"::NUMBER(19, 6) AS click_cost,
	record_content:"revenue"::NUMBER(19, 6) AS revenue,
	record_content:"cost_per_click"::NUMBER(19, 6) AS cost_per_click,
	record_content:"cost_per_open"::NUMBER(19, 6) AS cost_per_open,
	record_content:"cost_per_conversation"::NUMBER(19, 6) AS cost_per_conversation,
	record_content:"cost_per_reported_conversation"::NUMBER(19, 6) AS cost_per_reported_conversation,
	record_content:"cost_per_message_in"::NUMBER(19, 6) AS cost_per_message_in,
	record_content:"cost_per_person"::NUMBER(19, 6) AS cost_per_person,
	record_content:"cost_per_qualified"::NUMBER(19, 6) AS cost_per_qualified,
	record_content:"cost_per_handoff"::NUMBER(19, 6) AS cost_per_handoff,
	record_content:"cost_per_appointment"::NUMBER(19, 6) AS cost_per_appointment,
	record_content:"cac"::NUMBER(19, 6) AS cac,
	record_content:"open_rate"::NUMBER(19, 6) AS open_rate,
	record_content:"click_to_message_rate"::NUMBER(19, 6) AS click_to_message_rate,
	record_content:"reply_rate"::NUMBER(19, 6) AS reply_rate,
	record_content:"qualification_rate"::NUMBER(19, 6) AS qualification_rate,
	record_content:"handoff_rate"::NUMBER(19, 6) AS handoff_rate,
	record_content:"close_rate"::NUMBER(19, 6) AS close_rate,
	record_content:"junk_rate"::NUMBER(19, 6) AS junk_rate,
	record_content:"tagging_rate"::NUMBER(19, 6) AS tagging_rate,
	record_content:"counting_gap"::NUMBER(19, 6) AS counting_gap,
	record_content:"message_to_person_rate"::NUMBER(19, 6) AS message_to_person_rate,
	record_content:"fast_response_rate"::NUMBER(19, 6) AS fast_response_rate,
	record_content:"close_rate_under_5m"::NUMBER(19, 6) AS close_rate_under_5m,
	record_content:"close_rate_over_1h"::NUMBER(19, 6) AS close_rate_over_1h,
	record_content:"revenue_per_conversation"::NUMBER(19, 6) AS revenue_per_conversation,
	record_content:"average_order_value"::NUMBER(19, 6) AS average_order_value,
	record_content:"revenue_per_customer"::NUMBER(19, 6) AS revenue_per_customer,
	record_content:"roas"::NUMBER(19, 6) AS roas,
	record_content:"response_p50"::NUMBER(19, 6) AS response_p50,
	record_content:"response_p90"::NUMBER(19, 6) AS response_p90,
	record_content:"close_time_p50"::NUMBER(19, 6) AS close_time_p50,
	record_content:"close_time_p90"::NUMBER(19, 6) AS close_time_p90,
	record_content:"weakest_rung"::STRING AS weakest_rung,
	record_content:"diagnosis"::STRING AS diagnosis
FROM ladder_records
QUALIFY ROW_NUMBER() OVER (
	PARTITION BY record_content:"key"::STRING
	ORDER BY record_content:"revision"::NUMBER(19) DESC
) = 1;

CREATE OR REPLACE VIEW ladder_current AS SELECT * FROM ladder_rows WHERE kind = 'rolling';
CREATE OR REPLACE VIEW ladder_history AS SELECT * FROM ladder_rows WHERE kind = 'bucket';

-- What each rung costs, by campaign, window and basis, as of now:
--   SELECT * FROM ladder_cost_per_rung WHERE "WINDOW" = '7d' AND basis = 'cohort' ORDER BY spend DESC;
CREATE OR REPLACE VIEW ladder_cost_per_rung AS
SELECT account, id AS campaign, name, "WINDOW", basis, "FROM", "TO", currency, spend, cost_per_click,
	cost_per_open, cost_per_conversation, cost_per_qualified, cost_per_handoff, cost_per_appointment, cac,
	roas, weakest_rung, diagnosis
FROM ladder_current
WHERE level = 'campaign' AND (spend <> 0 OR conversations <> 0);
