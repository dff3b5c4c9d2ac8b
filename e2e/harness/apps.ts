// The example apps that have to be built, Angular and React, each with its API in Go.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { BUILD, ROOT } from "./paths.ts";
import type { Answer } from "./site.ts";
import type { Usher } from "./usher.ts";

/** Where each app is at home: the demo's client knows these origins. */
export const APPS = { "angular-spa": "http://localhost:4200", "react-spa": "http://localhost:3000" } as const;
export type App = keyof typeof APPS;

const folder = (app: App): string => join(ROOT, "examples", app);

/** Builds the apps, each only where its files have changed since. */
export function buildApps(): void {
  for (const app of Object.keys(APPS) as App[]) {
    const stamp = join(BUILD, `${app}.built`);
    const sources = digest(app);
    const dist = join(folder(app), "dist/index.html");
    if (existsSync(dist) && existsSync(stamp) && readFileSync(stamp, "utf8") === sources) continue;
    const command = ["--prefix", folder(app), "run", "--silent", "build"];
    execFileSync("npm", command, { stdio: ["ignore", "ignore", "inherit"], timeout: 120_000 });
    writeFileSync(stamp, sources);
  }
}

function digest(app: App): string {
  const hash = createHash("sha256");
  for (const file of files(folder(app))) {
    if (!file.endsWith(".go")) hash.update(file).update(readFileSync(join(folder(app), file)));
  }
  return hash.update(readFileSync(join(ROOT, "js/assisted-token.d.ts"))).digest("hex");
}

/** What was made in an app's folder, not written. */
const OTHERS = ["node_modules", "dist", ".angular"];

/** The files of a folder and those below, by their path in it. */
function files(top: string): string[] {
  const walk = (at: string): string[] =>
    readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
      const path = join(at, entry.name);
      if (entry.isDirectory()) return OTHERS.includes(entry.name) ? [] : walk(path);
      return relative(top, path);
    });
  return walk(top).sort();
}

/** What a web server has for the built app: its files, under the Content-Security-Policy of its README, and its config.json. */
export function builtApp(app: App, usher: Usher, api: string): Record<string, Answer> {
  const dist = join(folder(app), "dist");
  const pages: Record<string, Answer> = {};
  for (const file of files(dist)) pages[`/${file}`] = readFileSync(join(dist, file), "utf8");
  pages["/config.json"] = JSON.stringify({ issuer: `${usher.server}/oauth/v2/oauth-anonymous`, clientId: "client-assisted-example", api });
  const html = String(pages["/index.html"]);
  const csp = policy(app, usher.server, new URL(api).origin);
  pages["/"] = (_request, response) => {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.setHeader("Content-Security-Policy", csp);
    response.end(html);
  };
  return pages;
}

/** The policy that the README tells, with the addresses of this run. */
function policy(app: App, server: string, api: string): string {
  const line = readFileSync(join(folder(app), "README.md"), "utf8").split("\n").find((each) => each.startsWith("default-src"));
  if (!line) throw new Error(`the README of ${app} has no Content-Security-Policy`);
  return line.replaceAll("https://localhost:8443", server).replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, api);
}
