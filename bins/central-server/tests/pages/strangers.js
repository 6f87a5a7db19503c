// What a test of strangers' words does inside a page. It is put before what is run there.

// Elements and attributes that no template has: what was entered has become markup.
const foreign = (shown) => [...shown.querySelectorAll('*')].filter((one) =>
  ['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'STYLE', 'BASE', 'B', 'I'].includes(one.tagName.toUpperCase())
  || (one.tagName === 'IMG' && !one.closest('.brand'))
  || [...one.attributes].some(({ name, value }) => name.startsWith('on') || name === 'autofocus'
    || (['href', 'src', 'action', 'formaction'].includes(name) && /^\s*javascript:/i.test(value)))
).map((one) => one.outerHTML.slice(0, 300));

// Every form with everything it sends: a form for each address its buttons send it to.
const forms = (shown) => [...shown.querySelectorAll('form')].flatMap((form) => {
  const fields = new Map();
  for (const one of form.querySelectorAll('[name]')) {
    const choice = one.tagName === 'SELECT' ? one.querySelector('option[selected]') : null;
    const off = ['checkbox', 'radio'].includes(one.type) && !one.hasAttribute('checked');
    const value = one.tagName === 'SELECT' ? (choice ? choice.getAttribute('value') : '')
      : one.tagName === 'TEXTAREA' ? one.textContent : one.getAttribute('value') ?? '';
    const known = fields.get(one.name);
    fields.set(one.name, {
      name: one.name,
      value: known && known.value !== '' ? known.value : off ? '' : value,
      hidden: one.type === 'hidden',
      box: ['checkbox', 'radio'].includes(one.type),
      required: one.required,
    });
  }
  const method = (form.getAttribute('method') ?? 'get').toLowerCase();
  const elsewhere = [...form.querySelectorAll('[formaction]')].map((one) => one.getAttribute('formaction'));
  const targets = [form.getAttribute('action') ?? '', ...elsewhere];
  return targets.map((action) => ({ method, action, fields: [...fields.values()] }));
});

const look = (shown) => ({
  foreign: foreign(shown),
  forms: forms(shown),
  ran: shown.documentElement.textContent.includes('54439') || shown.title.includes('54439') || !!window.__ran,
  problem: shown.querySelector('[data-code]')?.dataset.code ?? null,
  next: shown.querySelector('a[rel=next]')?.getAttribute('href') ?? null,
});

// Looks at a page without showing it.
const peek = async (path) =>
  look(new DOMParser().parseFromString(await (await fetch(path)).text(), 'text/html'));

// Sends a form without showing what comes of it; looks at that all the same.
const send = async (action, pairs) => {
  const answer = await fetch(action, { method: 'POST', body: new URLSearchParams(pairs) });
  const shown = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const to = new URL(answer.url);
  return { ...look(shown), status: answer.status, to: answer.redirected ? to.pathname + to.search : null };
};

// Sends a form as a reader does: what comes of it is shown.
const submit = (action, pairs) => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = action;
  for (const [name, value] of pairs) {
    const field = document.createElement('textarea');
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  HTMLFormElement.prototype.submit.call(form);
};
