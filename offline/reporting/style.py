"""The style sheet of every report: light and dark, on screen and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1f2937; --soft: #6b7280; --line: #e5e7eb; --paper: #ffffff;
  --band: #f8fafc; --link: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --soft: #9ca3af; --line: #374151;
  --paper: #111827; --band: #1a2333; --link: #7cc0f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 2rem 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header h1 { font-size: 1.9rem; line-height: 1.2; margin: .5rem 0 .2rem; }
header p { color: var(--soft); margin: 0 0 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: .6rem 0; border-block: 1px solid var(--line); }
nav a, a { color: var(--link); text-decoration: none; }
h2 { font-size: 1.35rem; margin: 2.4rem 0 .6rem; padding-bottom: .25rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1.08rem; margin: 1.6rem 0 .4rem; }
p, ul { max-width: 62rem; margin: .5rem 0; }
ul { padding-left: 1.3rem; }
li { margin: .2rem 0; }
.scroll { overflow-x: auto; margin: 1rem 0 .3rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .2rem 0 .4rem; }
th, td { padding: .28rem .75rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th { border-bottom: 2px solid var(--soft); white-space: nowrap; }
tbody tr:nth-child(even) { background: var(--band); }
.number { text-align: right; white-space: nowrap; }
.note { color: var(--soft); font-size: .85rem; margin-top: 0; }
figure { margin: 1.2rem 0; }
figure img { display: block; max-width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line);
  border-radius: 6px; padding: .4rem; }
figure.half { display: inline-block; width: calc(50% - .9rem); min-width: 20rem; margin-right: .5rem;
  vertical-align: top; }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .35rem; max-width: 62rem; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } nav { display: none; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""
