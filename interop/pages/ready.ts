// What the pages have in common: the server's address, and word to the test that the page is ready.
import type { AppPage } from "../harness/app.ts";

/** Where the server is, and the client that the page's address names. */
export interface Place {
  readonly issuer: string;
  readonly client: string;
  /** The page's address without what the server added to it. */
  readonly page: string;
  /** The address is that of the frame which renews. */
  readonly silent: boolean;
}

export async function start(make: (place: Place) => Promise<AppPage | undefined>): Promise<void> {
  try {
    const { issuer } = (await (await fetch("/world.json")).json()) as { issuer: string };
    const [, library, client = "", silent] = location.pathname.split("/");
    const app = await make({ issuer, client, page: `${location.origin}/${library}/${client}`, silent: silent === "silent" });
    if (!app) return;
    Object.assign(globalThis, { app });
    document.documentElement.dataset["ready"] = "yes";
  } catch (error) {
    document.documentElement.dataset["ready"] = String(error);
  }
}
