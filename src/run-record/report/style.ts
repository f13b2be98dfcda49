/** The report's style sheet. `--h` is the hue of an agent. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#f6f6f3;--card:#fff;--ink:#1b1d22;--soft:#5c616b;--line:#e2e2dc;--faint:#efefea;--al:40%;--as:62%;
--draft:#6f8fbf;--evaluate:#9a7fd1;--present:#2f9e6e;--review:#d19a2e;--bad:#cc3d3d;--ins:#d9f2e0;--insink:#0c5a2c;--del:#fbe0de;--delink:#9b2c24;--gold:#b7791f;--shadow:0 1px 2px #0001,0 4px 16px #0000000a}
@media screen and (prefers-color-scheme:dark){:root{--bg:#14161a;--card:#1c1f25;--ink:#e8e8e6;--soft:#9aa0ab;--line:#2e323a;--faint:#23272e;--al:70%;--as:68%;
--draft:#6c8cc0;--evaluate:#a48ae0;--present:#3cb683;--review:#e0ad48;--bad:#f07470;--ins:#173d28;--insink:#9fe3b8;--del:#4a2323;--delink:#f2a9a3;--gold:#f0c05a;--shadow:0 1px 2px #0006}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1240px;margin:0 auto;padding:28px 24px 64px;display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:20px}
.top,.wide{grid-column:1/-1}
section,.top{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:20px 22px;box-shadow:var(--shadow);min-width:0}
h1{font-size:24px;line-height:1.3;margin:4px 0 18px;font-weight:650;letter-spacing:-.01em;white-space:pre-wrap;overflow-wrap:anywhere}
h1.long{font-size:17px;font-weight:500;max-height:9.5em;overflow:auto;letter-spacing:0}
h2{font-size:15px;margin:0 0 14px;font-weight:650;letter-spacing:.005em}
h2 small{color:var(--soft);font-weight:400}
small,.fine{font-size:12.5px;color:var(--soft)}
.fine{margin:12px 0 0}.none{color:var(--soft)}
code{font:.88em ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;background:var(--faint);border-radius:5px;padding:1px 6px;white-space:nowrap}
.eyebrow{margin:0 0 10px;font-size:12.5px;color:var(--soft)}.eyebrow code{background:none;padding:0}
.crown{color:var(--gold)}
.dot{display:inline-block;width:9px;height:9px;border-radius:50%;background:hsl(var(--h) var(--as) var(--al));margin-right:7px}
.verdict{border-left:5px solid hsl(var(--h) var(--as) var(--al));background:hsl(var(--h) var(--as) var(--al)/.09);border-radius:4px 12px 12px 4px;padding:14px 18px;margin-bottom:20px}
.verdict.none{--h:0;border-color:var(--bad);background:var(--faint)}
.verdict p{margin:0;overflow-wrap:anywhere}.verdict .who{font-size:22px;font-weight:650;line-height:1.35;margin-bottom:2px}.verdict .because{margin-top:8px;font-style:italic}.verdict .because small{font-style:normal;white-space:nowrap}.verdict .because small::before{content:"— "}.verdict .with{font-weight:400;color:var(--soft);font-size:17px}
.figures{display:flex;flex-wrap:wrap;gap:10px 40px;margin:0}.figures div{min-width:60px}
.figures dt{font-size:12px;color:var(--soft)}.figures dd{margin:0;font-size:19px;font-weight:600;font-variant-numeric:tabular-nums}
.text{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate}
.final .text{max-height:460px;overflow:auto}
.bar-title{display:flex;flex-wrap:wrap;gap:6px 20px;align-items:baseline;margin-bottom:12px}.bar-title h2{margin:0}
.legend{display:flex;flex-wrap:wrap;gap:4px 14px;font-size:12px;color:var(--soft);flex:1}
.k::before{content:"";display:inline-block;width:12px;height:9px;border-radius:2px;margin-right:5px;background:var(--c)}
.draft{--c:var(--draft)}.evaluate{--c:var(--evaluate)}.present{--c:var(--present)}.review{--c:var(--review)}.failed{--c:var(--bad)}
.k.cut{--c:repeating-linear-gradient(135deg,var(--soft) 0 2px,transparent 2px 4px)}
.zoom button{font:inherit;font-size:13px;min-width:32px;padding:1px 8px;border:1px solid var(--line);background:var(--faint);color:inherit;border-radius:7px;cursor:pointer}
.zoom button+button{margin-left:4px}
:focus-visible{outline:2px solid hsl(212 90% 55%);outline-offset:2px}
.scroll{overflow-x:auto;border-radius:8px}
.plot{--zoom:1;--names:168px;position:relative;min-width:760px;width:calc(var(--names) + (100% - var(--names))*var(--zoom))}
.row{display:flex;border-top:1px solid var(--line);height:52px}
.row.axis{height:40px;border:0;font-size:11.5px;color:var(--soft);font-variant-numeric:tabular-nums}
.row .who{position:sticky;left:0;z-index:3;width:var(--names);flex:none;background:var(--card);padding:8px 10px 0 0;display:flex;flex-direction:column;line-height:1.3;border-right:1px solid var(--line)}
.row .who b{font-size:13.5px;color:hsl(var(--h) var(--as) var(--al))}.row .who b,.row .who small{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.row .who small{font-size:11.5px}
.axis .who b{color:inherit}
.lane{position:relative;flex:1;margin:0 14px 0 6px}
.axis .lane span{position:absolute;top:2px;padding-left:4px;white-space:nowrap}.axis .lane span::before{content:"";position:absolute;left:0;top:14px;height:8px;border-left:1px solid var(--line)}
.turn{position:absolute;top:21px;height:18px;min-width:3px;padding:0 6px;border:0;border-radius:4px;background:var(--c);color:#fff;font:11px/18px inherit;text-align:left;overflow:hidden;cursor:default;box-shadow:inset 0 0 0 .5px #0002}
.turn span{font:600 10.5px/18px system-ui,sans-serif;opacity:.92;pointer-events:none;white-space:nowrap}
.turn:hover{filter:brightness(1.12)}.turn:focus-visible{z-index:2}
.turn.cut{background:repeating-linear-gradient(135deg,var(--c) 0 5px,color-mix(in srgb,var(--c) 35%,var(--card)) 5px 9px);border-right:3px solid var(--bad)}
.turn.cut span{display:none}.turn.failed{background:var(--bad)}.turn.open{border-right:2px dashed var(--ink)}
.ticks{position:absolute;left:0;bottom:3px;width:100%;height:8px;pointer-events:none}.ticks path{stroke:var(--soft);stroke-width:1.5;vector-effect:non-scaling-stroke}.ticks .bad{stroke:var(--bad)}
.mark{position:absolute;top:1px;transform:translateX(-5px);font-size:11px;line-height:18px;white-space:nowrap;color:hsl(var(--h) var(--as) var(--al));cursor:default}
.mark em{font:600 10.5px/18px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;margin-left:3px;color:var(--ink)}
.mark.tight em{display:none}.zoomed .mark.tight em{display:inline}.mark.void{opacity:.55}.mark.void em{text-decoration:line-through}.mark.out{color:var(--bad)}
.mark.late{transform:translateX(calc(-100% + 6px));direction:rtl}.mark.late em{direction:ltr;unicode-bidi:isolate;margin:0 3px 0 0}
.overlay{position:absolute;top:0;bottom:0;left:var(--names);right:0;display:flex;pointer-events:none}
.epoch{position:absolute;top:20px;bottom:0;border-left:1px dashed color-mix(in srgb,var(--ink) 35%,transparent)}.epoch span{position:absolute;top:2px;left:3px;font:600 10.5px/15px system-ui,sans-serif;background:var(--faint);border-radius:4px;padding:0 4px;z-index:1}.epoch.budget{border-left:1px solid var(--bad)}.epoch.budget span{left:auto;right:3px;white-space:nowrap;color:var(--bad)}.mark.below{top:auto;bottom:1px;font-size:10px;line-height:10px;font-weight:700}.mark.budget{color:var(--bad)}.mark.compaction{color:var(--ink)}
.tip{position:fixed;z-index:9;max-width:440px;background:var(--ink);color:var(--card);padding:8px 12px;border-radius:8px;font-size:12.5px;line-height:1.45;white-space:pre-line;overflow-wrap:anywhere;pointer-events:none}
.groups{display:grid;gap:16px}.group{min-width:0}
.for{margin:0 0 4px;display:flex;gap:8px;align-items:baseline}.group.won .for{font-weight:650}.score{margin-left:auto;font-weight:650;font-variant-numeric:tabular-nums}
.meter{height:7px;border-radius:4px;background:var(--faint);overflow:hidden}.meter i{display:block;height:100%;background:hsl(var(--h) var(--as) var(--al));border-radius:4px}
section ul{list-style:none;margin:8px 0 0;padding:0;display:grid;gap:7px}section li{overflow-wrap:anywhere}
.own{border:1px solid var(--line);border-radius:9px;padding:0 7px;margin-right:7px;white-space:nowrap}
.name{font-weight:600;white-space:nowrap;margin-right:8px}q{quotes:none;color:var(--soft);unicode-bidi:isolate}
summary{cursor:pointer}summary h2{display:inline;margin:0}
.voided{margin-top:14px;font-size:14px}.voided summary{color:var(--soft)}.voided q{display:block;padding-left:16px}
.answers{display:grid;grid-auto-flow:column;grid-auto-columns:minmax(262px,1fr);gap:14px;overflow-x:auto;padding:3px 3px 8px}
.column{border:1px solid var(--line);border-top:4px solid hsl(var(--h) var(--as) var(--al));border-radius:10px;padding:12px 16px;min-width:0}
.column.won{box-shadow:0 0 0 2px hsl(var(--h) var(--as) var(--al)/.45)}
.column>header{display:flex;gap:10px;align-items:baseline;margin-bottom:8px}.column>header b{overflow-wrap:anywhere}
.column details{border-top:1px solid var(--line);padding:9px 0}.column .text{margin-top:8px;font-size:14px;max-height:520px;overflow:auto}
.lacking{margin:8px 0 0;padding:7px 11px;background:var(--faint);border-radius:7px;font-size:13.5px;overflow-wrap:anywhere}.lacking small{display:block}
ins{background:var(--ins);color:var(--insink);text-decoration:none;border-radius:3px}del{background:var(--del);color:var(--delink);border-radius:3px}
.plain ins{background:none;color:inherit}.plain del{display:none}.switch{font-size:13px;color:var(--soft)}
.table{overflow-x:auto}.numbers{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
.numbers th,.numbers td{padding:6px 14px 6px 0;text-align:right;white-space:nowrap}.numbers th:first-child{text-align:left;max-width:200px;overflow:hidden;text-overflow:ellipsis}
.numbers thead th{font-size:12px;font-weight:500;color:var(--soft);border-bottom:1px solid var(--line)}.numbers tbody tr+tr>*{border-top:1px solid var(--faint)}
.numbers tfoot>tr>*{border-top:1px solid var(--line);font-weight:650;vertical-align:top}.numbers td small{display:block;font-weight:400}
.numbers .bars{width:22%;min-width:120px;text-align:left;padding-right:0}.bars i{display:inline-block;height:10px;background:var(--c);vertical-align:middle}.bars i:first-child{border-radius:3px 0 0 3px}.bars i:last-child{border-radius:0 3px 3px 0}
.notes ol{list-style:none;margin:12px 0 0;padding:0;font-size:13.5px;display:grid;gap:4px}.notes time{color:var(--soft);font-variant-numeric:tabular-nums;display:inline-block;min-width:76px}
main>section:has(.notes){grid-column:1/-1}
footer{grid-column:1/-1;font-size:12.5px;color:var(--soft);text-align:center}
@media (max-width:820px){main{grid-template-columns:minmax(0,1fr);padding:12px;gap:12px}h1{font-size:21px}.plot{--names:112px}}
@media print{:root{color-scheme:light;--bg:#fff;--shadow:none}body{font-size:11pt}main{display:block;max-width:none;padding:0}section,.top{border:0;border-top:1px solid #999;border-radius:0;padding:12pt 0;box-shadow:none;break-inside:auto}
.zoom,.switch,.tip{display:none!important}.scroll,.answers,.text,.final .text,.column .text,.table,h1.long{max-height:none;overflow:visible}.answers{display:block}.column{margin-bottom:10pt}.plot{width:100%;min-width:0}h2,.verdict,.row,.group{break-inside:avoid;break-after:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@media (prefers-reduced-motion:no-preference){.turn{transition:filter .12s}}
`;
