// The page: the head, the panels in the order in which an operator asks, and what floats above.
import { effect, html, render, signal } from "./html.js";
import { count, millis, span, spanFrom } from "./format.js";
import { daemonNow, hasTrader, incidents, link, notices, silence, status } from "./store.js";
import { leave, needsLogin } from "./api.js";
import { Banner, QUIET } from "./frame.js";
import { Dialog, Toast } from "./dialog.js";
import { icon } from "./icons.js";
import { start } from "./live.js";
import { Actors } from "./panels/actors.js";
import { Charts } from "./panels/charts.js";
import { Fees } from "./panels/fees.js";
import { Fills } from "./panels/fills.js";
import { Health } from "./panels/health.js";
import { Balances, Positions } from "./panels/holdings.js";
import { Incidents, isOpen } from "./panels/incidents.js";
import { Orders } from "./panels/orders.js";
import { Prices } from "./panels/prices.js";
import { Trades } from "./panels/trades.js";

const OVERALL = {
  ok: ["check", "ok", "everything is seen"],
  degraded: ["triangle", "warn", "not everything is seen"],
  starting: ["half", "busy", "starting"],
  stopping: ["square", "idle", "stopping"],
};
const PLACES = [["health", "Health"], ["orders", "Orders"], ["fills", "Fills"], ["positions", "Holdings"], ["fees", "Fees"],
  ["trades", "Trades"], ["prices", "Prices"], ["charts", "Charts"], ["incidents", "Incidents"], ["actors", "Actors"]];

const OF_A_TRADER = new Set(["trades", "prices"]);

const isGuarded = signal(false); // whether a token let us in

function App() {
  return html`<${Head} /><${Banner} />
    <main id="main" tabindex="-1">
      <h1 class="only-read">vigil: what is seen of your accounts</h1>
      <${Ledger} /><${Health} /><${Orders} /><${Fills} /><${Positions} /><${Balances} /><${Fees} /><${Trades} /><${Prices} /><${Charts} /><${Incidents} /><${Actors} />
    </main>
    <${Foot} /><${Dialog} /><${Toast} />
    <div class="only-read" aria-live="polite" role="log" aria-label="Changes of accounts">${notices.value.map((text, i) => html`<p key=${`${i}${text}`}>${text}</p>`)}</div>`;
}

function Head() {
  const state = status.value?.state;
  const [shape, kind, text] = link.value.phase === "lost" || !state ? ["wait", "idle", state ? "disconnected" : "connecting"] : OVERALL[state];
  const open = incidents.value?.filter((row) => isOpen(row) && !row.acknowledged_at).length ?? 0;
  return html`<header class="head">
    <a class="brand" href="/"><img src="/static/icon.svg" alt="" width="26" height="26" />vigil</a>
    <span class=${`overall ${kind}`} data-overall=${state}>${icon(shape)}<b>${state ?? "…"}</b><span class="wide-only"> ${text}</span></span>
    ${open > 0 && html`<a class="tag warn" href="#incidents">${icon("triangle")} ${open} ${open === 1 ? "incident" : "incidents"}</a>`}
    <nav aria-label="Panels">${PLACES.filter(([id]) => !OF_A_TRADER.has(id) || hasTrader.value).map(([id, name]) => html`<a href=${`#${id}`}>${name}</a>`)}</nav>
    <${Pulse} />${isGuarded.value && html`<button type="button" class="small" onClick=${() => void leave()}>Log out</button>`}<${Theme} />
  </header>`;
}

/** Whether what is shown is of now. */
function Pulse() {
  const isLost = link.value.phase !== "live";
  const isOld = silence.value >= QUIET;
  const text = isLost ? "offline" : isOld ? `silent for ${span(silence.value)}` : "live";
  return html`<span class=${`pulse ${isLost || isOld ? "old" : ""}`} title="The line from the daemon to this page">${text}</span>`;
}

function Theme() {
  const flip = () => {
    window.vigilTheme.toggle();
    paint();
  };
  const isDark = window.vigilTheme.shown === "dark";
  return html`<button type="button" class="round" onClick=${flip} aria-label=${isDark ? "Light theme" : "Dark theme"} title=${isDark ? "Light theme" : "Dark theme"}>
    ${icon(isDark ? "sun" : "moon")}</button>`;
}

function Ledger() {
  const ledger = status.value?.ledger;
  const cell = (name, value, title, kind = "") => html`<div class=${kind} title=${title}><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<dl class="ledger" aria-label="Ledger">
    ${cell("facts committed", ledger ? count(ledger.sequence) : "–", "Rows of the journal")}
    ${cell("fills", ledger ? count(ledger.fills) : "–")}
    ${cell("orders", ledger ? count(ledger.orders) : "–")}
    ${cell("spilled", ledger ? count(ledger.spilled) : "–", "Facts that wait in a file because the database did not take them")}
    ${cell("event to commit, p99", millis(ledger?.event_to_commit_p99_ms), "Of the last minute")}
    ${cell("commit, p99", millis(ledger?.commit_p99_ms), "Of the last minute", "lesser")}
    ${cell("up", status.value ? spanFrom(status.value.started_at, daemonNow.value) : "–")}
  </dl>`;
}

function Foot() {
  const told = status.value;
  const { error, warnings = [], path } = told?.settings ?? {};
  return html`<footer class="foot">
    ${error && html`<p class="trouble">${icon("octagon", "bad")} <span><b>Settings not taken:</b> ${error}</span></p>`}
    ${warnings.map((text) => html`<p class="warning">${icon("info")} <span>${text}</span></p>`)}
    <p>vigil ${told?.version} · process ${told?.pid} · ${path} · times are those of this device, UTC when pointed at</p>
  </footer>`;
}

const root = document.getElementById("app");
const paint = () => render(html`<${App} />`, root);

root.replaceChildren();
paint();
window.addEventListener("themechange", paint);
effect(() => {
  const state = status.value?.state;
  document.title = state && state !== "ok" ? `(${state}) vigil` : "vigil";
});
start();
isGuarded.value = await needsLogin();
