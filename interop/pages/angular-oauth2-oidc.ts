import { start } from "./ready.ts";

void start(async (place) => {
  if (place.silent) {
    parent.postMessage(`#${location.search.slice(1)}`, location.origin);
    return undefined;
  }
  const { makeApp } = await import("./angular-app.ts");
  return makeApp(place);
});
