/**
 * The default look. An adopted style sheet is allowed by the strictest CSP, which a style element or
 * attribute is not. What an app's class may change stands in :where(), so that any class wins over it.
 */
const LOOK = `
.usher-dialog{position:fixed;inset:0;box-sizing:border-box;width:100%;height:100%;max-width:none;max-height:none;margin:0;padding:0;border:0;background:none;overflow:hidden;color-scheme:light dark}
.usher-dialog[open]{display:flex;align-items:center;justify-content:center}
.usher-dialog::backdrop{background:none}
:where(.usher-backdrop){position:fixed;inset:0;background:#10142066;backdrop-filter:blur(3px)}
.usher-panel{position:relative;z-index:2147483647;display:flex;color:#5b6472}
.usher-dialog .usher-panel{animation:usher-in .18s ease-out;border-radius:16px;background:#fff;box-shadow:0 24px 64px #10142059,0 2px 8px #1014201f}
.usher-panel:not(.usher-loaded)::before{content:"";position:absolute;inset:0;width:28px;height:28px;margin:auto;border:3px solid;border-right-color:#0000;border-radius:50%;opacity:.5;animation:usher-turn .9s linear infinite}
:where(.usher-frame){position:relative;display:block;border:0;border-radius:16px;width:420px;height:560px}
.usher-dialog .usher-frame{max-width:100vw;max-height:100vh;max-height:100dvh}
:where(.usher-embedded .usher-frame){width:100%}
:where(.usher-close){position:absolute;top:6px;right:6px;z-index:2147483647}
.usher-x{box-sizing:border-box;width:44px;height:44px;padding:0;border:0;border-radius:50%;background:#fff;color:#3c4450;font:26px/44px system-ui,sans-serif;text-align:center;cursor:pointer}
.usher-x:hover{background:#eef0f4}
.usher-note{box-sizing:border-box;width:340px;max-width:100vw;padding:44px 28px 28px;color:#1b1f27;font:16px/1.5 system-ui,sans-serif;text-align:center}
.usher-note p{margin:0 0 20px}
.usher-note button{width:100%;min-height:46px;border:0;border-radius:8px;background:#2250c4;color:#fff;font:600 16px system-ui,sans-serif;cursor:pointer}
.usher-note button:focus-visible{outline:3px solid #3b6fe0;outline-offset:2px}
.usher-x:focus-visible{outline:3px solid #3b6fe0;outline-offset:-3px}
@keyframes usher-in{from{opacity:0;transform:translateY(10px)}}
@keyframes usher-turn{to{transform:rotate(1turn)}}
@media(prefers-color-scheme:dark){
:where(.usher-backdrop){background:#000000a6}
.usher-panel{color:#aab2c0}
.usher-dialog .usher-panel{background:#1b1f27;box-shadow:0 24px 64px #000c,0 0 0 1px #ffffff1a}
.usher-x{background:#1b1f27;color:#dfe3ea}
.usher-x:hover{background:#2c323d}
.usher-x:focus-visible,.usher-note button:focus-visible{outline-color:#8fb2ff}
.usher-note{color:#eceef2}
.usher-note button{background:#8fb0ff;color:#0e1526}
}
@media(max-width:480px){
.usher-dialog .usher-panel,.usher-dialog .usher-frame{border-radius:0!important}
.usher-dialog .usher-frame{width:100vw!important;height:100vh!important;height:100dvh!important}
}
@media(prefers-reduced-motion:reduce){.usher-panel,.usher-panel:not(.usher-loaded)::before{animation:none!important}}`;

let adopted = false;

export function adoptLook(): void {
  if (adopted) return;
  adopted = true;
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(LOOK);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  } catch {
    // A browser from before 2023: the dialog works, in the browser's own look.
  }
}
