// The app has to come from an allowed origin of the client, such as <<literal .Origin>>.
import { useEffect, useState } from "react";
import type { Assistant, TokenError, Usher } from "./assisted-token"; // a copy of usher's js/assisted-token.d.ts

const server = <<literal .Server>>;
const clientId = <<literal .Client>>;

let assistant: Promise<Assistant> | undefined;

/** The Authorization header for the app's own API. The user signs in only where that is needed for it. */
export async function authorization(): Promise<string> {
  assistant ??= loadLibrary().then((usher) => usher.token.assistant({ clientId }));
  const held = await assistant;
  await held.loginIfRequired();
  return held.getAuthHeader();
}

export function App() {
  const [text, setText] = useState("Signing in …");

  useEffect(() => {
    authorization()
      .then((Authorization) => fetch("/api", { headers: { Authorization } }))
      .then(async (answer) => setText(await answer.text()))
      .catch((error: TokenError | Error) => setText("error" in error ? error.error_description : error.message));
  }, []);

  return <p>{text}</p>;
}

function loadLibrary(): Promise<Usher> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${server}/oauth/v2/oauth-assisted-token/resources/js/assisted-token.min.js`;
    script.onload = () => resolve(globalThis.curity);
    script.onerror = () => reject(new Error(`${script.src} did not load`));
    document.head.append(script);
  });
}
