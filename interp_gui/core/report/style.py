"""The look of a report's HTML: light and dark as the reader's system has it, and on paper."""

STYLE = """
:root { --ink: #1d2127; --soft: #565e69; --paper: #ffffff; --line: #d5dae1; --ground: #f1f3f5;
  --mark: #1c56b3; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a7b0bb; --paper: #191c20; --line: #454c57; --ground: #24282e;
    --mark: #7db0ff; }
}
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); }
body { font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; max-width: 60rem;
  margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; overflow-wrap: anywhere; }
h4 { font-size: .95rem; margin: 1rem 0 .35rem; }
p { margin: 0 0 .75rem; overflow-wrap: anywhere; }
a { color: var(--mark); }
.author { color: var(--soft); }
nav { margin: 2rem 0; }
nav h2 { font-size: 1.1rem; }
section { border-top: 1px solid var(--line); padding-top: 1.75rem; margin-top: 2.25rem; }
.note { border-left: 4px solid var(--mark); padding: .1rem 0 .1rem 1rem; margin: 0 0 1.25rem; }
figure { margin: 0 0 1rem; }
img { max-width: 100%; height: auto; display: block; border-radius: 3px; background: #ffffff; }
figcaption { font-size: .8rem; line-height: 1.35; margin-top: .35rem; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .9rem;
  margin-bottom: 1rem; }
.cards figure { margin: 0; }
.cards img { width: 100%; }
dl { margin: 0 0 1rem; }
dl div { display: flex; gap: .75rem; padding: .12rem 0; }
dt { flex: 0 0 11rem; color: var(--soft); overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.about { color: var(--soft); font-size: .9rem; }
.facts { font-size: .875rem; }
.numbers dd { font-variant-numeric: tabular-nums; }
.trust { color: var(--soft); font-size: .9rem; padding-left: 1.2rem; }
.scroll { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; font-size: .875rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { border-bottom: 2px solid var(--soft); }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin: 0 0 1rem; }
summary { cursor: pointer; color: var(--mark); padding: .2rem 0; }
pre { background: var(--ground); border: 1px solid var(--line); border-radius: 4px; padding: .75rem;
  overflow: auto; max-height: 26rem;
  font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px; }
@media (max-width: 40rem) { dl div { flex-direction: column; gap: 0; } dt { flex-basis: auto; } }
@media print {
  :root { --ink: #000000; --soft: #444444; --paper: #ffffff; --line: #bbbbbb; --ground: #ffffff;
    --mark: #000000; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  nav, details:not([open]) { display: none; }
  section { break-inside: auto; }
  h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  pre { max-height: none; overflow: visible; white-space: pre-wrap; overflow-wrap: anywhere;
    font-size: 7pt; }
  .scroll { overflow: visible; }
}
""".strip()
