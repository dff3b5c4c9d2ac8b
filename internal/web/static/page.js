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
  const first = find('[data-focus]');
  const focusFirst = () => document.activeElement === document.body && first && first.focus();
  focusFirst();
  window.addEventListener('focus', focusFirst);

  const pages = {
    // Offers a window, and goes on when that window says it is done.
    window() {
      let opened = null;
      find('#continue').addEventListener('click', () => {
        opened = window.open(main.dataset.open, '_blank', 'popup,width=480,height=700');
        if (!opened) find('#blocked').hidden = false;
      });
      window.addEventListener('message', (event) => {
        if (!opened || event.source !== opened || event.origin !== location.origin) return;
        if (event.data && event.data.type === 'done') find('#go-on').requestSubmit();
      });
    },
    // Ends such a window: only our own page hears it.
    done() {
      // Only an opener of our own origin lets us look at it; to any other this window shows no difference.
      try {
        if (window.opener.origin !== location.origin) return;
      } catch (stranger) {
        return;
      }
      window.opener.postMessage({ type: 'done' }, location.origin);
      window.close();
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
