"""How the page looks: no script, no font, no picture from elsewhere; light and dark."""

__all__ = ["CSS", "filter_rules"]

CSS = """
:root{color-scheme:light dark;--bg:#f4f4ef;--card:#fff;--ink:#1d2420;--dim:#66706a;--line:#dcdfd8;
--accent:#b4530a;--on:#fff;--good:#2f6b46}
@media(prefers-color-scheme:dark){:root{--bg:#141816;--card:#1e2421;--ink:#e8ebe6;--dim:#98a39c;
--line:#323a35;--accent:#f2a054;--on:#1b1206;--good:#7fc79a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
header,main,footer,nav{max-width:1280px;margin:0 auto;padding:0 16px}
header{padding-top:28px}
h1{margin:0;font-size:30px;letter-spacing:-.02em}
.sub{margin:2px 0 16px;color:var(--dim)}
.facts{display:flex;flex-wrap:wrap;gap:8px 28px;margin:0 0 16px}
.facts div{display:flex;flex-direction:column-reverse}
.facts dt{color:var(--dim);font-size:13px}
.facts dd{margin:0;font-size:24px;font-weight:650;font-variant-numeric:tabular-nums}
.warn{border-left:4px solid var(--accent);background:var(--card);padding:10px 14px;margin:0 0 16px}
.pick{position:absolute;opacity:0;pointer-events:none}
.chips{position:sticky;top:0;z-index:1;display:flex;gap:6px;overflow-x:auto;padding-block:10px;
background:var(--bg)}
.chips label{flex:none;padding:5px 12px;border:1px solid var(--line);border-radius:99px;
background:var(--card);cursor:pointer;white-space:nowrap}
.chips b{font-weight:500;color:var(--dim);margin-left:4px;font-variant-numeric:tabular-nums}
.pick:focus-visible~.chips{outline:2px solid var(--accent)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,280px),1fr));gap:16px;
padding-block:6px 24px}
article{background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden;
display:flex;flex-direction:column}
article.target{border-color:var(--accent);box-shadow:0 0 0 1px var(--accent)}
.big,.more a,.none{display:grid;grid-template-rows:100%;place-items:center;aspect-ratio:4/3;
overflow:hidden;background:#0003}
.none{color:var(--dim)}
.fit{position:relative;display:block;width:100%}
img{display:block;width:100%;height:auto}
.fit b{position:absolute;border:2px solid var(--accent);box-shadow:0 0 0 1px #0008}
.more .fit b{border-width:1px}
.more{display:grid;grid-template-columns:repeat(auto-fill,minmax(64px,1fr));gap:2px;margin-top:2px}
.blank img{filter:saturate(.35);opacity:.75}
.text{padding:10px 14px 12px;display:grid;gap:3px}
h2{margin:0;font-size:17px;display:flex;justify-content:space-between;gap:8px}
h2 span{font-variant-numeric:tabular-nums;font-weight:500;color:var(--dim)}
i{color:var(--dim)}
.bar{height:4px;border-radius:2px;background:var(--line);overflow:hidden}
.bar span{display:block;height:100%;background:var(--good)}
.target .bar span{background:var(--accent)}
.text p{margin:0;color:var(--dim);font-size:13px;overflow-wrap:anywhere}
.text time{color:var(--ink);font-variant-numeric:tabular-nums}
.tag{display:inline-block;padding:1px 8px;border-radius:99px;border:1px solid var(--line);
font-size:12px;color:var(--dim)}
.target .tag{background:var(--accent);border-color:var(--accent);color:var(--on)}
.pages{display:flex;flex-wrap:wrap;gap:14px;padding-block:0 20px}
a{color:var(--accent)}
footer{color:var(--dim);font-size:13px;padding-bottom:40px}
"""


def filter_rules(labels: int) -> str:
    """Give the rules that show the sequences of the label picked, and hide the others."""
    return "".join(
        f"#f{n}:checked~main article:not(.l{n}){{display:none}}"
        f"#f{n}:checked~.chips label[for=f{n}]"
        "{background:var(--ink);border-color:var(--ink);color:var(--bg)}"
        for n in range(labels)
    ) + (
        "#all:checked~.chips label[for=all]"
        "{background:var(--ink);border-color:var(--ink);color:var(--bg)}"
    )
