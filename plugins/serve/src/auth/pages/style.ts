/** The look of the pages: no fonts, images or scripts from anywhere, dark and light as the system is, from 320 px on. */
export const style = `
:root { color-scheme: light dark; --paper: #f4f5f7; --card: #fff; --ink: #14181f; --soft: #5a6473; --line: #d9dde3;
  --accent: #1f5fd1; --on-accent: #fff; --bad: #b3261e; --bad-paper: #fdecea; --good: #17693a; --field: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0e1116; --card: #171b22; --ink: #e8ebf0; --soft: #9aa5b4; --line: #2c333e;
    --accent: #6ea2ff; --on-accent: #0b1220; --bad: #ff9b92; --bad-paper: #3a1815; --good: #6fd39a; --field: #10141a; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center; justify-content: center;
  padding: 24px 16px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { width: 100%; max-width: 26rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 28px 24px; box-shadow: 0 1px 2px rgb(0 0 0 / 5%), 0 12px 32px rgb(0 0 0 / 7%); }
main.wide { max-width: 60rem; }
section { margin: 24px 0 0; padding-top: 8px; border-top: 1px solid var(--line); }
h2 { font-size: 1.0625rem; margin: 12px 0 4px; }
details { margin: 0 0 12px; } summary { cursor: pointer; min-height: 24px; }
summary:focus-visible, pre:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
pre { overflow: auto; padding: 12px; border: 1px solid var(--line); border-radius: 8px; background: var(--field);
  font: 0.8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
header { display: flex; align-items: center; gap: 10px; margin: 0 0 20px; color: var(--soft); font-size: 0.875rem;
  overflow-wrap: anywhere; }
header svg { flex: none; color: var(--accent); }
header strong { color: var(--ink); font-weight: 600; display: block; line-height: 1.2; }
h1 { font-size: 1.375rem; line-height: 1.25; margin: 0 0 8px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
p { margin: 0 0 16px; }
.soft { color: var(--soft); font-size: 0.9375rem; }
.error { background: var(--bad-paper); color: var(--bad); border-radius: 8px; padding: 10px 12px; font-size: 0.9375rem; }
.mark { display: block; margin: 0 0 12px; }
.mark.good { color: var(--good); } .mark.bad { color: var(--bad); }
dl { margin: 0 0 20px; border: 1px solid var(--line); border-radius: 10px; padding: 4px 14px; font-size: 0.9375rem; }
dl div { display: flex; gap: 12px; padding: 8px 0; } dl div + div { border-top: 1px solid var(--line); }
dt { flex: 0 0 5rem; color: var(--soft); } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
code { font: 600 0.9375rem/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; letter-spacing: 0.04em;
  white-space: nowrap; }
label { display: block; margin: 0 0 14px; font-size: 0.9375rem; font-weight: 550; }
input { display: block; width: 100%; margin-top: 6px; padding: 10px 12px; min-height: 44px; font: inherit; font-weight: 400;
  color: var(--ink); background: var(--field); border: 1px solid var(--soft); border-radius: 8px; }
input.code { font: 500 1.25rem/1.2 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; letter-spacing: 0.15em; }
.buttons { display: flex; flex-flow: row-reverse wrap; gap: 10px; margin-top: 20px; }
button { flex: 1 1 8rem; min-height: 44px; padding: 10px 16px; font: inherit; font-weight: 600; border-radius: 8px; cursor: pointer;
  border: 1px solid var(--soft); background: transparent; color: var(--ink); }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button:hover { filter: brightness(1.08); }
a { color: var(--accent); } a:focus-visible, button:focus-visible, input:focus-visible { outline: 3px solid var(--accent);
  outline-offset: 2px; }
.more { margin: 20px 0 0; padding-top: 16px; border-top: 1px solid var(--line); font-size: 0.9375rem; color: var(--soft); }
`;
