// ask.js - dialogs and notices.
import { $, button, h } from './dom.js'

export function notice(text, { fix, tone = 'ok', stays = tone === 'bad' } = {}) {
  const box = h('div.toast', { 'data-tone': tone, role: tone === 'bad' ? 'alert' : 'status' },
    h('div', h('p', text), fix && h('p.fix', fix)),
    button('Close', () => box.remove(), { class: 'small quiet' }))
  $('toasts').append(box)
  while ($('toasts').children.length > 4) $('toasts').firstChild.remove()
  if (!stays) setTimeout(() => box.remove(), 6000)
}

export function complain(e) {
  if (e?.name === 'AbortError') return
  notice(e?.message || String(e), { fix: e?.fix, tone: 'bad' })
}

// A modal dialog. RENDER receives close(value) and returns the contents. The promise resolves to the value.
export function dialog(title, render, { wide } = {}) {
  return new Promise(done => {
    const d = h('dialog', { class: wide && 'wide', 'aria-labelledby': 'dialog-title' })
    const close = value => { d.returned = value; d.close() }
    d.append(h('h2#dialog-title', title), ...[render(close)].flat())
    d.addEventListener('close', () => { d.remove(); done(d.returned) })
    d.addEventListener('click', e => { if (e.target === d) d.close() })
    document.body.append(d)
    d.showModal()
  })
}

export function confirm(title, text, yes, { danger } = {}) {
  return dialog(title, close => [
    ...[text].flat().map(t => h('p', t)),
    h('div.row.end',
      // Enter twice is not enough for what cannot be undone.
      button('Cancel', () => close(false), { autofocus: danger }),
      button(yes, () => close(true), { class: danger ? 'danger' : 'primary', autofocus: !danger })),
  ])
}

// Run WORK with BUTTON disabled; show errors.
export async function busy(element, work) {
  element.disabled = true
  element.setAttribute('aria-busy', 'true')
  try {
    return await work()
  } catch (e) {
    complain(e)
  } finally {
    element.disabled = false
    element.removeAttribute('aria-busy')
  }
}
