// Small comforts on top of pages that work without them: relative times, copy buttons, keyboard shortcuts.
(() => {
  'use strict';
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const find = (selector) => document.querySelector(selector);

  const follow = find('[data-follow]');
  let followed = follow && follow.innerHTML; // as it came, before anything here changes it

  // Times read as "3 minutes ago"; the exact one stays as the title, and shows alone after a click on it.
  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  function tell(time) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) || units[3];
    if (unit === 'day' && Math.abs(seconds) > 30 * 86400) return;
    if (!time.title) time.title = time.textContent;
    time.textContent = relative.format(Math.trunc(seconds / size), unit);
  }
  const tellAll = () => all('main time').filter((time) => !('exact' in time.dataset)).forEach(tell);
  tellAll();
  setInterval(tellAll, 30000);

  // The address said what was done; a reload has not to say it again.
  const here = new URL(location.href);
  if (here.searchParams.has('done')) {
    here.searchParams.delete('done');
    history.replaceState(null, '', here);
  }

  // Whoever presses twice sends once. A download leaves the page as it is, so its form may go again.
  for (const form of all('form[method="post"]')) {
    form.addEventListener('submit', (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = 'yes';
      if (event.submitter) event.submitter.setAttribute('aria-busy', 'true');
    });
  }
  window.addEventListener('pageshow', () => {
    for (const form of all('form[data-sent]')) delete form.dataset.sent;
    for (const button of all('[aria-busy]')) button.removeAttribute('aria-busy');
  });

  // To the first fault: a group of boxes hands the focus to its first box.
  function focusField(field) {
    const into = field.matches('fieldset') ? field.querySelector('input') : field;
    if (into) into.focus();
  }
  const wrong = find('[aria-invalid="true"]') || find('#faults');
  if (wrong) wrong.focus();
  for (const link of all('.summary a')) {
    link.addEventListener('click', (event) => {
      const field = document.getElementById(link.hash.slice(1));
      if (!field) return;
      event.preventDefault();
      const folded = field.closest('details');
      if (folded) folded.open = true;
      focusField(field);
    });
  }

  for (const button of all('[data-copy]')) {
    button.hidden = !navigator.clipboard;
    const label = button.firstChild;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      label.data = 'Copied';
      setTimeout(() => { label.data = 'Copy'; }, 2000);
    });
  }

  for (const button of all('[data-show]')) {
    const password = document.getElementById(button.dataset.show);
    button.hidden = false;
    button.addEventListener('click', () => {
      const visible = password.type === 'password';
      password.type = visible ? 'text' : 'password';
      button.textContent = visible ? 'Hide' : 'Show';
      button.setAttribute('aria-label', visible ? 'Hide password' : 'Show password');
    });
  }

  // Seconds with a reading beside: 604800 is 7 days.
  function reading(seconds) {
    if (!/^\d{1,9}$/.test(seconds)) return '';
    let left = Number(seconds);
    if (left === 0) return '';
    const parts = [];
    for (const [unit, size] of units) {
      const count = Math.floor(left / size);
      left -= count * size;
      if (count) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`);
    }
    return parts.join(' ');
  }
  for (const input of all('[data-seconds]')) {
    const beside = document.getElementById(input.dataset.seconds);
    const initial = beside.textContent;
    input.addEventListener('input', () => {
      beside.textContent = input.value === input.defaultValue ? initial : reading(input.value);
    });
  }

  // A file that was chosen shows in the field for its text, to be looked at first.
  for (const input of all('[data-into]')) {
    input.addEventListener('change', async () => {
      const file = input.files[0];
      if (!file) return;
      document.getElementById(input.dataset.into).value = await file.text();
      input.value = '';
    });
  }

  // A view that follows is asked for anew every few seconds, and put in its place where something changed; not while the
  // focus is in it, which would be lost.
  if (follow) {
    const again = async () => {
      try {
        const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
        if (answer.redirected || answer.status === 401) return location.reload(); // signed out: sign in again
        if (answer.ok) {
          const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
          const fresh = page.querySelector('[data-follow]');
          if (fresh && fresh.innerHTML !== followed && !follow.contains(document.activeElement)) {
            followed = fresh.innerHTML;
            follow.replaceChildren(...fresh.childNodes);
            tellAll();
          }
        }
      } catch { /* the server is away: ask again later */ }
      setTimeout(again, 3000);
    };
    setTimeout(again, 3000);
  }

  // Keyboard shortcuts: never while typing, and they can be switched off (WCAG 2.1.4).
  const dialog = find('#shortcuts');
  if (!dialog) return;
  const key = 'usher-shortcuts';
  const box = find('#shortcuts-on');
  const enabled = () => localStorage.getItem(key) !== 'off';
  box.checked = enabled();
  box.addEventListener('change', () => localStorage.setItem(key, box.checked ? 'on' : 'off'));
  for (const button of all('[data-shortcuts]')) {
    button.hidden = false;
    button.addEventListener('click', () => dialog.showModal());
  }
  let goTo = -Infinity; // when g was pressed
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog.open || !enabled()) return;
    if (event.target.closest('input, textarea, select, [contenteditable]')) return;
    const after = event.timeStamp - goTo < 1500;
    goTo = -Infinity;
    if (after) {
      const link = find(`.menu a[data-key="${CSS.escape(event.key)}"]`);
      if (!link) return;
      event.preventDefault();
      link.click();
      return;
    }
    const target = { '/': () => find('[type="search"]'), n: () => find('[data-new]') }[event.key];
    if (event.key === 'g') {
      goTo = event.timeStamp;
    } else if (event.key === '?') {
      dialog.showModal();
    } else if (target && target()) {
      event.preventDefault();
      if (event.key === '/') target().focus();
      else target().click();
    }
  });
})();
