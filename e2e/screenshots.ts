// Takes pictures of every page in light and dark, wide and narrow, into e2e/screenshots, and those of the documents:
// the README's docs/picture.png, those of docs/browsers.md, and the main admin pages in docs/admin with a note of what they were made from.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { adminPages, agree, furnish, pagesDigest } from "./harness/admin-pages.ts";
import { look, LOOKS } from "./harness/axe.ts";
import { liveThroughADay } from "./harness/database.ts";
import { globalSetup } from "./harness/build.ts";
import { allPages, blockedPages, type Pages } from "./harness/pages.ts";
import { ROOT } from "./harness/paths.ts";
import { startServer, type Server } from "./harness/server.ts";
import { world, type World } from "./harness/world.ts";

const FOLDER = join(import.meta.dirname, "screenshots");
/** The admin pages that docs/admin.md shows, in light and wide. */
const ADMIN_PICTURES = ["overview", "clients", "client-new", "client", "profile", "change", "client-trying", "files"];
/** The pages that docs/browsers.md shows. */
const BROWSERS_PICTURES = ["dialog-continue", "dialog-window", "window-asked"];
const README_PICTURE = { page: "dialog-app", scheme: "light", size: "wide" };

globalSetup();
mkdirSync(FOLDER, { recursive: true });
mkdirSync(join(ROOT, "docs/admin"), { recursive: true });
mkdirSync(join(ROOT, "docs/browsers"), { recursive: true });
await everybodysPages(await world(), allPages);
await everybodysPages(await world({ policy: "blocked" }), blockedPages);
await operatorsPages();

async function everybodysPages(w: World, pagesOf: (w: World) => Promise<Pages>): Promise<void> {
  try {
    for (const [name, open] of Object.entries(await pagesOf(w))) {
      const { tab } = await open();
      for (const each of LOOKS) {
        await look(tab, each);
        const file = join(FOLDER, `${name}-${each.scheme}-${each.size}.png`);
        const fullPage = !name.startsWith("dialog");
        await tab.screenshot({ path: file as `${string}.png`, fullPage });
        if (BROWSERS_PICTURES.includes(name) && each.scheme === "light" && each.size === "wide") {
          await tab.screenshot({ path: join(ROOT, `docs/browsers/${name}.png`) as `${string}.png` });
        }
        if (name === README_PICTURE.page && each.scheme === README_PICTURE.scheme && each.size === README_PICTURE.size) {
          await tab.screenshot({ path: join(ROOT, "docs/picture.png") as `${string}.png` });
        }
      }
      console.log(name);
    }
  } finally {
    await w.close();
  }
}

async function operatorsPages(): Promise<void> {
  let usher: Server | undefined;
  const w = await world({ start: async () => (usher = await startServer()) });
  try {
    const tab = await w.session.fresh();
    await furnish(usher!, tab);
    const other = await w.session.browser.createBrowserContext();
    await agree(usher!, await other.newPage());
    await other.close();
    const pages = await adminPages(usher!);
    liveThroughADay(usher!);
    for (const [name, way] of Object.entries(pages)) {
      if (typeof way === "string") await tab.goto(way);
      else await way(tab);
      for (const each of LOOKS) {
        await look(tab, each);
        await tab.screenshot({ path: join(FOLDER, `admin-${name}-${each.scheme}-${each.size}.png`) as `${string}.png`, fullPage: true });
        if (ADMIN_PICTURES.includes(name) && each.scheme === "light" && each.size === "wide") {
          await tab.screenshot({ path: join(ROOT, `docs/admin/${name}.png`) as `${string}.png` });
        }
      }
      console.log(`admin: ${name}`);
    }
    writeFileSync(join(ROOT, "docs/admin/pictures.json"), `${JSON.stringify({ made_from: pagesDigest(), by: "make screenshots" }, null, 2)}\n`);
  } finally {
    await w.close();
  }
}
