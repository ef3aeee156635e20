// Stream health: of each account whether it is seen, how fresh that is, and up to when the ledger
// is proven. This is what the rest of the page rests on, so it comes first.
import { html, useState } from "../html.js";
import { percent, plural, span, spanFrom, words } from "../format.js";
import { confirm, label } from "../dialog.js";
import { icon, stateLook } from "../icons.js";
import { Panel, time } from "../frame.js";
import { choices, daemonNow, histories, now, status } from "../store.js";
import { Coverage } from "./coverage.js";
import { Menu, Opener } from "./faults.js";

const EXCHANGES = { binance: "Binance", binance_us: "Binance.US", bybit: "Bybit", cryptocom: "Crypto.com" };
const exchangeName = (name) => EXCHANGES[name] ?? words(name);

export function Health() {
  const accounts = status.value?.accounts ?? null;
  const live = accounts?.filter((row) => row.state === "live").length;
  return html`<${Panel} id="health" title="Stream health" wide rows=${accounts} error="health"
    note=${accounts && `${live} of ${plural(accounts.length, "account")} live`}
    empty="No account is configured. Name one in settings.toml; the daemon notices.">
    ${accounts?.length > 3 && html`<nav class="roll" aria-label="Accounts">${accounts.map((row) => html`<${Chip} key=${row.account} row=${row} />`)}</nav>`}
    <ul class="accounts">${(accounts ?? []).map((row) => html`<${Account} key=${row.account} row=${row} />`)}</ul>
  <//>`;
}

/** One account in a word, and the way to it. */
function Chip({ row }) {
  const [shape, kind] = stateLook(row.state);
  return html`<a class=${kind} href=${`#account-${row.account}`}>${icon(shape)}<b>${row.account}</b>${row.state !== "live" && html` ${words(row.state)}`}
    ${row.state === "live" && html`<span class="only-read"> live</span>`}</a>`;
}

/** Ages were true when the status came; they go on growing while it is silent. */
const grown = (age) => (age === null ? null : age + Math.max(0, (now.value - status.value.heard) / 1000 - 1));

function Account({ row }) {
  const [shape, kind] = stateLook(row.state);
  const past = histories.value[row.account];
  const name = `account-${row.account}`;
  const [isBreaking, setBreaking] = useState(false);
  const breaking = { account: row.account, id: `faults-${row.account}`, isOpen: isBreaking, toggle: () => setBreaking(!isBreaking) };
  const mayBreak = row.sandbox && choices.value.length > 0;
  return html`<li class=${`account ${kind}`} data-account=${row.account} data-state=${row.state}>
    <article aria-labelledby=${name}>
      <div class="who">
        <h3 id=${name}>${row.account}</h3>
        <span class="exchange">${exchangeName(row.exchange)}${row.sandbox && " (sandbox)"}</span>
        <span class=${`state ${kind}`} title=${`since ${new Date(row.since).toISOString()}`}>${icon(shape)}<b>${words(row.state)}</b></span>
        <span class="since">for ${spanFrom(row.since, daemonNow.value)}</span>
      </div>
      <dl class="signs">${signs(row, past)}</dl>
      ${row.held_reason && html`<p class="held">${icon("octagon", "bad")} <span><b>Held:</b> ${row.held_reason}</span></p>`}
      ${row.warnings.map((text) => html`<p class="warning">${icon("info")} <span>${text}</span></p>`)}
      <div class="strip"><${Coverage} account=${row.account} />
      <div class="actions" role="group" aria-label=${`Actions for ${row.account}`}>
        ${actionsFor(row.state).map((word) => html`<button key=${word} type="button" class="small" onClick=${() => confirm(word, row.account)}>
          ${label(word)}<span class="only-read"> ${row.account}</span></button>`)}
        ${mayBreak && html`<${Opener} ...${breaking} />`}
      </div></div>
      ${mayBreak && isBreaking && html`<${Menu} ...${breaking} />`}
    </article>
  </li>`;
}

const actionsFor = (state) => (state === "paused" ? ["resume", "reset"] : ["reconcile", "restart", "pause", "reset"]);

const sign = (name, value, { kind = "", small = null, title } = {}) =>
  html`<div class=${kind} title=${title}><dt>${name}</dt><dd>${value}${small !== null && html`<small>${small}</small>`}</dd></div>`;

function signs(row, past) {
  const behind = row.proven_to === null ? null : Math.max(0, (daemonNow.value - row.proven_to) / 1000);
  return html`
    ${sign("transport", ago(grown(row.transport_age_s)), { title: "How long ago the exchange's last byte came" })}
    ${sign("subscription", row.subscribed ? "acknowledged" : "none", { kind: row.subscribed ? "" : "off", title: "Acknowledged on this very connection" })}
    ${sign("audit", ago(grown(row.audit_age_s)), { title: "How long ago a complete REST answer agreed with the ledger" })}
    ${sign("proven to", time(row.proven_to, daemonNow.value), { kind: "proven", small: behind === null ? "not yet" : `${span(behind)} behind` })}
    ${sign("source", row.polling ? "polling" : row.subscribed ? "stream" : "none", { kind: row.polling ? "off" : "" })}
    ${sign("breaker", words(row.breaker.mode), { kind: row.breaker.mode === "closed" ? "" : "off", small: breakerNote(row.breaker) })}
    ${sign("reconnects", row.reconnects, { small: past?.last_cause && row.reconnects ? past.last_cause : null, title: past?.last_cause ?? undefined })}
    ${sign("live, 24 h", percent(past?.uptime_24h_pct), { small: past?.blind_s ? `blind ${span(past.blind_s)} in all` : null })}
    ${keySign(row)}`;
}

const ago = (seconds) => (seconds === null ? html`<span class="unknown">never</span>` : span(seconds));

function breakerNote({ failures, retry_in_s }) {
  if (retry_in_s !== null) return `retry in ${span(retry_in_s)}`;
  return failures ? plural(failures, "failure") : null;
}

/** A listen key ends by itself unless it is renewed; where there is one, its age is worth a look. */
function keySign({ duties }) {
  const age = duties.listen_key ?? null;
  return age === null ? null : sign("listen key", `${span(grown(age))} ago`, { title: "When it was last renewed" });
}
