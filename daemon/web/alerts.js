// The alerts that fire: objects of Alertmanager's API with a few fields more (README, "Alerts").

import * as format from "./format.js";
import {fillBody, make, write} from "./draw.js";

const SHOWN = 50, SEVERITIES = ["critical", "warning"];

function makeAlert(alert, open) {
  const line = make("li"), head = make("p"), button = make("button", "link", "its ladder");
  button.type = "button";
  button.addEventListener("click", () => open(alert.labels));
  head.append(make("span", "tag"), " ", make("strong"), " ", button);
  line.append(head, make("p"), make("p"), make("p"), make("p", "sub"));
  return line;
}

function label(element, word, text) {
  write(element, text ? `${word}: ${text}` : "");
}

function fillAlert(line, alert) {
  const notes = alert.annotations ?? {};
  const [head, description, cause, advice, stakes] = line.children;
  const [severity, title, button] = head.children;
  const isOfInput = alert.labels.level === "input";
  line.className = alert.labels.severity;
  write(severity, alert.labels.severity ?? "");
  severity.classList.toggle("alarm", alert.labels.severity === "critical");
  severity.classList.toggle("trap", alert.labels.severity !== "critical");
  write(title, notes.summary ?? alert.labels.alertname);
  button.hidden = isOfInput;
  label(description, "Seen", notes.description);
  label(cause, "Cause", notes.cause);
  label(advice, "What to do", notes.advice);
  const spend = alert.spend_at_risk === null || alert.spend_at_risk === undefined ? ""
    : `; ${format.money(alert.spend_at_risk, alert.currency ?? "USD")} spent there in 24 hours`;
  write(stakes, `${alert.labels.alertname} fires since ${format.time(Date.parse(alert.startsAt))}${spend}`);
}

function bySeverity(a, b) {
  const place = alert => (SEVERITIES.indexOf(alert.labels.severity) + 9) % 9;
  return place(a) - place(b) || (b.spend_at_risk ?? 0) - (a.spend_at_risk ?? 0) ||
         a.fingerprint.localeCompare(b.fingerprint);
}

function say(list, text) {
  if (list.textContent !== text)
    list.replaceChildren(make("li", "none", text));
}

// `alerts`: null where nobody has judged yet. `open` shows the ladder of whose labels it is given.
export function showAlerts(alerts, open) {
  const list = document.getElementById("alerts"), cut = document.getElementById("alerts-cut");
  const firing = (alerts ?? []).filter(alert => alert.status === "firing").sort(bySeverity);
  const rest = `The first ${SHOWN} of ${firing.length}; all are at /api/v1/alerts.`;
  write(cut, firing.length > SHOWN ? rest : "");
  if (firing.length)
    fillBody(list, firing.slice(0, SHOWN), alert => alert.fingerprint, alert => makeAlert(alert, open),
             fillAlert);
  else
    say(list, alerts ? "No alert fires." : "Alerts are not judged yet.");
}
