/** How the page looks: light or dark as the reader has it, from a phone's width on. */
export const STYLE = `
:root{color-scheme:light dark;--line:light-dark(#d0d7de,#3d444d);--soft:light-dark(#59636e,#9aa4af);--back:light-dark(#f6f8fa,#161b22);--link:light-dark(#0550ae,#79b8ff)}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:60rem;font:1rem/1.5 system-ui,sans-serif;background:light-dark(#fff,#0d1117);color:light-dark(#1f2328,#e6edf3)}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,pre:focus-visible{outline:3px solid var(--link);outline-offset:2px}
h2{margin:2.5rem 0 .25rem;text-transform:capitalize}
h3{margin:1rem 0 .25rem;font-size:1rem}
p{margin:.25rem 0 .75rem;max-width:46rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:0;padding:0;list-style:none}
nav a{display:inline-block;padding:.25rem 0;text-transform:capitalize}
code,pre{font:.875rem/1.45 ui-monospace,monospace;overflow-wrap:anywhere}
pre{margin:.25rem 0;padding:.75rem;background:var(--back);border:1px solid var(--line);border-radius:.375rem;white-space:pre-wrap}
details{margin:.375rem 0;border:1px solid var(--line);border-radius:.375rem}
summary{padding:.625rem .75rem;cursor:pointer}
summary b{display:inline-block;min-width:3.75rem;font:700 .8125rem ui-monospace,monospace}
summary span{display:block;color:var(--soft)}
details>div{padding:0 .75rem .75rem;border-top:1px solid var(--line)}
details>div>:first-child{margin-top:.75rem}
ul.fields{margin:.25rem 0;padding-left:1rem;list-style:none;border-left:2px solid var(--line)}
ul.fields li{margin:.375rem 0}
ul.fields span,li small{color:var(--soft)}
ul.fields strong{font-weight:600;font-size:.8125rem}
ul.fields p{margin:0}
`;
