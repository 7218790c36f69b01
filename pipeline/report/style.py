"""The report's style sheet: colours of the server's page, from a phone's width to a desk's."""

CSS = """
:root { color-scheme: light dark;
  --paper: light-dark(#faf9f6, #131419); --panel: light-dark(#ffffff, #1b1d24);
  --ink: light-dark(#1b1c20, #ecebe7); --muted: light-dark(#5a5e68, #a6abb8);
  --line: light-dark(#dfdcd3, #30333d); --accent: light-dark(#3848c4, #9daaff);
  --good: light-dark(#1c6b3c, #7fd6a0); --bad: light-dark(#a92a1c, #ff9d8f);
  --map-positive: light-dark(#c2410c, #ffa24d);
  --alarm: light-dark(#fff1d6, #3d2b0a); --alarm-ink: light-dark(#6b3a00, #ffd591);
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, Charter, Georgia, serif; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main, header > div { max-width: 1240px; margin: 0 auto; padding: 0 20px; }
header { background: var(--panel); border-bottom: 1px solid var(--line); padding: 32px 0 0; }
h1 { font: 600 1.9rem/1.2 var(--serif); margin: 0 0 4px; letter-spacing: -0.01em;
  overflow-wrap: anywhere; }
h2 { font: 600 1.3rem/1.3 var(--serif); margin: 0 0 4px; letter-spacing: -0.005em; }
h3 { font-size: 1rem; margin: 24px 0 4px; }
p { margin: 0 0 12px; max-width: 70ch; }
a { color: var(--accent); }
code { font: 0.86em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
.lead, .muted { color: var(--muted); }
nav { display: flex; gap: 4px 20px; padding: 16px 0 14px; flex-wrap: wrap; }
nav a { text-decoration: none; font-weight: 500; }
nav a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 12px;
  padding: 24px; margin: 20px 0; scroll-margin-top: 12px; }
.alarm { background: var(--alarm); color: var(--alarm-ink); border-color: currentColor;
  border-width: 2px; }
.alarm h2 { font-size: 1.2rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px;
  margin: 20px 0; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: 12px;
  padding: 14px 16px; }
.tile b { display: block; font-size: 1.55rem; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; }
.tile span { color: var(--muted); font-size: 0.85rem; display: block; line-height: 1.4; }
figure { margin: 16px 0 0; overflow-x: auto; }
figure svg, figure img { display: block; width: 100%; height: auto; }
figure svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif
  !important; }
figure image { image-rendering: pixelated; }
figcaption { color: var(--muted); font-size: 0.87rem; margin-top: 8px; max-width: 75ch; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr));
  gap: 0 40px; }
.beside > div { min-width: 0; }
.narrow { max-width: 640px; } .middle { max-width: 780px; }
.wide svg, .wide img { min-width: 720px; }
.table { overflow-x: auto; }
.tall { overflow-y: auto; max-height: 640px; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums;
  min-width: 100%; }
th, td { text-align: left; padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 600; color: var(--muted); }
tbody th { font-weight: 500; color: var(--ink); }
.number { text-align: right; }
footer { color: var(--muted); font-size: 0.87rem; padding: 4px 0 48px; }
@media (max-width: 560px) { section { padding: 18px 14px; } main, header > div { padding: 0 12px; }
  h1 { font-size: 1.5rem; } .tiles { grid-template-columns: 1fr 1fr; }
  .tile b { font-size: 1.25rem; } }
@media print { body { background: none; } section { break-inside: avoid; } nav { display: none; } }
"""
