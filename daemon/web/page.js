// The page: asks for rows every two seconds and shows them. What is chosen is in the address, so that a link
// or a reload shows the same.

import * as format from "./format.js";
import * as model from "./model.js";
import {showAlerts} from "./alerts.js";
import {ROWS_ASKED, Refusal, Silence, ask, askAlerts, askBefore, askRarely, askReasons,
        askRows} from "./ask.js";
import {cell, fillBody, make, nameOf, widen, write} from "./draw.js";
import {DIAGNOSES, DROPS, NOTHING, NO_NORM, RUNG_WORDS} from "./words.js";

const POLL_MS = 2000, SLOW_POLL_MS = 10000, MANY_ROWS = 400, ROWS_SHOWN = 200;

const $ = id => document.getElementById(id);
const choice = {account: "", campaign: "", ad: "", window: "", basis: "cohort", level: "campaign",
                sort: "spend", order: "descending"};
let status = null, settings = null, rows = [], accounts = [];
let refused = []; // levels of which there are more rows than are asked for
let wanted = null; // level and id that an address named by a row's key
let timer = null, isAsking = false, isAskedAgain = false, lastMs = 0;

// ---- Asking ----

// All of a level; where these are too many, those of the campaign that is chosen, or none.
async function askLevel(level, common) {
  for (const scope of choice.campaign ? [{}, {campaign: choice.campaign}] : [{}])
    try {
      return await askRows({...common, level, account: choice.account, ...scope});
    } catch (error) {
      if (!(error instanceof Refusal))
        throw error;
    }
  refused.push(level);
  return [];
}

async function askAccount(common) {
  refused = [];
  const levels = choice.level === "adset" ? ["campaign", "adset", "ad"] : ["campaign", "ad"];
  const found = await Promise.all(levels.map(level => askLevel(level, common)));
  return [...accounts.filter(row => row.id === choice.account), ...found.flat()];
}

// ---- The choice ----

// An address may also name a row by its key, as alerts do: #rolling/event/1h/campaign/cam_1.
function readKey(text) {
  const [kind, basis, length, level, id] = text.split("/");
  if (kind !== "rolling" || !id)
    return false;
  const decoded = id.replaceAll("%2F", "/").replaceAll("%25", "%");
  wanted = level === "account" ? null : {level, id: decoded};
  Object.assign(choice, {basis, window: length, account: level === "account" ? decoded : ""});
  return true;
}

function readAddress() {
  Object.assign(choice, {account: "", campaign: "", ad: ""});
  const isKey = readKey(location.hash.slice(1));
  for (const [name, value] of new URLSearchParams(isKey ? "" : location.hash.slice(1)))
    if (name in choice)
      choice[name] = value;
  for (const name of ["basis", "level"])
    for (const input of document.querySelectorAll(`input[name=${name}]`))
      input.checked = input.value === choice[name];
}

function writeAddress() {
  const query = new URLSearchParams(Object.entries(choice).filter(([, value]) => value !== ""));
  if (location.hash.slice(1) !== query.toString())
    history.replaceState(null, "", `#${query}`);
}

function fillSelect(select, all, options, chosen) {
  const wanted = [...(all ? [["", all]] : []), ...options];
  const same = wanted.length === select.options.length && wanted.every(([value, text], at) =>
    select.options[at].value === value && select.options[at].text === text);
  if (!same)
    select.replaceChildren(...wanted.map(([value, text]) => new Option(text, value)));
  if (select.value !== chosen)
    select.value = chosen;
}

function optionsOf(level, isIn) {
  return rows.filter(row => row.level === level && isIn(row)).map(row => [row.id, nameOf(row)])
    .sort((a, b) => a[1].localeCompare(b[1]));
}

// A choice that has no numbers just now stays a choice.
function withChosen(options, id) {
  return id === "" || options.some(([value]) => value === id) ? options : [...options, [id, id]];
}

function showChoice() {
  fillSelect($("account"), "", withChosen(accounts.map(row => [row.id, nameOf(row)]), choice.account),
             choice.account);
  fillSelect($("campaign"), "all campaigns", withChosen(optionsOf("campaign", () => true), choice.campaign),
             choice.campaign);
  const isIn = row => choice.campaign === "" || row.campaign === choice.campaign;
  fillSelect($("ad"), "all ads", withChosen(optionsOf("ad", isIn), choice.ad), choice.ad);
}

function makeWindows() {
  const names = settings.windows.map(each => each.window);
  if (!names.includes(choice.window))
    choice.window = names.includes("24h") ? "24h" : names.at(-1);
  for (const input of $("windows").querySelectorAll("input"))
    input.checked = input.value === choice.window;
  if ($("windows").children.length)
    return;
  for (const name of names) {
    const label = make("label"), input = make("input");
    Object.assign(input, {type: "radio", name: "window", value: name, checked: name === choice.window});
    label.append(input, make("span", "", name));
    $("windows").append(label);
  }
}

function choose(changes) {
  Object.assign(choice, changes);
  writeAddress();
  showChoice();
  update();
}

function chosenScope() {
  if (choice.ad)
    return ["ad", choice.ad];
  return choice.campaign ? ["campaign", choice.campaign] : ["account", choice.account];
}

// ---- The verdict ----

function showVerdict(row, steps) {
  const isUnjudged = row?.level === "account" && row.diagnosis === "too_little_data" &&
                     row.conversations >= settings.min_volume;
  const [tone, title, why, advice] = isUnjudged ? NO_NORM : DIAGNOSES[row?.diagnosis] ?? NOTHING;
  $("verdict").className = tone;
  write($("verdict-title"), title);
  const weakest = steps?.find(step => step.word === row.weakest_rung);
  const norm = weakest && steps.norms[weakest.word];
  const weak = weakest ? ` Weakest: ${RUNG_WORDS[weakest.word]}, ${format.percent(weakest.rate)}` +
                         (norm ? ` where ${format.percent(norm)} are usual here.` : ".") : "";
  write($("verdict-why"), why + weak);
  write($("verdict-advice"), advice);
}

// ---- The ladder ----

function makeStep() {
  const line = make("tr"), name = make("th"), track = make("td"), before = make("td", "number");
  name.scope = "row";
  name.append(make("span"), " ", make("span", "tag alarm"), " ", make("span", "tag trap"));
  const bar = make("div", "track");
  bar.append(make("div", "part"), make("div", "norm"));
  track.append(bar, make("span", "of"));
  before.append(make("span"), make("div", "change"));
  line.append(name, make("td", "number"), track, make("td", "number rate"), make("td", "number"), before);
  return line;
}

function changeOf(now, then) {
  if (!then)
    return "";
  const change = now / then - 1;
  return `${change >= 0 ? "+" : "−"}${Math.abs(change * 100).toFixed(0)} % to now`;
}

function fillStep(line, step, row, norm, before) {
  const [name, , trackCell, , , beforeCell] = line.children;
  const [bar, of] = trackCell.children;
  line.classList.toggle("most", step.isMost);
  write(name.children[0], step.name);
  write(name.children[1], "largest drop-off");
  name.children[1].hidden = !step.isMost;
  write(name.children[2], "weakest");
  name.children[2].title = "Of all that are judged, the smallest part of what is usual here";
  name.children[2].hidden = row.weakest_rung !== step.word;
  cell(line, 1, format.count(step.reached));
  bar.classList.toggle("none", !step.total);
  widen(bar.children[0], step.rate);
  bar.children[1].hidden = !norm;
  bar.children[1].style.left = `${(norm ?? 0) * 100}%`;
  const usual = norm ? `; usual here: ${format.percent(norm)}` : "";
  write(of, step.total ? `${format.count(step.reached)} of ${format.count(step.total)} ` +
                         `${model.NAMES[step.of]}${usual}` : "");
  cell(line, 3, format.percent(step.rate));
  cell(line, 4, format.money(step.cost, row.currency));
  const then = before?.sum[step.field];
  write(beforeCell.children[0], before ? format.count(then) : "");
  write(beforeCell.children[1], before ? changeOf(step.reached, then) : "");
}

function wordsOfBefore(before) {
  const what = before.isSettled ? "these numbers do not change any more" : "these numbers may still change";
  return `Before: from ${format.time(before.span.from)} to ${format.time(before.span.to)}; ${what}.`;
}

function showLadder(row, before) {
  const {steps, most} = row ? model.ladderOf(row, settings.min_volume) : {steps: [], most: null};
  steps.norms = steps.length ? row.norms : {};
  write($("ladder-title"), row ? `The ladder of ${nameOf(row)}` : "The ladder");
  write($("ladder-sub"), row ? `${format.time(row.from_ms)} to ${format.time(row.to_ms)}; spent ` +
        `${format.money(row.spend, row.currency)}, earned ${format.money(row.revenue, row.currency)}` +
        (most ? `. Largest drop-off: ${DROPS[most.word]}.` : ".") : "There is nothing in this window.");
  write($("before-head"), before ? `${choice.window} before` : "Before");
  $("before-head").title = before ? `${format.time(before.span.from)} to ${format.time(before.span.to)}`
                                  : "Nothing is known of the time before, or the window is less than an hour";
  write($("before-words"), before ? wordsOfBefore(before) : "");
  fillBody(document.querySelector("#ladder tbody"), steps, step => step.word, makeStep,
           (line, step) => fillStep(line, step, row, row.norms[step.word], before));
  showVerdict(row, steps);
}

// ---- Reported and counted; the first answer ----

function makeBarLine() {
  const line = make("tr"), name = make("th"), bar = make("td");
  name.scope = "row";
  bar.append(make("div", "bar"));
  line.append(name, make("td", "number"), bar, make("td", "number"));
  return line;
}

function showCounted(row) {
  const lines = row ? [
    ["conversions, says the platform", row.reported_conversations, row.cost_per_reported_conversation],
    ["messages came in", row.messages_in, row.cost_per_message_in],
    ["conversations began", row.conversations, row.cost_per_conversation],
    ["people wrote", row.people, row.cost_per_person],
    ["are qualified", row.qualified, row.cost_per_qualified],
    ["became customers", row.customers, row.cac],
  ] : [];
  const most = Math.max(1, ...lines.map(line => line[1]));
  fillBody(document.querySelector("#counted tbody"), lines, line => line[0], makeBarLine, (line, item) => {
    cell(line, 0, item[0]);
    cell(line, 1, format.count(item[1]));
    widen(line.children[2].children[0], item[1] / most);
    cell(line, 3, format.money(item[2], row.currency));
  });
  write($("counted-words"), row ? wordsOfCounted(row) : "");
}

function wordsOfCounted(row) {
  if (!row.reported_conversations)
    return "The platform has reported no conversations for this window.";
  const gap = row.counting_gap;
  const what = gap > 0 ? `: ${format.percent(gap)} of what it counts nobody wrote` : "";
  return `The platform reports ${format.count(row.reported_conversations)}; ` +
         `${format.count(row.messages_in)} messages came from ${format.count(row.people)} people, in ` +
         `${format.count(row.conversations)} conversations${what}. Many platforms count opened chats.`;
}

function makeSpeedLine() {
  const line = makeBarLine();
  line.insertBefore(make("td", "number"), line.children[2]);
  return line;
}

function showSpeed(row) {
  const bands = row ? [["in under 5 minutes", "under_5m"], ["in under an hour", "under_1h"],
                       ["after an hour or more", "over_1h"]].map(([name, band]) => ({
    name, answered: row[`response_${band}`], customers: row[`customers_${band}`],
    rate: format.divide(row[`customers_${band}`], row[`response_${band}`])})) : [];
  const most = Math.max(1e-9, ...bands.map(band => band.rate ?? 0));
  fillBody(document.querySelector("#speed tbody"), bands, band => band.name, makeSpeedLine, (line, band) => {
    cell(line, 0, band.name);
    cell(line, 1, format.count(band.answered));
    cell(line, 2, format.count(band.customers));
    widen(line.children[3].children[0], (band.rate ?? 0) / most);
    cell(line, 4, format.percent(band.rate));
  });
  write($("speed-words"), row ? wordsOfSpeed(row, bands) : "");
}

function wordsOfSpeed(row, [fast, , slow]) {
  if (row.response_p50 === null)
    return "Nobody has been answered in this window.";
  const half = `Half of the first answers came within ${format.duration(row.response_p50)}, ` +
               `nine of ten within ${format.duration(row.response_p90)}.`;
  const isSure = Math.min(fast.answered, slow.answered) >= settings.min_volume && slow.customers > 0;
  return isSure ? `${half} Who was answered in under 5 minutes became a customer ` +
                  `${format.factor(fast.rate / slow.rate)} as often as who waited an hour.` : half;
}

// ---- The comparison ----

const COLUMNS = [
  ["name", "Name", row => nameOf(row)],
  ["spend", "Spend", row => row.spend],
  ["conversations", "Conver­sations", row => row.conversations],
  ["cost_per_conversation", "Cost per conversation", row => row.cost_per_conversation],
  ["qualified", "Qualified", row => row.qualified],
  ["cost_per_qualified", "Cost per qualified", row => row.cost_per_qualified],
  ["customers", "Customers", row => row.customers],
  ["cac", "Cost per customer", row => row.cac],
  ["roas", "Revenue by spend", row => row.roas],
  ["response_p50", "First answer (half within)", row => row.response_p50],
  ["diagnosis", "Diagnosis", row => DIAGNOSES[row.diagnosis]?.[1] ?? ""],
];

function makeHead() {
  const line = document.querySelector("#compare thead tr");
  for (const [field, title] of COLUMNS) {
    const head = make("th", field === "name" || field === "diagnosis" ? "" : "number");
    const button = make("button");
    head.scope = "col";
    button.type = "button";
    button.textContent = title;
    button.addEventListener("click", () => sortBy(field));
    head.append(button);
    line.append(head);
  }
}

function sortBy(field) {
  const isText = field === "name" || field === "diagnosis";
  const isSame = choice.sort === field;
  const first = isText || model.COSTS.includes(field) ? "ascending" : "descending";
  const other = choice.order === "ascending" ? "descending" : "ascending";
  Object.assign(choice, {sort: field, order: isSame ? other : first});
  writeAddress();
  showCompare();
}

// What is not known comes last, whichever way.
function byColumn(a, b) {
  const value = (COLUMNS.find(([field]) => field === choice.sort) ?? COLUMNS[1])[2];
  const left = value(a.row), right = value(b.row), sign = choice.order === "ascending" ? 1 : -1;
  if (left === null || right === null)
    return (left === null) - (right === null);
  return sign * (typeof left === "string" ? left.localeCompare(right) : left - right);
}

function makeCompareLine(item) {
  const line = make("tr"), name = make("th"), button = make("button");
  name.scope = "row";
  button.type = "button";
  button.addEventListener("click", () => open(item.row.level, item.row.id, item.row));
  name.append(button, " ", make("span", "tag trap"));
  line.append(name);
  for (const [field] of COLUMNS.slice(1)) {
    const data = make("td", field === "diagnosis" ? "" : "number");
    data.append(make("span"), " ", make("span", "rank"));
    line.append(data);
  }
  return line;
}

function open(level, id, row) {
  if (level === "campaign")
    choose({campaign: id, ad: ""});
  else if (level === "ad")
    choose({campaign: row.campaign ?? "", ad: id});
}

// Of an ad set there is no ladder here: that of its campaign.
function openLabels({account = "", campaign = "", ad = ""}) {
  choose({account, campaign, ad});
  $("ladder-section").scrollIntoView();
}

function textOf(field, row) {
  if (["spend", "cost_per_conversation", "cost_per_qualified", "cac"].includes(field))
    return format.money(row[field], row.currency);
  if (field === "roas")
    return format.factor(row.roas);
  if (field === "response_p50")
    return format.duration(row.response_p50);
  return field === "diagnosis" ? DIAGNOSES[row.diagnosis]?.[1] ?? "" : format.count(row[field]);
}

function fillCompareLine(line, {row, dear, ranks}, total) {
  const [button, tag] = line.children[0].children;
  write(button, nameOf(row));
  button.disabled = row.level === "adset";
  line.classList.toggle("trap", dear.length > 0);
  write(tag, dear.length ? "cheap messages, dear customers" : "");
  tag.hidden = !dear.length;
  COLUMNS.slice(1).forEach(([field], at) => {
    const data = line.children[at + 1];
    write(data.children[0], textOf(field, row));
    write(data.children[1], ranks[field] ? `${ranks[field]}/${total}` : "");
    data.classList.toggle("dear", dear.includes(field));
    data.classList.toggle("cheap", dear.length > 0 && field === "cost_per_conversation");
  });
}

function wordsOfCompare(compared) {
  const traps = compared.filter(item => item.dear.length);
  if (!traps.length)
    return "Beside the cost of a conversation stands what a qualified one and a customer cost, each with " +
           "its rank, cheapest first.";
  const {row, dear} = traps[0];
  const cost = format.money(dear.includes("cac") ? row.cac : row.cost_per_qualified, row.currency);
  const what = dear.includes("cac") ? `a customer costs ${cost}` : `a qualified one costs ${cost}`;
  return `${nameOf(row)} looks cheap at ${format.money(row.cost_per_conversation, row.currency)} for a ` +
         `conversation, but ${what}, more than one and a half times what is usual. Budget moved there buys ` +
         `messages, not customers.`;
}

function showCompare() {
  const all = rows.filter(row => row.level === choice.level);
  const isAll = choice.campaign === "" || choice.level === "campaign";
  const isIn = row => isAll || row.campaign === choice.campaign;
  const account = rows.find(row => row.level === "account");
  const isCut = refused.includes(choice.level);
  const compared = model.compare(all.filter(isIn), all, account, settings.min_volume);
  const sorted = [...compared].sort(byColumn);
  COLUMNS.forEach(([field], at) => {
    const head = document.querySelector("#compare thead tr").children[at];
    if (field === choice.sort)
      head.setAttribute("aria-sort", choice.order);
    else
      head.removeAttribute("aria-sort");
  });
  fillBody(document.querySelector("#compare tbody"), sorted.slice(0, ROWS_SHOWN), item => item.row.key,
           makeCompareLine, (line, item) => fillCompareLine(line, item, compared.length));
  write($("compare-words"), wordsOfCompare(compared));
  write($("compare-cut"), isCut ? `There are more than ${ROWS_ASKED} of them: choose a campaign.`
    : sorted.length > ROWS_SHOWN ? `The first ${ROWS_SHOWN} of ${sorted.length}.` : "");
}

// ---- How fresh, how settled ----

function wordsOfLag() {
  const lag = status.tasks.flatMap(task => task.inputs).reduce((sum, input) => sum + (input.lag ?? 0), 0);
  if (lag)
    return `${format.count(lag)} records that have arrived are not read yet.`;
  return status.rows_waiting ? `${format.count(status.rows_waiting)} rows are on their way.`
                             : "Everything that has arrived is in these numbers.";
}

function showFresh() {
  const late = format.duration(settings.lateness_ms / 1000);
  const length = format.duration(settings.outcome_window_ms / 1000);
  const now = status.stream_time_ms;
  const time = now === null ? "No time is known yet." : `As of ${format.time(now)}.`;
  write($("fresh"), `${time} ${wordsOfLag()}`);
  write($("settled"), `Events may come up to ${late} late and still change these numbers` +
        (choice.basis === "cohort" ? "; outcomes are added to a conversation for " +
                                     `${length} after its last message.` : "."));
  write($("version"), `ladderd ${status.version}`);
}

function showNotice(text) {
  $("notice").hidden = !text;
  write($("notice"), text);
}

function showLive(isLive) {
  if (isLive)
    lastMs = Date.now();
  $("live").className = isLive ? "on" : "off";
  write($("live"), isLive ? "live" : lastMs ? `no answer since ${format.clock(lastMs)}` : "no answer");
}

// ---- Round and round ----

// What would be refused is not asked.
function refuseEarly() {
  if (!status.merging)
    throw new Refusal("This instance does not publish the rows, or not yet. Of several instances look at " +
                      "the one that has partition 0.");
}

// A row named by its key: its account, and its campaign.
async function resolveWanted(common) {
  if (!wanted)
    return;
  const [row] = await askRows({...common, ...wanted});
  if (row)
    Object.assign(choice, {account: row.account, campaign: row.campaign ?? "", ad: row.ad ?? ""});
  wanted = null;
}

async function chooseAccount(common) {
  accounts = (await askRows({...common, level: "account"})).sort((a, b) => a.id.localeCompare(b.id));
  if (!choice.account && accounts.length)
    choice.account = accounts.reduce((most, row) => row.conversations > most.conversations ? row : most).id;
}

// What is usual: of an account as a whole, what the settings say.
async function askNorms(level, common) {
  if (level === "account")
    return settings.norms;
  const longest = settings.windows.find(each => each.window === "28d") ?? settings.windows.at(-1);
  const whole = {...common, window: longest.window, level: "account", id: choice.account};
  return model.normsOf((await askRarely(whole))[0]);
}

async function refresh() {
  status = await ask("/status");
  settings = status.settings;
  makeWindows();
  const reasons = status.ready ? [] : await askReasons();
  refuseEarly();
  const common = {kind: "rolling", basis: choice.basis, window: choice.window};
  await resolveWanted(common);
  await chooseAccount(common);
  rows = choice.account ? await askAccount(common) : [];
  const [level, id] = chosenScope();
  const row = rows.find(each => each.level === level && each.id === id);
  if (row)
    row.norms = await askNorms(level, common);
  const before = row ? await askBefore(row) : null;
  show(row, before, await askAlerts(), reasons);
}

function show(row, before, alerts, reasons) {
  showChoice();
  writeAddress();
  showLadder(row, before);
  showCounted(row);
  showSpeed(row);
  showCompare();
  showAlerts(alerts, openLabels);
  showFresh();
  const [level, id] = chosenScope();
  $("raw").href = `/api/v1/rows?${new URLSearchParams({kind: "rolling", window: choice.window, level, id})}`;
  showNotice(reasons.join("\n"));
  showLive(true);
  document.title = `${row ? nameOf(row) : choice.account || "nothing yet"} · ladderd`;
}

async function update() {
  isAskedAgain = isAsking;
  if (isAsking)
    return;
  isAsking = true;
  clearTimeout(timer);
  try {
    await refresh();
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof Silence))
      throw error;
    showLive(error instanceof Refusal);
    showNotice(error instanceof Refusal ? error.message : "");
  } finally {
    isAsking = false;
    timer = setTimeout(update, isAskedAgain ? 0 : rows.length > MANY_ROWS ? SLOW_POLL_MS : POLL_MS);
  }
}

function listen() {
  $("choice").addEventListener("submit", event => event.preventDefault());
  $("account").addEventListener("change", event =>
    choose({account: event.target.value, campaign: "", ad: ""}));
  $("campaign").addEventListener("change", event => choose({campaign: event.target.value, ad: ""}));
  $("ad").addEventListener("change", event => choose({ad: event.target.value}));
  $("windows").addEventListener("change", event => choose({window: event.target.value}));
  for (const input of document.querySelectorAll("input[name=basis]"))
    input.addEventListener("change", () => choose({basis: input.value}));
  $("compare-levels").addEventListener("change", event => choose({level: event.target.value}));
  document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : update());
  window.addEventListener("hashchange", () => {
    readAddress();
    update();
  });
}

readAddress();
makeHead();
listen();
update();
