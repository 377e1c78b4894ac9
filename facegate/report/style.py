"""The style sheet of reports.

Colors are Okabe and Ito's (2008), which people with any kind of color vision tell apart: blue for
mated, orange for non-mated, in a lighter and a darker pair for the two backgrounds. The curves
differ in their strokes too, for black and white print.
"""

CSS = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#17202b;--soft:#55616f;
--rule:#d8dee6;
--grid:#e6eaf0;--mated:#0072b2;--non:#c44e00;--accent:#0f4c81;--second:#9c3473;--note:#fff6e0;
--note-rule:#d9a400}
@media screen and (prefers-color-scheme:dark){:root{--page:#0f141a;--card:#171e27;--ink:#e8edf3;
--soft:#a3afbd;--rule:#2f3946;--grid:#273140;--mated:#56b4e9;--non:#f0a04b;--accent:#8cc4f2;
--second:#eba6cf;
--note:#2a2413;--note-rule:#b98b00}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
overflow-wrap:break-word}
main,header,footer,nav{max-width:66rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}
.brand{color:var(--soft);font-size:.9rem;margin:0 0 .35rem}
h1{font-size:clamp(1.6rem,4.5vw,2.3rem);line-height:1.15;margin:0 0 .6rem;text-wrap:balance}
h2{font-size:1.4rem;line-height:1.25;margin:0 0 .4rem}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
p{margin:.5rem 0;max-width:46rem}
.subtitle{font-size:1.1rem;color:var(--soft)}
.privacy{border-left:.3rem solid var(--accent);padding:.35rem 0 .35rem .9rem;margin:1.1rem 0}
.statements{display:grid;gap:1rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));
margin:1.5rem 0 1rem;padding:0;list-style:none}
.statements li,.limits,section{background:var(--card);border:1px solid var(--rule);
border-radius:.7rem}
.statements li{padding:1.1rem 1.2rem}
.count{display:block;font-size:1.75rem;font-weight:650;line-height:1.2;margin-bottom:.4rem;
font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.limits{padding:1rem 1.3rem;border-left:.3rem solid var(--note-rule)}
.limits h2{font-size:1.1rem}
.limits ul{margin:.4rem 0 0;padding-left:1.15rem}
li{margin:.3rem 0}
nav{margin:1.5rem auto .5rem}
nav ol{display:flex;flex-wrap:wrap;gap:.35rem 1.1rem;list-style:none;padding:0;margin:0}
nav li{margin:0}
a{color:var(--accent)}
section{padding:1.5rem 1.5rem 1.6rem;margin:1.25rem 0}
.lead{color:var(--soft);margin-top:0}
.note{background:var(--note);border-left:.3rem solid var(--note-rule);padding:.5rem .9rem;
border-radius:0 .4rem .4rem 0}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.2rem 0 .45rem}
caption span{display:block;position:sticky;left:0;max-width:calc(100vw - 4rem)}
th,td{text-align:left;vertical-align:top;padding:.42rem .9rem .42rem 0;
border-bottom:1px solid var(--rule)}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:600;font-size:.87rem;border-bottom:2px solid var(--rule)}
tbody th{font-weight:500}
.num{text-align:right;white-space:pre}
.even .num{width:19%}
td{white-space:pre-line}
.compact th,.compact td{padding-top:.16rem;padding-bottom:.16rem;font-size:.92rem}
code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.92em}
dl{display:grid;grid-template-columns:minmax(9rem,max-content) 1fr;gap:.35rem 1.4rem;margin:1rem 0}
dt{color:var(--soft)}
dd{margin:0;min-width:0;overflow-wrap:anywhere;white-space:pre-line}
.figures{display:grid;gap:1.4rem 1.6rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));
margin:1.1rem 0 0}
figure{margin:0;min-width:0;break-inside:avoid}
figure h3{margin:0 0 .3rem}
figcaption{color:var(--soft);font-size:.92rem;margin-top:.35rem}
.figures.small{gap:1.1rem 1rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr))}
.figures.small h3{font-size:.95rem;overflow-wrap:anywhere}
.figures.small img{display:block;width:100%}
.figures.small figcaption{font-size:.8rem;overflow-wrap:anywhere}
.figures img{max-width:100%;height:auto;background:#fff;border-radius:.3rem}
svg{display:block;width:100%;height:auto;font-size:13.5px;fill:var(--ink)}
svg .grid{stroke:var(--grid);fill:none}svg .axis{stroke:var(--soft);fill:none}
svg .tick{fill:var(--soft);font-size:12.5px}
svg .middle{text-anchor:middle}svg .end{text-anchor:end}svg .start{text-anchor:start}
svg .line{fill:none;stroke-width:2;stroke-linejoin:round}
svg .line.curve{stroke:var(--accent)}svg .line.second{stroke:var(--second);stroke-dasharray:6 3}
svg text.second{fill:var(--second)}
svg .line.mated{stroke:var(--mated)}svg .line.non-mated{stroke:var(--non);stroke-dasharray:7 3}
svg .line.bar{stroke-width:1.6;stroke-dasharray:none}
svg .dot.curve{stroke:var(--accent)}svg .dot.second{stroke:var(--second)}
svg text.curve{fill:var(--accent)}
svg .line.tau{stroke:var(--ink);stroke-width:1.5}svg .line.soft{stroke:var(--soft);
stroke-dasharray:2 4}
svg .area{fill-opacity:.28;stroke-width:1.8}
svg .area.mated{fill:var(--mated);stroke:var(--mated)}
svg .area.non-mated{fill:var(--non);stroke:var(--non);stroke-dasharray:5 2.5}
svg .rug{fill:none;stroke-width:.8;stroke-opacity:.75}
svg .rug.mated{stroke:var(--mated)}svg .rug.non-mated{stroke:var(--non)}
svg .dot{fill:var(--card);stroke:var(--ink);stroke-width:2.2}
svg .shade{fill:var(--soft);fill-opacity:.13}
svg .mark{font-weight:600}svg text.mated{fill:var(--mated)}svg text.non-mated{fill:var(--non)}
svg text.soft{fill:var(--soft)}
.pairs{display:grid;gap:1.1rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,17.5rem),1fr));
margin:.8rem 0 0}
.pair{border:1px solid var(--rule);border-radius:.55rem;padding:.8rem}
.faces{display:grid;grid-template-columns:1fr 1fr;gap:.6rem}
.faces img,.missing{width:100%;aspect-ratio:1;border-radius:.35rem;display:block}
.missing{background:var(--grid);color:var(--soft);font-size:.85rem;display:grid;place-items:center;
text-align:center;padding:.5rem}
.name{font-size:.78rem;line-height:1.35;color:var(--soft);overflow-wrap:anywhere;margin-top:.3rem}
.pair figcaption{color:var(--ink);margin:0 0 .6rem}
.pair strong{font-size:1.1rem;font-variant-numeric:tabular-nums}
footer{color:var(--soft);font-size:.9rem;padding-bottom:3rem}
@media (max-width:34rem){body{font-size:15px}main,header,footer,nav{padding-left:.9rem;
padding-right:.9rem}
section{padding:1.1rem 1rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}
table{font-size:.9rem}th,td{padding-right:.65rem}
.even tr{display:grid;grid-template-columns:1fr 1.25fr 1.8fr;border-bottom:1px solid var(--rule)}
.even th,.even td{border:0;padding-top:.1rem;padding-bottom:.15rem;width:auto!important}
.even tr>:first-child{grid-column:1/-1;padding-top:.35rem}.even thead tr>:first-child{display:none}}
@page{margin:16mm 14mm}
@media print{:root{color-scheme:light;--page:#fff;--rule:#bbb;--note:#fff}body{font-size:10.5pt}
main,header,footer,nav{max-width:none;padding:0}header{padding-top:0}nav{display:none}
section{border:0;border-top:1px solid var(--rule);border-radius:0;padding:.9rem 0 0}
h2,h3,caption,.lead,thead{break-after:avoid}.scroll{break-inside:avoid}.count{font-size:14pt}
tr,.pair,figure,.statements li{break-inside:avoid}
thead{display:table-header-group}.scroll{overflow:visible}
.figures{grid-template-columns:1fr 1fr}.pairs{grid-template-columns:repeat(3,1fr)}
.statements{grid-template-columns:repeat(auto-fit,minmax(11rem,1fr))}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
""".strip()
