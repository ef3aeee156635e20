// What trading cost: sums of exact amounts, by day or by asset, over all accounts or by account.
import { html, signal } from "../html.js";
import { amount, count, percent, plural } from "../format.js";
import { add, isNegative } from "../decimal.js";
import { Panel, scrolling } from "../frame.js";
import { fees } from "../store.js";
import { kindOf } from "../equity.js";

const by = signal("day");

/** Rows of several accounts that share key and asset, as one. Pure; exact. */
export function together(rows) {
  const sums = new Map();
  for (const row of rows) {
    const id = `${row.key}\u0000${row.fee_asset}`;
    const sum = sums.get(id);
    sums.set(id, sum ? joined(sum, row) : { ...row, accounts: [row.account] });
  }
  return [...sums.values()];
}

const either = (a, b) => (a === null ? b : b === null ? a : add(a, b));

function joined(sum, row) {
  const worth = { ...sum.worth };
  for (const [asset, value] of Object.entries(row.worth ?? {})) worth[asset] = worth[asset] ? add(worth[asset], value) : value;
  return {
    ...sum,
    worth,
    fee: either(sum.fee, row.fee),
    fills: sum.fills + row.fills,
    unknown: sum.unknown + row.unknown,
    unproven: sum.unproven + row.unproven,
    accounts: [...new Set([...sum.accounts, row.account])],
  };
}

const order = (a, b) => String(b.key).localeCompare(String(a.key)) || String(a.fee_asset).localeCompare(String(b.fee_asset));

export function Fees() {
  const rows = fees.value && together(fees.value[by.value]).sort(order);
  const tools = html`<div class="choice" role="group" aria-label="Fees by">${["day", "asset"].map((name) => html`<button type="button" class="small"
    aria-pressed=${by.value === name} onClick=${() => (by.value = name)}>by ${name}</button>`)}</div>`;
  return html`<${Panel} id="fees" title="Fees" rows=${rows} error="fees" tools=${tools} note=${by.value === "day" ? "30 days, UTC" : "since the beginning"}
    empty="No fees yet. They are summed from fills, to the last digit.">
    ${scrolling("Fees", html`<table><caption class="only-read">Fees by ${by.value}</caption>
      <thead><tr>${by.value === "day" && html`<th scope="col">Day</th>`}<th scope="col">Asset</th><th scope="col" class="n">Fee</th>
        <th scope="col" class="n">Worth</th><th scope="col" class="n">Fills</th></tr></thead>
      <tbody>${(rows ?? []).map((row) => html`<tr key=${`${row.key} ${row.fee_asset}`}>
        ${by.value === "day" && html`<td>${row.key}</td>`}<td><b>${row.fee_asset ?? "unknown"}</b></td>
        <td class=${`n ${row.fee !== null && isNegative(row.fee) ? "gain" : ""}`}>${amount(row.fee)}${row.unknown > 0 && html`<small class="block">${plural(row.unknown, "fee")} not known</small>`}</td>
        <td class="n">${worthOf(row)}</td><td class="n">${count(row.fills)}</td></tr>`)}</tbody></table>`, "tall")}
    <${Makers} rows=${fees.value?.account ?? []} />
  <//>`;
}

/** How much was traded as maker, and what that saved against trading as taker. */
function Makers({ rows }) {
  const known = rows.filter((row) => row.maker_pct !== null);
  if (!known.length) return null;
  return html`<ul class="makers" aria-label="Traded as maker">${known.map((row) => html`<li key=${`${row.account} ${row.quote}`} data-maker=${row.account}>
    <span>${row.account}</span> <b>${percent(row.maker_pct)}</b> of ${amount(row.volume)} <small>${row.quote}</small> as maker,
    saved <b class=${kindOf(row.saved)}>${amount(row.saved)}</b> <small>${row.quote}</small> against taker
    ${row.unproven > 0 && html`<small class="block">of ${plural(row.unproven, "fill")} it is not known: no taker's rate of that time</small>`}</li>`)}</ul>`;
}

function worthOf({ worth, unproven }) {
  const parts = Object.entries(worth ?? {}).map(([asset, value]) => html`<span class="block">${value} <small>${asset}</small></span>`);
  const rest = unproven > 0 && html`<small class="block">${plural(unproven, "fill")} unproven</small>`;
  return parts.length || rest ? html`${parts}${rest}` : "–";
}
