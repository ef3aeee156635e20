// Positions and balances, as the exchange last stated them.
import { html, signal, steady } from "../html.js";
import { amount, count, utc } from "../format.js";
import { isNegative, isZero } from "../decimal.js";
import { Panel, scrolling } from "../frame.js";
import { balances, positions } from "../store.js";
import { balanceKey, positionKey } from "../merge.js";

export function Positions() {
  const rows = positions.value;
  return html`<${Panel} id="positions" title="Positions" rows=${rows} error="positions" note=${rows && count(rows.length)}
    empty="No open positions. Spot accounts have none; a contract's shows here when it is opened.">
    ${scrolling("Positions", html`<table><caption class="only-read">Open positions, by account and symbol</caption>
      <thead><tr><th scope="col">Account</th><th scope="col">Position</th><th scope="col" class="n">Size</th>
        <th scope="col" class="n">Entry</th><th scope="col" class="n">Unrealised</th></tr></thead>
      <tbody>${(rows ?? []).map((row) => html`<${Position} key=${positionKey(row)} row=${row} />`)}</tbody></table>`)}
  <//>`;
}

const Position = steady(({ row }) => html`<tr title=${`as of ${utc(row.updated_at)}`}>
  <td>${row.account}</td><td>${row.side} <b>${row.symbol}</b> <small>${row.category}</small></td>
  <td class="n">${amount(row.size)}</td><td class="n">${amount(row.entry_price)}</td>
  <td class=${`n ${gain(row.unrealised_pnl)}`}>${amount(row.unrealised_pnl)}</td></tr>`);

const gain = (text) => (text === null || isZero(text) ? "" : isNegative(text) ? "loss" : "gain");

const showsAll = signal(false);
const isEmpty = (row) => [row.total, row.free, row.locked].every((text) => text === null || isZero(text));

export function Balances() {
  const all = balances.value;
  const rows = all && (showsAll.value ? all : all.filter((row) => !isEmpty(row)));
  const hidden = all ? all.length - rows.length : 0;
  const tools = (hidden > 0 || showsAll.value) && html`<button type="button" class="small" aria-pressed=${showsAll.value}
    onClick=${() => (showsAll.value = !showsAll.value)}>Show empty ones</button>`;
  return html`<${Panel} id="balances" title="Balances" rows=${rows} error="balances" note=${rows && count(rows.length)} tools=${tools}
    empty="No balances. They are read when an account is first reconciled.">
    ${scrolling("Balances", html`<table><caption class="only-read">Balances, by account and asset</caption>
      <thead><tr><th scope="col">Account</th><th scope="col">Asset</th><th scope="col" class="n">Free</th>
        <th scope="col" class="n">Locked</th><th scope="col" class="n">Total</th></tr></thead>
      <tbody>${(rows ?? []).map((row) => html`<${Balance} key=${balanceKey(row)} row=${row} />`)}</tbody></table>`, "tall")}
  <//>`;
}

const Balance = steady(({ row }) => html`<tr title=${`as of ${utc(row.updated_at)}`}>
  <td>${row.account}</td><td><b>${row.asset}</b></td><td class="n">${amount(row.free)}</td>
  <td class=${`n ${row.locked !== null && isZero(row.locked) ? "nil" : ""}`}>${amount(row.locked)}</td>
  <td class="n">${amount(row.total)}</td></tr>`);
