// The prices that the trader needs, and why one is not acted on. Where there is no trader, nothing.
import { html, steady } from "../html.js";
import { amount, plural, span, words } from "../format.js";
import { icon } from "../icons.js";
import { Panel, scrolling } from "../frame.js";
import { hasTrader, now, prices } from "../store.js";

/** How old a row's price is by now: as it was told, and the time since. Pure. */
export const ageOf = (row, nowMs) => (row.age_s === null ? null : row.age_s + Math.max(0, nowMs - row.asked) / 1000);

/** What was not believed, in words. Pure. */
export const refusals = (refused) => Object.entries(refused).map(([reason, count]) => `${count} ${words(reason)}`).join(", ");

export function Prices() {
  if (!hasTrader.value) return null;
  const rows = prices.value;
  const lacking = rows?.filter((row) => !row.good).length;
  return html`<${Panel} id="prices" title="Prices" rows=${rows} error="prices" wide note=${rows && (lacking ? `${plural(lacking, "price")} not to be acted on` : "all good")}
    empty="No symbol is traded: [trader] symbols names none, and nothing is open.">
    ${scrolling("Prices", html`<table class="prices"><caption class="only-read">Best bid and ask of each symbol that is traded, with their age</caption>
      <thead><tr><th scope="col">Exchange</th><th scope="col">Symbol</th><th scope="col" class="n">Bid</th><th scope="col" class="n">Ask</th>
        <th scope="col" class="n">Age</th><th scope="col">By</th><th scope="col">Believed</th><th scope="col">Refused</th></tr></thead>
      <tbody>${(rows ?? []).map((row) => html`<${Price} key=${`${row.accounts} ${row.category} ${row.symbol}`} row=${row} age=${span(ageOf(row, now.value))} />`)}</tbody>
    </table>`)}
  <//>`;
}

const Price = steady(({ row, age }) => {
  const [shape, kind, text] = row.good ? ["check", "ok", "good"] : ["triangle", "warn", "not acted on"];
  return html`<tr data-price=${`${row.exchange} ${row.symbol}`}><th scope="row" title=${row.accounts.join(", ")}>${row.exchange}</th>
    <td>${row.symbol}${row.category !== "spot" && html` <small>${row.category}</small>`}</td>
    <td class="n">${amount(row.bid)}</td><td class="n">${amount(row.ask)}</td><td class="n">${age}</td><td>${row.source ?? html`<span class="unknown">–</span>`}</td>
    <td class="why" title=${row.why ?? undefined}><span class=${`badge ${kind}`}>${icon(shape)}${text}</span>${row.why && html` <small>${row.why}</small>`}</td>
    <td>${refusals(row.refused) || html`<span class="nil">none</span>`}</td></tr>`;
});
