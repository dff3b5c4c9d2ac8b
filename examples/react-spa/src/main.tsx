import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { apiFetch } from "./api";
import { App } from "./App";
import { loadConfig } from "./config";
import { SessionStore } from "./session";
import "./styles.css";

async function start(): Promise<void> {
  const config = await loadConfig();
  const session = new SessionStore(config);
  void session.start();
  createRoot(document.getElementById("root")!).render(
    <StrictMode>
      <App config={config} session={session} api={apiFetch(config, session)} />
    </StrictMode>,
  );
}

start().catch((error: unknown) => {
  document.body.textContent = `The app did not start: ${String(error)}`;
});
