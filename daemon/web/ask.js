// What the page asks of ladderd, and how refusals and silence are told apart.

import * as model from "./model.js";

const OLD_MS = 30000, TIMEOUT_MS = 15000;
export const ROWS_ASKED = 2000;
const kept = new Map(); // answers that change slowly: by what was asked

// ---- One question ----

export class Refusal extends Error {}
export class Silence extends Error {}

async function fetchJson(address) {
  try {
    const answer = await fetch(address, {signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store"});
    return {answer, body: await answer.json()};
  } catch (error) {
    throw new Silence(error.message);
  }
}

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ""));
  const {answer, body} = await fetchJson(`${path}?${query}`);
  if (!answer.ok)
    throw new Refusal(body.error);
  return body;
}

export async function askRows(parameters) {
  return ask("/api/v1/rows", {limit: ROWS_ASKED, ...parameters});
}

export async function askRarely(parameters) {
  const key = JSON.stringify(parameters);
  const old = kept.get(key);
  if (old && Date.now() - old.ms < OLD_MS)
    return old.rows;
  const found = await askRows(parameters);
  if (kept.size > 50)
    kept.clear();
  kept.set(key, {ms: Date.now(), rows: found});
  return found;
}

// Why it is not ready.
export async function askReasons() {
  return (await fetchJson("/readyz")).body.reasons;
}

// null: nobody has judged yet.
export async function askAlerts() {
  try {
    return await ask("/api/v1/alerts");
  } catch (error) {
    if (error instanceof Refusal)
      return null;
    throw error;
  }
}

// What the same scope did in the span before, from whole hours and days of the history.
export async function askBefore(row) {
  const span = model.spanBefore(row);
  if (!span)
    return null;
  const parts = await askParts(row, span);
  const sum = model.sum(parts);
  const isSettled = parts.every(part => part.settled);
  return Object.values(sum).some(value => value) ? {span, sum, isSettled} : null;
}

async function askParts(row, span) {
  const scope = {kind: "bucket", basis: row.basis, level: row.level, id: row.id};
  const within = part => ({...scope, from_ms: part.from, to_ms: part.to});
  if (!model.isLong(span))
    return askRarely({...within(span), window: "1h"});
  const {chosen, gaps} = model.cutByDays(span, await askRarely({...within(span), window: "1d"}));
  const few = gaps.filter(gap => gap.to - gap.from <= 2 * 24 * model.HOUR_MS);
  const hours = await Promise.all(few.map(gap => askRarely({...within(gap), window: "1h"})));
  return [...chosen, ...hours.flat()];
}
