// Takes pictures of every page in light and dark, wide and narrow, into e2e/screenshots, and the README's
// docs/picture.png.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { look, LOOKS } from "./harness/axe.ts";
import { globalSetup } from "./harness/build.ts";
import { allPages } from "./harness/pages.ts";
import { ROOT } from "./harness/paths.ts";
import { world } from "./harness/world.ts";

const FOLDER = join(import.meta.dirname, "screenshots");
const README_PICTURE = { page: "dialog-app", scheme: "light", size: "wide" };

globalSetup();
mkdirSync(FOLDER, { recursive: true });
const w = await world();
try {
  for (const [name, open] of Object.entries(await allPages(w))) {
    const { tab } = await open();
    for (const each of LOOKS) {
      await look(tab, each);
      const file = join(FOLDER, `${name}-${each.scheme}-${each.size}.png`);
      const fullPage = !name.startsWith("dialog");
      await tab.screenshot({ path: file as `${string}.png`, fullPage });
      if (name === README_PICTURE.page && each.scheme === README_PICTURE.scheme && each.size === README_PICTURE.size) {
        await tab.screenshot({ path: join(ROOT, "docs/picture.png") as `${string}.png` });
      }
    }
    console.log(name);
  }
} finally {
  await w.close();
}
