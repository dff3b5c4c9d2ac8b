// The script of all server pages: the last line against being framed by strangers, and small comforts. Its syntax is that
// of 2015, so that it runs in old and embedded browsers, too.
(() => {
  'use strict';
  const root = document.documentElement;
  const frame = root.dataset.frame || ''; // the one origin that may frame this page
  const framed = window.top !== window;
  const ancestors = location.ancestorOrigins; // not known to every browser; frame-ancestors is
  if (framed && (frame === '' || (ancestors && Array.from(ancestors).some((origin) => origin !== frame)))) return;
  if (framed) root.classList.add('framed');
  root.removeAttribute('data-guard');

  const find = (selector) => document.querySelector(selector);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const main = find('main');

  // The app that opened this window learns that the two can still talk; if it is that app.
  if (main.dataset.opener && window.opener) window.opener.postMessage({ status: 'open' }, main.dataset.opener);

  // Escape means Cancel, also while the focus is inside the frame, where the app cannot hear it.
  document.addEventListener('keydown', (event) => {
    const cancel = find('#cancel');
    if (event.key === 'Escape' && !event.isComposing && cancel) cancel.click();
  });

  // Whoever presses twice sends once.
  for (const form of all('form')) {
    form.addEventListener('submit', (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = 'yes';
      if (event.submitter) event.submitter.setAttribute('aria-busy', 'true');
    });
  }
  window.addEventListener('pageshow', () => {
    for (const form of all('form')) delete form.dataset.sent;
    for (const button of all('[aria-busy]')) button.removeAttribute('aria-busy');
  });

  const retry = find('#retry');
  if (retry) {
    retry.hidden = false;
    retry.addEventListener('click', () => location.reload());
  }

  const show = find('#show-password');
  if (show) {
    const password = find('#password');
    show.hidden = false;
    show.addEventListener('click', () => {
      const visible = password.type === 'password';
      password.type = visible ? 'text' : 'password';
      show.textContent = visible ? 'Hide' : 'Show';
      show.setAttribute('aria-label', visible ? 'Hide password' : 'Show password');
    });
  }
  // In a frame of another site a field takes the focus only once the frame itself has it.
  let first = find('[data-focus]');
  const focusFirst = () => document.activeElement === document.body && first && first.focus();
  focusFirst();
  window.addEventListener('focus', focusFirst);

  // What this frame keeps: whether a cookie of ours comes back, plain or for this app's site alone. Only a try tells.
  const keeps = (name, more) => {
    const cookie = `__Host-usher-${name}=1;Path=/;Secure;SameSite=None${more}`;
    document.cookie = cookie;
    const kept = document.cookie.includes(`${name}=1`);
    document.cookie = `${cookie};Max-Age=0`;
    return kept;
  };
  const keepsAny = () => keeps('plain', '') || keeps('parted', ';Partitioned');
  for (const field of all('[name=frame_cookies]')) field.value = framed ? (keepsAny() ? 'yes' : 'no') : '';

  const redeem = (form, ticket, verifier) => {
    form.elements.namedItem('ticket').value = String(ticket || '');
    form.elements.namedItem('verifier').value = String(verifier || '');
    form.requestSubmit();
  };

  // The button opens a window of our own, where our cookies are first-party. When that says it is done, the form goes on, with
  // the ticket that the window got for the challenge: the verifier never leaves this page but in that form.
  const offerWindow = () => {
    let opened = null;
    const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
    const verifier = encode(crypto.getRandomValues(new Uint8Array(32)));
    let challenge = '';
    if (crypto.subtle) {
      crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)).then((hash) => {
        challenge = `&ticket_challenge=${encode(hash)}`;
      });
    }
    find('#continue').addEventListener('click', () => {
      opened = window.open(main.dataset.open + challenge, '_blank', 'popup,width=480,height=700');
      find('#blocked').hidden = Boolean(opened);
      // Under an opener policy of the app the window is there, and cut off: then its ticket comes through the app's own page.
      if (!opened && framed) window.parent.postMessage({ type: 'window_lost' }, frame);
    });
    window.addEventListener('message', (event) => {
      const type = event.data && event.data.type;
      const ours = opened ? type === 'done' && event.source === opened && event.origin === location.origin
        : type === 'ticket' && event.source === window.parent && event.origin === frame;
      if (!ours) return;
      if (opened) opened.close();
      redeem(find('#go-on'), event.data.ticket, verifier);
    });
  };

  const pages = {
    // Offers a window, in the place of pages that must not be framed.
    window: offerWindow,
    // Offers it beside the form, where first-party cookies of ours do not reach this frame; as the better way where it keeps
    // none at all, since then only a window leaves a session behind.
    signin() {
      const access = main.dataset.storageAccess;
      if (!main.dataset.open || access === 'active' || (!access && keeps('plain', ''))) return;
      if (!keepsAny()) {
        find('#continue').textContent = 'Sign in in a window';
        find('#offer-text').textContent = 'You stay signed in when this page is loaded again.';
        find('#offer-else').textContent = 'or, for this tab only';
        find('#continue').classList.remove('quiet');
        find('#submit').classList.add('quiet');
        first = find('#continue');
      }
      find('#offer').hidden = false;
      first.focus();
      offerWindow();
    },
    // Ends such a window: only our own page hears it, and closes it.
    done() {
      if (!window.opener && main.dataset.return) return location.replace(main.dataset.return);
      // Only an opener of our own origin lets us look at it; to any other this window shows no difference.
      try {
        if (window.opener.origin !== location.origin) return;
      } catch (stranger) {
        return;
      }
      window.opener.postMessage({ type: 'done', ticket: main.dataset.ticket }, location.origin);
    },
    // Ends a window that the app opened: the app hears it, and closes it. Where the two were cut apart, the app's own page,
    // which this window then shows, passes it on.
    handover() {
      if (window.opener) window.opener.postMessage(JSON.parse(main.dataset.message), main.dataset.to);
      else if (main.dataset.return) location.replace(main.dataset.return);
    },
    // Takes a ticket from the library of the app's page.
    ticket() {
      const form = find('#go-on');
      window.addEventListener('message', (event) => {
        if (event.source !== window.parent || event.origin !== frame || !event.data || event.data.type !== 'ticket') return;
        redeem(form, event.data.ticket, event.data.verifier);
      });
      window.parent.postMessage({ type: 'ticket_ready' }, frame);
    },
    // Ends a window that the browser opened. Outside such a window there is nobody to tell, and the page says what to do.
    resolve() {
      if (!('IdentityProvider' in window)) return;
      const { ticket, account } = main.dataset;
      const told = ticket ? IdentityProvider.resolve(ticket, { accountId: account }) : IdentityProvider.close();
      if (told) told.catch(() => undefined);
    },
    // Carries the answer to the app by itself; the button is for those without script.
    formpost() {
      find('#answer').submit();
    },
    logout() {
      const form = find('#logout');
      if (main.dataset.auto) return form.requestSubmit();
      if (!main.dataset.awaitsToken) return;
      window.addEventListener('message', (event) => {
        if (event.source !== window.parent || event.origin !== frame || !event.data || event.data.type !== 'logout') return;
        form.elements.namedItem('access_token').value = String(event.data.access_token || '');
        form.requestSubmit();
      });
      window.parent.postMessage({ type: 'logout_ready' }, frame);
    },
    // Goes on once the clients' frames have loaded, or have taken too long: an app that waits is told sooner.
    signedout() {
      const next = find('#next');
      const tells = 'tells' in main.dataset && framed;
      if (!next && !tells) return;
      let gone = false;
      const goOn = () => {
        if (gone) return;
        gone = true;
        if (tells) window.parent.postMessage({ status: 'success', type: 'logout' }, frame);
        else location.replace(next.href);
      };
      setTimeout(goOn, tells ? 1000 : 3000);
      if (document.readyState === 'complete') goOn();
      else window.addEventListener('load', goOn);
    },
  };
  const here = pages[main.dataset.page];
  if (here) here();
})();
