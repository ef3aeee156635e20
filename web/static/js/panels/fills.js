// The tape: every fill once, the newest first, with who told of it. A fill that the stream did not
// tell is marked, for that is what vigil is for.
import { html, steady } from "../html.js";
import { amount, count } from "../format.js";
import { icon } from "../icons.js";
import { Panel, scrolling, time } from "../frame.js";
import { fills, status } from "../store.js";
import { fillKey } from "../merge.js";
import { Thing } from "./orders.js";

const SHOWN = 60;

export function Fills() {
  const rows = fills.value;
  const shown = rows?.slice(0, SHOWN) ?? null;
  const all = status.value?.ledger.fills;
  return html`<${Panel} id="fills" title="Fills" rows=${shown} error="fills" note=${all ? `${count(all)} in the ledger` : null}
    empty="No fills yet. They appear here within a second of the exchange's word.">
    ${scrolling("Fills", html`<table class="fills"><caption class="only-read">The last fills, the newest first</caption>
      <thead><tr><th scope="col">Traded</th><th scope="col">Trade</th><th scope="col" class="n">Price</th>
        <th scope="col" class="n">Quantity</th><th scope="col" class="n">Fee</th><th scope="col">By</th><th scope="col">Account</th></tr></thead>
      <tbody>${(shown ?? []).map((row) => html`<${Fill} key=${fillKey(row)} row=${row} />`)}</tbody></table>`, "tall")}
  <//>`;
}

const Fill = steady(({ row }) => html`<tr class=${row.flash ? "flash" : ""} data-trade=${row.trade_id}>
  <td>${time(row.traded_at)}</td>
  <td><${Thing} row=${row} /></td>
  <td class="n">${amount(row.price)}</td>
  <td class="n">${amount(row.quantity)}</td>
  <td class="n">${row.fee === null ? html`<span class="unknown" title="not known yet">–</span>` : amount(row.fee)} <small>${row.fee_asset}</small></td>
  <td><${Source} name=${row.source} /></td>
  <td title=${`order ${row.order_id}, trade ${row.trade_id}`}>${row.account}</td></tr>`);

const Source = ({ name }) =>
  name === "stream" ? html`<span class="source">stream</span>` : html`<span class="source repaired" title="The stream did not tell this one">${icon("diamond")}${name}</span>`;
