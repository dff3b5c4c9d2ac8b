import { type ReactNode, useState, useSyncExternalStore } from "react";
import { type Answer, Answers, answerTo } from "./answers";
import type { Api } from "./api";
import type { Config } from "./config";
import type { Session, SessionStore } from "./session";

interface Props {
  config: Config;
  session: SessionStore;
  /** Calls the API, with the token. */
  api: Api;
}

export function App({ config, session: store, api }: Props): ReactNode {
  const { session, problem, events } = useSyncExternalStore(store.subscribe, store.snapshot);
  const [busy, setBusy] = useState("");
  const [answers, setAnswers] = useState<Answer[]>([]);
  const [payments, setPayments] = useState<Answer[]>([]);
  const signedIn = session.state === "signed-in";
  const ready = signedIn || session.state === "signed-out";

  /** A button that is busy until its work is done. */
  const button = (id: string, label: string, enabled: boolean, work: () => Promise<void>, look?: string): ReactNode => (
    <button type="button" id={id} className={look} disabled={!enabled} aria-busy={busy === id || undefined}
      onClick={() => {
        if (busy) return;
        setBusy(id);
        void work().finally(() => setBusy(""));
      }}>{label}</button>
  );

  /** Calls the API, several times at once where asked. */
  const call = (times: number) => async (): Promise<void> => {
    setAnswers([]);
    setAnswers(await Promise.all(Array.from({ length: times }, () => answerTo(api("")))));
  };

  const pay = async (): Promise<void> => {
    setPayments([]);
    setPayments([await answerTo(api("/payment", { method: "POST" }))]);
  };

  return (
    <>
      <header>
        <h1>A React app with <span className="name">usher</span></h1>
        <p>Function components, a store and one function around <code>fetch</code>. The tokens live in this page’s memory
        and nowhere else: reload it, open it twice, and it signs in again silently.</p>
        <p className="status" id="status" role="status" data-state={session.state}><Status session={session} /></p>
      </header>

      <main>
        {problem && <Notice config={config} problem={problem} unreachable={session.state === "unreachable"} />}

        <Card number={1} title="Log in" code="assistant.loginIfRequired()"
          text="Silently if the user has a session. The sign-in shows only if the user has to act.">
          {button("login", "Log in", session.state === "signed-out", () => store.login())}
        </Card>

        <Card number={2} title="Call the API" code={`fetch("${config.api}")`}
          text="The function adds the token, renews it when it has expired, and once more when the API refuses it.">
          <div className="buttons">
            {button("call", "Call the API", ready, call(1))}
            {button("callThrice", "Three times at once", ready, call(3), "second")}
          </div>
          <Answers id="answers" answers={answers} />
        </Card>

        <Card number={3} title="Make a payment" code={`fetch("${config.api}/payment", { method: "POST" })`}
          text={"The API wants the scope “payment” and a fresh sign-in. The function reads that in its refusal, and the user " +
            "signs in again if the last time is too long ago."}>
          {button("pay", "Make a payment", signedIn, pay)}
          <Answers id="payments" answers={payments} />
        </Card>

        <Card number={4} title="Renew silently" code="assistant.fetchTokens()"
          text="A hidden frame asks for a new token. Nothing shows, whatever the answer.">
          {button("renew", "Renew silently", ready, () => store.renew())}
        </Card>

        <Card number={5} title="Log out" code="assistant.logout()"
          text="The token is revoked, then the session ends. Call the API before and after to see it.">
          {button("logout", "Log out", signedIn, () => store.logout())}
        </Card>

        <section className="card" aria-labelledby="title_6">
          <h2 id="title_6">What happened</h2>
          <div role="log" aria-labelledby="title_6">
            <ol className="log" id="log">
              {events.length ? events.map((event, i) => <li key={i}>{event}</li>) : <li>Nothing yet.</li>}
            </ol>
          </div>
        </section>
      </main>

      <footer>
        <p>Client <code>{config.clientId}</code> of <code>{config.issuer}</code>.</p>
      </footer>
    </>
  );
}

function Status({ session }: { session: Session }): ReactNode {
  switch (session.state) {
    case "starting":
      return "Looking for the server …";
    case "unreachable":
      return "The server was not found.";
    case "signed-out":
      return "Nobody is signed in.";
    case "signed-in":
      return (
        <span>Signed in as <span id="subject">{session.subject}</span>; the token is good until{" "}
        <time dateTime={session.expires.toISOString()}>{session.expires.toLocaleTimeString()}</time>.</span>
      );
  }
}

function Notice({ config, problem, unreachable }: { config: Config; problem: string; unreachable: boolean }): ReactNode {
  return (
    <div className="notice" id="notice" role="alert">
      <h2>That did not work</h2>
      <p>{problem}</p>
      {unreachable && (
        <p>Is the server running, and does this browser trust its certificate? Run <code>usher demo</code> and{" "}
        <code>usher trust</code>, or open <a href={`${config.issuer}/.well-known/openid-configuration`}>a page of the
        server</a>, accept the certificate there, and reload this page.</p>
      )}
    </div>
  );
}

function Card(props: { number: number; title: string; text: string; code: string; children: ReactNode }): ReactNode {
  const title = `title_${props.number}`;
  return (
    <section className="card" aria-labelledby={title}>
      <h2 id={title}><span className="number">{props.number}</span> {props.title}</h2>
      <p>{props.text}</p>
      <pre className="call" tabIndex={0}><code>{props.code}</code></pre>
      {props.children}
    </section>
  );
}
